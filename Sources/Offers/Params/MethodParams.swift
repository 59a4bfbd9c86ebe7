package import JSONRPC

/// The params of `listOffers`.
package struct ListOffersParams: Hashable, Sendable {
    /// Whose offers.
    package let master: MasterReference
    /// How many entries at most, 1…100.
    package let limit: Int
    /// How many entries to skip, 0…2147483647.
    package let offset: Int

    /// What a client asks for; the service checks the ranges.
    package init(master: MasterReference, limit: Int = 20, offset: Int = 0) {
        self.master = master
        self.limit = limit
        self.offset = offset
    }

    /// Reads the params of a request as `method` describes them; every refusal is INVALID_PARAMS with `data.path`.
    package init(_ params: Params, of method: MethodDescription) throws(RPCError) {
        let arguments = try Arguments(params, of: method)
        master = try arguments.master()
        limit = arguments.integer("limit")
        offset = arguments.integer("offset")
    }

    /// The params by name.
    package var members: [JSONMember] {
        [
            master.member,
            JSONMember(name: "limit", value: .identifier(Int64(limit))),
            JSONMember(name: "offset", value: .identifier(Int64(offset))),
        ]
    }
}

/// The params of `getOffer`, `acceptOffer` and `declineOffer`.
package struct OrderParams: Hashable, Sendable {
    /// Who.
    package let master: MasterReference
    /// `orders.id`; nil is an integer beyond 64 bits, an order that is simply not found.
    package let order: Int64?

    /// What a client asks for.
    package init(master: MasterReference, order: Int64?) {
        self.master = master
        self.order = order
    }

    /// Reads the params of a request as `method` describes them; every refusal is INVALID_PARAMS with `data.path`.
    package init(_ params: Params, of method: MethodDescription) throws(RPCError) {
        let arguments = try Arguments(params, of: method)
        master = try arguments.master()
        order = try arguments.requiredIdentifier("orderId")
    }

    /// The params by name.
    package var members: [JSONMember] {
        [master.member, JSONMember(name: "orderId", value: .identifier(order))]
    }
}

/// The params of `explainOffer`.
package struct ExplainOfferParams: Hashable, Sendable {
    /// Who.
    package let master: MasterReference
    /// `orders.id`; nil: none is asked for, `.some(nil)`: an integer beyond 64 bits, an order that there is not.
    package let order: Int64??

    /// What a client asks for.
    package init(master: MasterReference, order: Int64??) {
        self.master = master
        self.order = order
    }

    /// Reads the params of a request as `method` describes them; every refusal is INVALID_PARAMS with `data.path`.
    package init(_ params: Params, of method: MethodDescription) throws(RPCError) {
        let arguments = try Arguments(params, of: method)
        master = try arguments.master()
        order = arguments.identifier("orderId")
    }

    /// The params by name.
    package var members: [JSONMember] {
        [master.member] + (order.map { [JSONMember(name: "orderId", value: .identifier($0))] } ?? [])
    }
}

/// The params of `metrics`.
package struct MetricsParams: Hashable, Sendable {
    /// The form of the result.
    package enum Format: String, CaseIterable, Sendable {
        /// An object.
        case json
        /// The Prometheus text exposition, as one string.
        case prometheus
    }

    /// The form asked for.
    package let format: Format

    /// Reads the params of a request as `method` describes them; every refusal is INVALID_PARAMS with `data.path`.
    package init(_ params: Params, of method: MethodDescription) throws(RPCError) {
        format = try Format(rawValue: Arguments(params, of: method).choice("format")) ?? .json
    }
}

/// The params of a method that has none: `health` and `rpc.discover`. An empty object or array is none, too.
package struct NoParams: Hashable, Sendable {
    /// Checks that the request has none, as `method` describes none; every refusal is INVALID_PARAMS with `data.path`.
    package init(_ params: Params, of method: MethodDescription) throws(RPCError) {
        _ = try Arguments(params, of: method)
    }
}

/// The params of one request, checked against the description of its method.
///
/// Refuses, always with `data.path`: a name that the method does not have, a name given twice, a value of the wrong
/// type or outside its range, and more positional params than there are. What comes first in the request is refused
/// first; what is missing is looked for last, by the typed params that ask for it.
struct Arguments {
    private enum Value {
        case identifier(Int64?)
        case integer(Int)
        case choice(String)
    }

    private let parameters: [ParameterDescription]
    /// In the order of `parameters`; nil = not given.
    private var values: [Value?]

