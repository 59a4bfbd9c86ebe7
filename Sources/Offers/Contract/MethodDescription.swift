/// One method of the contract: what its params are read with (`Arguments`) and what the OpenRPC document says of it.
package struct MethodDescription: Sendable {
    /// The `method` of a request.
    package let name: String
    /// One line.
    package let summary: String
    /// What a caller has to know beyond names and types.
    package let description: String
    /// The params; the positional ones in their positions.
    package let parameters: [ParameterDescription]
    /// What the result looks like.
    package let result: JSONSchema
    /// Every reason the method itself can answer with. Errors of line and request (PARSE_ERROR, INVALID_REQUEST,
    /// BATCH_TOO_LONG, METHOD_NOT_FOUND, LINE_TOO_LONG) belong to no method and are not repeated here.
    package let errors: [Reason]

    /// The names that may be given by position, in order.
    package var positionalNames: [String] {
        parameters.filter(\.positional).map(\.name)
    }
}

/// One param of a method.
package struct ParameterDescription: Sendable {
    /// What a param may be.
    package enum Kind: Sendable {
        /// An integer of any size; one that no column can hold is a thing that is simply not found.
        case identifier
        /// An integer within a range, and its value when left out.
        case integer(ClosedRange<Int>, default: Int)
        /// One of these strings, and the one meant when left out.
        case choice([String], default: String)
    }

    /// The name in `params`, and the `data.path` of a refusal.
    package let name: String
    /// One line.
    package let summary: String
    /// What it may be.
    package let kind: Kind
    /// Whether the method refuses to run without it.
    package let required: Bool
    /// Whether it may also be given by position.
    package let positional: Bool

    /// A param that may be given by name and, unless said otherwise, by position.
    package init(_ name: String, _ summary: String, _ kind: Kind, required: Bool = false, positional: Bool = true) {
        self.name = name
        self.summary = summary
        self.kind = kind
        self.required = required
        self.positional = positional
    }
}
