import JSONRPC
import Logging
import Offers

/// The methods of the service: how params become a question to the database, and who may ask it.
struct OffersMethods {
    private let database: OffersDatabase
    private let health: HealthCheck
    private let metrics: ServiceMetrics
    private let settings: Settings
    private let shared: Operation.Shared

    init(
        database: OffersDatabase, health: HealthCheck, metrics: ServiceMetrics, settings: Settings,
        monitor: DatabaseMonitor, logger: Logger
    ) {
        self.database = database
        self.health = health
        self.metrics = metrics
        self.settings = settings
        shared = Operation.Shared(metrics: metrics, settings: settings, monitor: monitor, logger: logger)
    }

    /// All methods, for the server.
    var table: [Method] {
        [
            method(Contract.listOffers, .read, .listOffers, ListOffersParams.init) { [database] params, operation in
                database.listOffers(params, operation) { operation.end($0) }
            },
            method(Contract.getOffer, .read, .getOffer, OrderParams.init) { [database] params, operation in
                database.getOffer(params, operation) { operation.end($0) }
            },
            method(Contract.acceptOffer, .orderedWrite, .acceptOffer, OrderParams.init) {
                [database] params, operation in
                operation.run { () throws(MethodError) in try await database.acceptOffer(params, operation) }
            },
            method(Contract.declineOffer, .orderedWrite, .declineOffer, OrderParams.init) {
                [database] params, operation in
                operation.run { () throws(MethodError) in try await database.declineOffer(params, operation) }
            },
            method(Contract.explainOffer, .read, .explainOffer, ExplainOfferParams.init) {
                [database] params, operation in
                database.explainOffer(params, operation) { operation.end($0) }
            },
            method(Contract.health, .read, nil, NoParams.init) { [health] _, operation in
                operation.run { await health.check(deadline: operation.deadline) }
            },
            method(Contract.metrics, .read, nil, MetricsParams.init) { [metrics] params, operation in
                let report = metrics.report(params.format)
                operation.succeed(report)
            },
            method(Contract.discover, .read, nil, NoParams.init) { _, operation in
                operation.succeed(OpenRPCDocument())
            },
        ]
    }

    /// A method that reads its params once and starts an operation, which ends as the call.
    ///
    /// - Parameter work: What its success or failure says about the database.
    private func method<Value: LoggedParams>(
        _ description: MethodDescription, _ effect: Method.Effect, _ work: Work?,
        _ read: @escaping @Sendable (Params) throws(RPCError) -> Value,
        _ start: @escaping @Sendable (Value, Operation) -> Void
    ) -> Method {
        let name = description.name
        let opsMayWrite = settings.opsWrites
        return Method(
            name: name, effect: effect,
            allowed: { $0.socket != Settings.opsSocketName || effect == .read || opsMayWrite },
            start: { [shared] call in
                do throws(RPCError) {
                    let params = try read(call.request.params)
                    start(params, Operation(call, name, effect, work, params.subject, shared))
                } catch {
                    Operation(call, name, effect, work, nil, shared).refuse(error)
                }
            })
    }
}