    init(_ params: Params, of method: MethodDescription) throws(RPCError) {
        parameters = method.parameters
        values = Array(repeating: nil, count: parameters.count)
        switch params {
        case .none:
            break
        case .named(let members):
            for member in members { try take(member) }
        case .positional(let elements):
            try take(elements, named: method.positionalNames)
        }
        for index in values.indices where values[index] == nil {
            values[index] = Self.defaultValue(parameters[index].kind)
        }
    }

    private mutating func take(_ member: JSONMember) throws(RPCError) {
        guard let index = index(of: member.name) else {
            let names = parameters.map(\.name).joined(separator: ", ")
            throw .invalidParams(
                path: member.name,
                message: names.isEmpty
                    ? "Unknown parameter; this method has none." : "Unknown parameter; this method has \(names).")
        }
        guard values[index] == nil else {
            throw .invalidParams(path: member.name, message: "This parameter is given twice; give it once.")
        }
        values[index] = try Self.value(member.value, kind: parameters[index].kind, path: member.name)
    }

    private mutating func take(_ elements: [JSONValue], named names: [String]) throws(RPCError) {
        guard elements.count <= names.count else {
            let allowed = names.isEmpty ? "none" : names.joined(separator: ", ")
            throw .invalidParams(
                path: String(names.count), message: "Too many positional parameters; allowed, in order: \(allowed).")
        }
        for (name, element) in zip(names, elements) {
            try take(JSONMember(name: name, value: element))
        }
    }

    private static func value(
        _ json: JSONValue, kind: ParameterDescription.Kind, path: String
    ) throws(RPCError) -> Value {
        switch kind {
        case .identifier:
            guard case .number(let number) = json, number.isInteger else {
                throw .invalidParams(path: path, message: "Must be an integer without fraction and exponent.")
            }
            return .identifier(number.int64)
        case .integer(let range, default: _):
            guard case .number(let number) = json, number.isInteger, let integer = number.int64,
                let value = Int(exactly: integer), range.contains(value)
            else {
                throw .invalidParams(
                    path: path,
                    message:
                        "Must be an integer without fraction and exponent, from \(range.lowerBound) to \(range.upperBound)."
                )
            }
            return .integer(value)
        case .choice(let labels, default: _):
            guard case .string(let label) = json, labels.contains(label) else {
                let allowed = labels.map { "\"\($0)\"" }.joined(separator: ", ")
                throw .invalidParams(path: path, message: "Must be one of \(allowed).")
            }
            return .choice(label)
        }
    }

    private static func defaultValue(_ kind: ParameterDescription.Kind) -> Value? {
        switch kind {
        case .identifier: nil
        case .integer(_, default: let value): .integer(value)
        case .choice(_, default: let label): .choice(label)
        }
    }

    private func index(of name: String) -> Int? {
        parameters.firstIndex { $0.name == name }
    }

    private func value(_ name: String) -> Value? {
        index(of: name).flatMap { values[$0] }
    }

    /// The identifier of this name; `.some(nil)` is an integer beyond Int64, nil is not given.
    func identifier(_ name: String) -> Int64?? {
        guard case .identifier(let value)? = value(name) else { return nil }
        return .some(value)
    }

    /// The identifier of this name; nil is an integer beyond Int64.
    func requiredIdentifier(_ name: String) throws(RPCError) -> Int64? {
        guard let identifier = identifier(name) else {
            throw .invalidParams(path: name, message: "This required parameter is missing; give an integer.")
        }
        return identifier
    }

    /// The integer of this name, or its default. A method that does not describe one is a mistake in this program,
    /// which no request can bring about: it stops.
    func integer(_ name: String) -> Int {
        guard case .integer(let value)? = value(name) else {
            preconditionFailure("the method describes no integer \(name)")
        }
        return value
    }

    /// The label of this name, or its default. It must be described, as an integer must.
    func choice(_ name: String) -> String {
        guard case .choice(let label)? = value(name) else {
            preconditionFailure("the method describes no choice \(name)")
        }
        return label
    }

    /// The master, named by exactly one of `masterId` and `telegramUserId`.
    func master() throws(RPCError) -> MasterReference {
        let message = "Name the master by exactly one of masterId and telegramUserId."
        switch (identifier("masterId"), identifier("telegramUserId")) {
        case (.some(let id), nil): return .id(id)
        case (nil, .some(let id)): return .telegramUser(id)
        case (.some, .some): throw .invalidParams(path: "telegramUserId", message: message)
        case (nil, nil): throw .invalidParams(path: "masterId", message: message)
        }
    }
}
