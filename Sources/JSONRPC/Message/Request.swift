/// The params of a request, one level deep (JSON-RPC 2.0, section 4.2).
package enum Params: Sendable, Equatable {
    /// The request has no params.
    case none
    /// By position.
    case positional([JSONValue])
    /// By name in the order of the request, repeated names included.
    case named([JSONMember])
}

/// A well-formed request (JSON-RPC 2.0, section 4). Whether there is such a method is not known here.
package struct Request: Sendable, Equatable {
    /// What the reply is marked with; nil for a notification, which is carried out and not answered.
    package let id: RequestID?
    /// The method's name.
    package let method: String
    /// The params.
    package let params: Params

    /// A request made by hand, as a client or a test does.
    package init(id: RequestID?, method: String, params: Params) {
        self.id = id
        self.method = method
        self.params = params
    }
}

/// What one object of a message came to.
package enum Entry: Sendable, Equatable {
    /// A request or a notification.
    case request(Request)
    /// Neither; to be answered with the error. The id is that of the entry if it has a valid one, else null.
    case invalid(id: RequestID, RPCError)
}

extension Entry {
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
