import Deadlines
import JSONRPC
import Logging
import Offers
import Postgres

/// The methods of the service: how params become a question to the database, what becomes of its answer, and which
/// socket may ask it. It holds no answer longer than it takes to give it.
///
/// An object, because every call takes it along.
final class OffersMethods: Sendable {
    private let postgres: PostgresClient
    private let distributionMetrics: DistributionMetrics
    private let writes: WriteExecutor
    private let health: HealthCheck
    private let shared: Operation.Shared
    private let writesByOrder = WritesByOrder()

    init(
        postgres: PostgresClient, monitor: DatabaseMonitor, distributionMetrics: DistributionMetrics,
        health: HealthCheck, metrics: ServiceMetrics, settings: Settings, logger: Logger
    ) {
        self.postgres = postgres
        self.distributionMetrics = distributionMetrics
        writes = WriteExecutor(postgres: postgres, logger: logger, onRetry: { metrics.countRetry() })
        self.health = health
        shared = Operation.Shared(metrics: metrics, settings: settings, monitor: monitor, logger: logger)
    }

    /// All methods, for the server.
    var table: [Method] {
        [
            reading(Contract.listOffers, .listOffers, ListOffersParams.init) { self.listOffers($0, $1) },
            reading(Contract.getOffer, .getOffer, OrderParams.init, getOffer),
            writing(Contract.acceptOffer, .acceptOffer, OrderParams.init, acceptOffer),
            writing(Contract.declineOffer, .declineOffer, OrderParams.init, declineOffer),
            reading(Contract.explainOffer, .explainOffer, ExplainOfferParams.init, explainOffer),
            reading(Contract.health, nil, NoParams.init) { [health] _, operation in
                operation.runInTask { await health.check(deadline: operation.deadline, trace: operation.trace) }
            },
            reading(Contract.metrics, nil, MetricsParams.init) { [metrics = shared.metrics] params, operation in
                let report = metrics.report(params.format)
                operation.succeed(report)
            },
            reading(Contract.discover, nil, NoParams.init) { _, operation in
                operation.succeed(OpenRPCDocument())
            },
        ]
    }

    // MARK: Reads

    /// The master's list, which ends the operation: exactly one statement answers.
    ///
    /// - Parameter form: The form of the statement. Nil takes the one that the database allows.
    private func listOffers(
        _ params: ListOffersParams, _ operation: Operation, form: ListOffersQuery.Form? = nil
    ) {
        let form = form ?? (shared.monitor.hasUniqueOpenPairs ? .unique : .distinct)
        let bound = ListOffersQuery.bound(params, form)
        postgres.read(bound, deadline: operation.deadline, trace: operation.trace) { [self] result in
            if form == .unique, case .failure(.refused(let message)) = result, message.isMissingObject,
                message.sqlState == .undefinedTable
            {
                shared.monitor.uniqueOpenPairsAreGone()
                return listOffers(params, operation, form: .distinct)
            }
            operation.end(result, of: bound) { rows throws(ResultMismatch) in
                try ListOffersReply(rows, params).map { .success($0) } ?? .failure(.masterNotFound)
            }
        }
    }

    /// The card of one offer, which ends the operation.
    private func getOffer(_ params: OrderParams, _ operation: Operation) {
        let bound = GetOfferQuery.bound(params)
        postgres.read(bound, deadline: operation.deadline, trace: operation.trace) {
            operation.end($0, of: bound, GetOfferQuery.decode)
        }
    }

