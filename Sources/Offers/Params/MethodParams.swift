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
