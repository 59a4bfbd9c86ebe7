import JSONRPC
import Logging
import Offers
import Postgres

/// What the methods ask of the database, in the contract's terms. It holds no answer longer than it takes to give it.
struct OffersDatabase: Sendable {
    private let pool: PostgresPool
    private let claims: ClaimRunner
    private let metrics: DistributionMetrics

    /// - Parameter onRetry: called each time that an accept or decline is run again.
    init(pool: PostgresPool, metrics: DistributionMetrics, logger: Logger, onRetry: @escaping @Sendable () -> Void) {
        self.pool = pool
        self.claims = ClaimRunner(pool: pool, logger: logger, onRetry: onRetry)
        self.metrics = metrics
    }

    /// The master's list: exactly one statement (DESIGN.md G4).
    func listOffers(
        _ params: ListOffersParams, deadline: any Deadline
    ) async throws(OffersFailure) -> ListOffersReply {
        let reply: ListOffersReply?
        do throws(PostgresError) {
            let bound = ListOffersQuery.bound(params)
            let rows = try await pool.read(bound, deadline: deadline)
            do {
                reply = try ListOffersReply(rows, offset: params.offset)
            } catch {
                throw PostgresError(error, in: bound.statement.name)
            }
        } catch {
            throw OffersFailure(read: error)
        }
        guard let reply else { throw .offers(.masterNotFound) }
        return reply
    }

    /// The card of one offer.
    func getOffer(_ params: OrderParams, deadline: any Deadline) async throws(OffersFailure) -> GetOfferResult {
        let answer = try await read(GetOfferQuery.bound(params), deadline: deadline) { rows throws(ResultMismatch) in
            try GetOfferQuery.decode(rows)
        }
        do {
            return try answer.get()
        } catch {
            throw .offers(error)
        }
    }

    /// Accepts; a success means that the server has confirmed COMMIT (DESIGN.md G1).
    func acceptOffer(_ params: OrderParams, deadline: any Deadline) async throws(OffersFailure) -> AcceptOfferResult {
        let started = MonotonicTime.now()
        let (verdict, repeated) = try await claims.run(
            AcceptOfferStatement.transaction(params), keys: ExclusionKey.keys(of: params), deadline: deadline)
        switch verdict {
        case .refused(let error):
            throw .offers(error)
        case .done(var result, let statusBefore, let asOf):
            // Found as ours by asking again: if it was accepted since we began, then by our own first attempt.
            let elapsed = Int64((MonotonicTime.now().nanoseconds - started.nanoseconds) / 1000)
            if repeated, result.alreadyAccepted, let at = result.acceptedAt, at.microseconds >= asOf - elapsed {
                result = result.asAcceptedNow
            }
            if !result.alreadyAccepted, let acceptedAt = result.acceptedAt {
                metrics.record(
                    order: result.orderId, master: result.masterId, at: acceptedAt.microseconds,
                    statusBefore: repeated ? nil : statusBefore)
            }
            return result
        }
    }

    /// Declines all open offers of the pair.
    func declineOffer(_ params: OrderParams, deadline: any Deadline) async throws(OffersFailure) -> DeclineOfferResult {
        let (verdict, _) = try await claims.run(
            DeclineOfferStatement.transaction(params), keys: ExclusionKey.keys(of: params), deadline: deadline)
        switch verdict {
        case .refused(let error): throw .offers(error)
        case .done(let result, _, _): return result
        }
    }

    private func read<Value: Sendable>(
        _ bound: BoundStatement, deadline: any Deadline, decode: Decoder<Value>
    ) async throws(OffersFailure) -> Value {
        do {
            return try await pool.read(bound, deadline: deadline, decode: decode)
        } catch {
            throw OffersFailure(read: error)
        }
    }
}

extension ExclusionKey {
    /// At most one waiting claim per order and per master occupies a connection. A master named by Telegram user is
    /// another key than by id: telling that they are one would take a query more.
    fileprivate static func keys(of params: OrderParams) -> [ExclusionKey] {
        var keys: [ExclusionKey] = []
        switch params.master {
        case .id(let number): if let number { keys.append(ExclusionKey(space: 0, value: number)) }
        case .telegramUser(let number): if let number { keys.append(ExclusionKey(space: 1, value: number)) }
        }
        if let order = params.order { keys.append(ExclusionKey(space: 2, value: order)) }
        return keys
    }
}

extension AcceptOfferResult {
    /// The same, accepted by this very request.
    fileprivate var asAcceptedNow: AcceptOfferResult {
        AcceptOfferResult(
            masterId: masterId, orderId: orderId, offerId: offerId, alreadyAccepted: false, acceptedAt: acceptedAt,
            order: order)
    }
}
