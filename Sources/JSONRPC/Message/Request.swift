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