    /// Why an order can or cannot be accepted, or why the list is as it is, which ends the operation: one statement, and
    /// so of one moment.
    private func explainOffer(_ params: ExplainOfferParams, _ operation: Operation) {
        if let order = params.order {
            let mayReadHistory = shared.monitor.inspection?.canReadHistory ?? true
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
                shared.monitor.lookAgain()
                return explainOffer(params, order, .withoutHistory, operation)
            }
            operation.end(result, of: bound) { rows throws(ResultMismatch) in
                .success(try ExplainOfferQuery.decode(rows, params, hasHistory: form == .complete))
            }
        }
    }

    // MARK: Writes

    /// An accept, which ends as its operation; a success means that the server has confirmed COMMIT.
    private func acceptOffer(_ params: OrderParams, _ operation: Operation) -> PendingWrite {
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
        if let unknownSince, result.alreadyAccepted, claimAsOwn(acceptance, unknownSince) {
            result = result.asAcceptedNow
        }
        if !result.alreadyAccepted, let acceptedAt = result.acceptedAt {
            distributionMetrics.record(
                order: result.orderId, master: result.masterId, at: acceptedAt.microseconds,
                statusBefore: unknownSince == nil ? acceptance.statusBefore : nil)
        }
        return result
    }

    /// Claims an accepted order for a write whose attempt at `unknownSince` was not heard of. Returns true if the order
    /// was accepted since then, and no other write was told so.
    ///
    /// The time never speaks against our own doing, as the database's clock was at `asOf` a moment ago. It may speak for
    /// what the same master did on another instance in the milliseconds that `asOf` took to get here.
    private func claimAsOwn(_ acceptance: Acceptance, _ unknownSince: MonotonicTime) -> Bool {
        guard let at = acceptance.result.acceptedAt else { return false }
        let elapsed = unknownSince.duration(to: .now()).wholeMicroseconds
        return at.microseconds >= acceptance.asOf - elapsed && writesByOrder.tellFirst(acceptance.result.orderId)
    }

    /// A decline of all open offers of the pair, which ends as its operation.
    private func declineOffer(_ params: OrderParams, _ operation: Operation) -> PendingWrite {
        PendingWrite(
            DeclineOfferStatement.transaction(params), deadline: operation.deadline, trace: operation.trace,
            fail: { operation.fail($0) },
            succeed: { result, _ in operation.succeed(result, wrote: !result.alreadyDeclined) })
    }

    // MARK: How a method is made

    /// A method that parses its params once and starts an operation, which ends as the call.
    ///
    /// - Parameter work: What its success or failure says about the database.
    private func reading<Value: LoggedParams>(
        _ description: MethodDescription, _ work: Work?, _ parse: @escaping ParamsParser<Value>,
        _ start: @escaping @Sendable (Value, Operation) -> Void
    ) -> Method {
        let kind = Operation.Kind(description, .read, work, shared)
        return Method(description.name, kind.effect) { call in
            if let (params, operation) = Self.operation(call, kind, parse, kind.shared.trace) {
                start(params, operation)
            }
            return nil
        }
    }

    /// The same for a method that writes: what `write` returns takes part in the run of its connection.
    private func writing<Value: LoggedParams>(
        _ description: MethodDescription, _ work: Work, _ parse: @escaping ParamsParser<Value>,
        _ write: @escaping @Sendable (Value, Operation) -> PendingWrite
    ) -> Method {
        let kind = Operation.Kind(description, .write, work, shared)
        let opsMayWrite = shared.settings.opsWrites
        return Method(
            description.name, kind.effect, allowed: { $0.socket != Settings.opsSocketName || opsMayWrite },
            start: { [writes] call in
                // The writes of a run have one trace.
                let trace = kind.shared.trace
                let next: @Sendable (Call) -> PendingWrite? = { call in
                    Self.operation(call, kind, parse, trace).map { write($0, $1) }
                }
                return next(call).map { WriteRun($0, of: call, by: writes, next: next) }
            })
    }

    private typealias ParamsParser<Value> = @Sendable (Params, MethodDescription) throws(RPCError) -> Value

    /// The params of a call, and its operation; nil where they cannot be read, which ends it.
    private static func operation<Value: LoggedParams>(
        _ call: Call, _ kind: Operation.Kind, _ parse: ParamsParser<Value>, _ trace: PoolTrace?
    ) -> (Value, Operation)? {
        do throws(RPCError) {
            let params = try parse(call.request.params, kind.description)
            return (params, Operation(call, kind, params.subject, trace))
        } catch {
            Operation(call, kind, nil, trace).fail(with: error)
            return nil
        }
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
