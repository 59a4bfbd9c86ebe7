import Deadlines
import JSONRPC
import Offers
import Postgres

/// What the methods ask of the database, in the contract's terms. It holds no answer longer than it takes to give it.
///
/// An object, because every call takes it along.
final class OffersDatabase: Sendable {
    private let postgres: PostgresClient
    private let metrics: DistributionMetrics
    private let monitor: DatabaseMonitor
    private let writesByOrder = WritesByOrder()

    init(postgres: PostgresClient, monitor: DatabaseMonitor, metrics: DistributionMetrics) {
        self.postgres = postgres
        self.monitor = monitor
        self.metrics = metrics
    }

    /// The master's list, which ends the operation: exactly one statement answers.
    ///
    /// - Parameter form: Of the statement; nil: the one that the database allows.
    func listOffers(_ params: ListOffersParams, _ operation: Operation, form: ListOffersQuery.Form? = nil) {
        let form = form ?? (monitor.hasUniqueOpenPairs ? .unique : .distinct)
        let bound = ListOffersQuery.bound(params, form)
        postgres.read(bound, deadline: operation.deadline, trace: operation.trace) { [self] result in
            if form == .unique, case .failure(.refused(let message)) = result, message.isMissingObject,
                message.sqlState == .undefinedTable
            {
                monitor.uniqueOpenPairsAreGone()
                return listOffers(params, operation, form: .distinct)
            }
            operation.end(result, of: bound) { rows throws(ResultMismatch) in
                try ListOffersReply(rows, params).map { .success($0) } ?? .failure(.masterNotFound)
            }
        }
    }

    /// The card of one offer, which ends the operation.
    func getOffer(_ params: OrderParams, _ operation: Operation) {
        let bound = GetOfferQuery.bound(params)
        postgres.read(bound, deadline: operation.deadline, trace: operation.trace) {
            operation.end($0, of: bound, GetOfferQuery.decode)
        }
    }

    /// Why an order can or cannot be accepted, or why the list is as it is, which ends the operation: one statement, and
    /// so of one moment.
    func explainOffer(_ params: ExplainOfferParams, _ operation: Operation) {
        if let order = params.order {
            let mayReadHistory = monitor.inspection?.canReadHistory ?? true
            return explainOffer(params, order, mayReadHistory ? .complete : .withoutHistory, operation)
        }
        let bound = ExplainListQuery.statement(params.master)
        postgres.read(bound, deadline: operation.deadline, trace: operation.trace) {
            operation.end($0, of: bound) { rows throws(ResultMismatch) in
                .success(try ExplainListQuery.decode(rows, params))
            }
        }
    }

    private func explainOffer(
        _ params: ExplainOfferParams, _ order: Int64?, _ form: ExplainOfferQuery.Form, _ operation: Operation
    ) {
        let bound = ExplainOfferQuery.bound(params.master, order, form)
        postgres.read(bound, deadline: operation.deadline, trace: operation.trace) { [self] result in
            if form == .complete, case .failure(.refused(let message)) = result, message.isMissingObject {
                // Perhaps it is only the history that cannot be read.
                monitor.lookAgain()
                return explainOffer(params, order, .withoutHistory, operation)
            }
            operation.end(result, of: bound) { rows throws(ResultMismatch) in
                .success(try ExplainOfferQuery.decode(rows, params, hasHistory: form == .complete))
            }
        }
    }

    /// An accept, which ends as its operation; a success means that the server has confirmed COMMIT.
    func acceptOffer(_ params: OrderParams, _ operation: Operation) -> PendingWrite {
        writesByOrder.begin(params.order)
        return PendingWrite(
            AcceptOfferStatement.transaction(params), deadline: operation.deadline, trace: operation.trace,
            fail: { [self] error in
                writesByOrder.end(params.order)
                operation.fail(error)
            },
            succeed: { [self] acceptance, unknownSince in
                let result = accepted(acceptance, unknownSince)
                writesByOrder.end(params.order, isTold: !result.alreadyAccepted)
                operation.succeed(result, wrote: !result.alreadyAccepted)
            })
    }

    private func accepted(_ acceptance: Acceptance, _ unknownSince: MonotonicTime?) -> AcceptOfferResult {
        var result = acceptance.result
        if let unknownSince, result.alreadyAccepted, isOwnDoing(acceptance, unknownSince) {
            result = result.asAcceptedNow
        }
        if !result.alreadyAccepted, let acceptedAt = result.acceptedAt {
            metrics.record(
                order: result.orderId, master: result.masterId, at: acceptedAt.microseconds,
                statusBefore: unknownSince == nil ? acceptance.statusBefore : nil)
        }
        return result
    }

    /// Whether an order that was found accepted was so by an attempt of the same write, which was sent at `unknownSince`
    /// and not heard of: it was accepted since then, and no other write of this order has been told so.
    ///
    /// The database's clock was at `asOf` a moment ago, so this never denies what was our own doing. It may count as its
    /// own what the same master did on another instance in the milliseconds that `asOf` took to get here.
    private func isOwnDoing(_ acceptance: Acceptance, _ unknownSince: MonotonicTime) -> Bool {
        guard let at = acceptance.result.acceptedAt else { return false }
        let elapsed = unknownSince.duration(to: .now()).wholeMicroseconds
        return at.microseconds >= acceptance.asOf - elapsed && writesByOrder.tellFirst(acceptance.result.orderId)
    }

    /// A decline of all open offers of the pair, which ends as its operation.
    func declineOffer(_ params: OrderParams, _ operation: Operation) -> PendingWrite {
        PendingWrite(
            DeclineOfferStatement.transaction(params), deadline: operation.deadline, trace: operation.trace,
            fail: { operation.fail($0) },
            succeed: { result, _ in operation.succeed(result, wrote: !result.alreadyDeclined) })
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
