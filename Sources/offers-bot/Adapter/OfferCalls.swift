import Offers

/// The calls that the adapter makes, each for the master with this Telegram user id.
///
/// All throw ``CallFailure`` and `CancellationError`, nothing else.
protocol OfferCalls: Sendable {
    /// A page of the list.
    func list(for user: Int64, limit: Int, offset: Int) async throws -> ListOffersResult
    /// One offer.
    func card(_ order: Int64, for user: Int64) async throws -> GetOfferResult
    /// Claims an order; it may be called again whatever came of it.
    func accept(_ order: Int64, for user: Int64) async throws -> AcceptOfferResult
    /// Declines an offer; it may be called again whatever came of it.
    func decline(_ order: Int64, for user: Int64) async throws -> DeclineOfferResult
}
