package import JSONRPC

/// The methods of the contract, called over a connection to the service.
///
/// Every call throws `RPCError` when the service refuses (``Reason`` tells why), `ClientError` when it does not answer,
/// ``UnexpectedResult`` when its answer is not that of this contract, and `CancellationError`. After `ClientError` a
/// write may have taken effect: repeat it, that is safe.
package struct OffersClient: Sendable {
    /// How long a call waits if nothing else is said: a little longer than the service's own deadline for writes.
    package static let replyTimeout: Duration = .seconds(6)

    private let client: Client
    private let deadline: Duration

    /// A client that waits `deadline` for each reply.
    package init(_ client: Client, deadline: Duration = OffersClient.replyTimeout) {
        self.client = client
        self.deadline = deadline
    }

    /// The orders that a master can accept now.
    package func listOffers(_ params: ListOffersParams) async throws -> ListOffersResult {
        try await call(Contract.listOffers, params.members)
    }

    /// One offer, as long as it can be accepted.
    package func getOffer(_ params: OrderParams) async throws -> GetOfferResult {
        try await call(Contract.getOffer, params.members)
    }

    /// Accepts an order. A result means that it is committed.
    package func acceptOffer(_ params: OrderParams) async throws -> AcceptOfferResult {
        try await call(Contract.acceptOffer, params.members)
    }

    /// Declines an offer. A result means that it is committed.
    package func declineOffer(_ params: OrderParams) async throws -> DeclineOfferResult {
        try await call(Contract.declineOffer, params.members)
    }

    /// Why a master can or cannot take an order, or why the list is as it is.
    package func explainOffer(_ params: ExplainOfferParams) async throws -> ExplainOfferResult {
        try await call(Contract.explainOffer, params.members)
    }

    /// The state of the service.
    package func health() async throws -> HealthResult {
        try await call(Contract.health, [])
    }

    private func call<Result: Decodable>(
        _ method: MethodDescription, _ members: [JSONMember]
    ) async throws -> Result {
        try Result(json: await client.call(method.name, named: members, deadline: deadline))
    }
}

extension RPCError {
    /// The reason as the contract knows it; nil for one of a later version, or of another program.
    package var knownReason: Reason? {
        Reason(rawValue: reason)
    }
}
