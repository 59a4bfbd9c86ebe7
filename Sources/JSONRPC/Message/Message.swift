package import NIOCore

/// What one line from a client came to (JSON-RPC 2.0, sections 4 to 6).
package enum Message: Sendable, Equatable {
    /// What one object of a message came to.
    package enum Item: Sendable, Equatable {
        /// A request or a notification.
        case request(Request)
        /// Neither; to be answered with the error. The id is that of the item if it has a valid one, else null.
        case invalid(id: RequestID, RPCError)
    }

    /// One request, or one thing to be answered with an error.
    case single(Item)
    /// A batch of at least one item, to be answered with one array.
    case batch([Item])

    /// Reads a line without its terminator. Every line gives a message: what is wrong with it is in the message.
    ///
    /// - Parameter maximumBatch: A batch of more items is not taken apart but answered with one error.
    package init(line: ByteBuffer, maximumBatch: Int) {
        do {
            switch try JSONValue(parsing: line) {
            case .array(let batch): self = Message(batch: batch, maximum: maximumBatch)
            case let value: self = .single(Item(value))
            }
        } catch {
            self = .single(.invalid(id: .null, .parseError(error)))
        }
    }

    private init(batch: JSONText, maximum: Int) {
        var cursor = JSONCursor(batch)
        var items: [Item] = []
        while let range = cursor.nextElement() {
            guard items.count < maximum else {
                self = .single(.invalid(id: .null, .batchTooLong(limit: maximum)))
                return
            }
            items.append(Item(cursor.value(in: range)))
        }
        if items.isEmpty {
            self = .single(.invalid(id: .null, .invalidRequest("The batch is empty; put at least one request in it.")))
        } else {
            self = .batch(items)
        }
    }
}

extension Message.Item {
    /// Sorts out one message, or one element of a batch.
    init(_ value: JSONValue) {
        guard case .object(let object) = value else {
            self = .invalid(id: .null, .invalidRequest("A request must be an object with jsonrpc, method and id."))
            return
        }
        let envelope = Envelope(object)
        do {
            self = .request(try envelope.request())
        } catch {
            self = .invalid(id: envelope.validID ?? .null, error)
        }
    }
}

/// The members of an object that JSON-RPC 2.0 gives a meaning. The others are ignored and not even made into values.
private struct Envelope {
    private var cursor: JSONCursor
    private var version: Range<Int>?
    private var id: Range<Int>?
    private var method: Range<Int>?
    private var params: Range<Int>?
    /// Which of the four came more than once: readers differ in which one counts, so none does.
    private var repeated: [String] = []

    init(_ object: JSONText) {
        self.cursor = JSONCursor(object)
        while let (name, value) = self.cursor.nextMember() {
            let isFirst =
                if self.cursor.holds("id", in: name) {
                    Self.fill(&self.id, with: value)
                } else if self.cursor.holds("jsonrpc", in: name) {
                    Self.fill(&self.version, with: value)
                } else if self.cursor.holds("method", in: name) {
                    Self.fill(&self.method, with: value)
                } else if self.cursor.holds("params", in: name) {
                    Self.fill(&self.params, with: value)
                } else {
                    true
                }
            if !isFirst { self.note(repeated: self.cursor.string(in: name)) }
        }
    }

    /// Whether the field was empty.
    private static func fill(_ field: inout Range<Int>?, with range: Range<Int>) -> Bool {
        defer { field = range }
        return field == nil
    }

    private mutating func note(repeated name: String) {
        if !self.repeated.contains(name) { self.repeated.append(name) }
    }

    /// The id, if there is exactly one and it is a string, a number or null.
    var validID: RequestID? {
        guard let id, !self.repeated.contains("id") else { return nil }
        return switch self.cursor.value(in: id) {
        case .string, .number, .null: RequestID(checked: self.cursor.source(in: id))
        case .bool, .array, .object: nil
        }
    }

    func request() throws(RPCError) -> Request {
        if let name = self.repeated.first {
            throw .invalidRequest("The member \(name) comes more than once; send it once.")
        }
        guard let version, self.cursor.holds("2.0", in: version) else {
            throw .invalidRequest("The member jsonrpc must be the string 2.0.")
        }
        let id = self.validID
        guard id != nil || self.id == nil else {
            throw .invalidRequest("The id must be a string, a number or null.")
        }
        guard case .string(let method)? = self.method.map(self.cursor.value) else {
            throw .invalidRequest("The member method must be a string, the name of a method.")
        }
        switch self.params.map(self.cursor.value) {
        case nil: return Request(id: id, method: method, params: .none)
        case .array(let text): return Request(id: id, method: method, params: .positional(text.elements()))
        case .object(let text): return Request(id: id, method: method, params: .named(text.members()))
        case .null, .bool, .number, .string:
            throw .invalidRequest("The params must be an object or an array; leave the member out if there are none.")
        }
    }
}
