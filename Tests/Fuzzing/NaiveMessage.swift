package import JSONRPC
package import NIOCore

/// JSON-RPC 2.0 once more: what becomes of a line, told from its members and without any state; and the replies of a
/// server whose only method is `echo`.
package enum NaiveMessage {
    /// The entries that a batch may have.
    package static let maximumBatch = 50

    /// What one entry comes to.
    package enum Outcome {
        /// To be carried out; the id is nil for a notification.
        case request(id: JSONValue?)
        /// To be answered with an error that bears this id.
        case invalid(id: JSONValue)

        /// Whether the code under test came to the same; the id must stand in `line` as it goes back.
        package func agrees(with entry: Message.Item, of line: [UInt8]) -> Bool {
            switch (self, entry) {
            case (.request(nil), .request(let request)): request.id == nil
            case (.request(let id?), .request(let request)): isSame(id, request.id, line)
            case (.invalid(let id), .invalid(let other, _)): isSame(id, other, line)
            default: false
            }
        }

        private func isSame(_ id: JSONValue, _ other: RequestID?, _ line: [UInt8]) -> Bool {
            guard let other, let value = try? JSONValue(parsing: ByteBuffer(string: other.json)) else { return false }
            return value == id && (id == .null || line.contains(Array(other.json.utf8)))
        }
    }

    /// One for each entry of the line.
    package static func outcomes(of line: [UInt8]) -> [Outcome] {
        guard NaiveJSON.accepts(line), let value = try? JSONValue(parsing: ByteBuffer(bytes: line)) else {
            return [.invalid(id: .null)]
        }
        guard let elements = value.elements else { return [outcome(of: value)] }
        if elements.isEmpty || elements.count > maximumBatch { return [.invalid(id: .null)] }
        return elements.map(outcome)
    }

    private static func outcome(of value: JSONValue) -> Outcome {
        guard let members = value.members else { return .invalid(id: .null) }
        func all(_ name: String) -> [JSONValue] { members.filter { $0.name == name }.map(\.value) }
        let (ids, methods, params) = (all("id"), all("method"), all("params"))
        let id = ids.count == 1 && isID(ids[0]) ? ids[0] : nil
        let isValid =
            all("jsonrpc") == [.string("2.0")] && methods.count == 1 && methods[0].stringValue != nil
            && (ids.isEmpty || id != nil)
            && params.count <= 1 && params.allSatisfy { $0.elements != nil || $0.members != nil }
        return isValid ? .request(id: id) : .invalid(id: id ?? .null)
    }

    private static func isID(_ value: JSONValue) -> Bool {
        switch value {
        case .null, .number, .string: true
        case .bool, .array, .object: false
        }
    }

    /// The line, without its end, that answers a line; nil when nothing does.
    package static func reply(to line: ByteBuffer) -> ByteBuffer? {
        switch Message(line: line, maximumBatch: maximumBatch) {
        case .single(let entry):
            return reply(to: entry)
        case .batch(let entries):
            let replies = entries.compactMap(reply)
            return replies.isEmpty
                ? nil
                : ByteBuffer(
                    bytes: [0x5B] + replies.map { Array($0.readableBytesView) }.joined(separator: [0x2C]) + [0x5D])
        }
    }

    private static func reply(to entry: Message.Item) -> ByteBuffer? {
        let line: ByteBuffer
        switch entry {
        case .invalid(let id, let error):
            line = ReplyLine.failure(id, error)
        case .request(let request):
            guard let id = request.id else { return nil }
            switch request.params {
            case _ where request.method != "echo":
                line = ReplyLine.failure(id, .methodNotFound)
            case .positional(let values) where !values.isEmpty:
                line = ReplyLine.success(id, values[0])
            default:
                line = ReplyLine.failure(id, .invalidParams(path: "value", message: "value is missing"))
            }
        }
        return ByteBuffer(bytes: line.readableBytesView.dropLast())
    }
}
