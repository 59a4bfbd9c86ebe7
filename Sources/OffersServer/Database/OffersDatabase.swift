import JSONRPC
import Logging
import Offers
import Postgres

/// What the methods ask of the database, in the contract's terms. It holds no answer longer than it takes to give it.
///
/// An object, because every call takes it along.
final class OffersDatabase: Sendable {
    private let postgres: PostgresClient
    private let writes: WriteExecutor
    private let metrics: DistributionMetrics
    private let monitor: DatabaseMonitor
    private let writesByOrder = WritesByOrder()

    /// - Parameter onRetry: called each time that an accept or decline is run again.
    init(
        postgres: PostgresClient, monitor: DatabaseMonitor, metrics: DistributionMetrics, logger: Logger,
        onRetry: @escaping @Sendable () -> Void
    ) {
        self.postgres = postgres
        self.monitor = monitor
        self.writes = WriteExecutor(postgres: postgres, logger: logger, onRetry: onRetry)
        self.metrics = metrics
    }

    /// Called once, on any thread, with what came of a query.
    typealias End<Value> = @Sendable (Result<Value, MethodError>) -> Void

    /// The master's list: exactly one statement.
    func listOffers(_ params: ListOffersParams, _ operation: Operation, end: @escaping End<ListOffersReply>) {
        listOffers(params, monitor.hasUniqueOpenPairs ? .unique : .distinct, operation, end: end)
    }

    private func listOffers(
        _ params: ListOffersParams, _ form: ListOffersQuery.Form, _ operation: Operation,
        end: @escaping End<ListOffersReply>
    ) {
        let bound = ListOffersQuery.bound(params, form)
        postgres.read(bound, deadline: operation.deadline, trace: operation.trace) { [self] result in
            if form == .unique, case .failure(.refused(let message)) = result, message.isMissingObject,
                message.sqlState == .undefinedTable
            {
                // It was refused, so this is still the one statement that answers.
                monitor.uniqueOpenPairsAreGone()
                return listOffers(params, .distinct, operation, end: end)
            }
            end(
                answer(result, to: bound) { rows throws(ResultMismatch) in
                    try ListOffersReply(rows, params).map { .success($0) } ?? .failure(.masterNotFound)
                })
        }
    }

    /// The card of one offer.
    func getOffer(_ params: OrderParams, _ operation: Operation, end: @escaping End<GetOfferResult>) {
        let bound = GetOfferQuery.bound(params)
        postgres.read(bound, deadline: operation.deadline, trace: operation.trace) { [self] in
            end(answer($0, to: bound, GetOfferQuery.decode))
        }
    }

    /// Why an order can or cannot be accepted, or why the list is as it is: one statement, and so of one moment.
    func explainOffer(_ params: ExplainOfferParams, _ operation: Operation, end: @escaping End<ExplainOfferResult>) {
        if let order = params.order {
            let mayReadHistory = monitor.inspection?.canReadHistory ?? true
            return explainOffer(params, order, mayReadHistory ? .complete : .withoutHistory, operation, end: end)
        }
        let bound = ExplainListQuery.statement(params.master)
        postgres.read(bound, deadline: operation.deadline, trace: operation.trace) { [self] in
            end(
                answer($0, to: bound) { rows throws(ResultMismatch) in
                    .success(try ExplainListQuery.decode(rows, params))
                })
        }
    }

    private func explainOffer(
        _ params: ExplainOfferParams, _ order: Int64?, _ form: ExplainOfferQuery.Form, _ operation: Operation,
        end: @escaping End<ExplainOfferResult>
    ) {
        let bound = ExplainOfferQuery.bound(params.master, order, form)
        postgres.read(bound, deadline: operation.deadline, trace: operation.trace) { [self] result in
            if form == .complete, case .failure(.refused(let message)) = result, message.isMissingObject {
                // Perhaps it is only the history that cannot be read.
                monitor.lookAgain()
                return explainOffer(params, order, .withoutHistory, operation, end: end)
            }
            end(
                answer(result, to: bound) { rows throws(ResultMismatch) in
                    .success(try ExplainOfferQuery.decode(rows, params, hasHistory: form == .complete))
                })
        }
    }

    /// Accepts; a success means that the server has confirmed COMMIT. What the same caller asked before
    /// takes effect before this, or at the same moment.
    func acceptOffer(
        _ params: OrderParams, _ operation: Operation
    ) async throws(MethodError) -> AcceptOfferResult {
        writesByOrder.begin(params.order)
        defer { writesByOrder.end(params.order) }
        let (verdict, unknownSince) = try await run(AcceptOfferStatement.transaction, params, operation)
        switch verdict {
        case .refused(let error):
            throw .offers(error)
        case .notLocked:
            throw .database(.rowsNotLocked)
        case .done(let acceptance):
            var result = acceptance.result
            if !result.alreadyAccepted {
                writesByOrder.tell(result.orderId)
            } else if let unknownSince, let at = result.acceptedAt {
                // Found as ours by asking again: if it was accepted since the attempt that was not heard of was sent, then by
                // that one, unless another write of this order has been told so. The database's clock was at `asOf` a moment
                // ago, so this never denies what was our own doing; it may count as its own what the same master did on another
                // instance in the milliseconds that `asOf` took to get here.
                let elapsed = Int64((MonotonicTime.now().nanoseconds - unknownSince.nanoseconds) / 1000)
                if at.microseconds >= acceptance.asOf - elapsed, writesByOrder.tellFirst(result.orderId) {
                    result = result.asAcceptedNow
                }
            }
            if !result.alreadyAccepted, let acceptedAt = result.acceptedAt {
                metrics.record(
                    order: result.orderId, master: result.masterId, at: acceptedAt.microseconds,
                    statusBefore: unknownSince == nil ? acceptance.statusBefore : nil)
            }
            return result
        }
    }

    /// Declines all open offers of the pair. For its caller it takes effect in the same order as `acceptOffer`.
    func declineOffer(
        _ params: OrderParams, _ operation: Operation
    ) async throws(MethodError) -> DeclineOfferResult {
        let (verdict, _) = try await run(DeclineOfferStatement.transaction, params, operation)
        switch verdict {
        case .refused(let error): throw .offers(error)
        case .notLocked: throw .database(.rowsNotLocked)
        case .done(let result): return result
        }
    }

    private func run<Success>(
        _ transaction: (OrderParams) -> Transaction<WriteVerdict<Success>>, _ params: OrderParams,
        _ operation: Operation
    ) async throws(MethodError) -> (verdict: WriteVerdict<Success>, unknownSince: MonotonicTime?) {
        try await postgres.inOrder(of: operation.caller) { place throws(MethodError) in
            try await writes.run(
                transaction(params), keys: ExclusionKey.keys(of: params), place: place, deadline: operation.deadline)
        }
    }

    /// What came of a statement, in the contract's terms.
    private func answer<Value>(
        _ result: Result<QueryResult, PostgresError>, to bound: BoundStatement,
        _ decode: Decoder<Result<Value, OffersError>>
    ) -> Result<Value, MethodError> {
        result.mapError(MethodError.init(read:)).flatMap { rows in
            do throws(ResultMismatch) {
                return try decode(rows).mapError(MethodError.offers)
            } catch {
                return .failure(MethodError(read: PostgresError(error, in: bound.statement.name)))
            }
        }
    }
}

extension ExclusionKey {
    /// At most one write per order and per master is under way, so that those that wait for a lock do not use up the
    /// connections, and no two of them share a transaction. A master named by Telegram user is another key than by id:
    /// telling that they are one would take a query more. Such writes share no transaction either, by their batch key.
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
