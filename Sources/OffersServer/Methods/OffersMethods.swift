import JSONRPC
import Logging
import Offers
import Postgres

/// The methods of the service: how params become a question to the database, and which socket may ask it.
struct OffersMethods {
    private let database: OffersDatabase
    private let writes: WriteExecutor
    private let health: HealthCheck
    private let metrics: ServiceMetrics
    private let settings: Settings
    private let shared: Operation.Shared

    init(
        database: OffersDatabase, writes: WriteExecutor, health: HealthCheck, metrics: ServiceMetrics,
        settings: Settings, monitor: DatabaseMonitor, logger: Logger
    ) {
        self.database = database
        self.writes = writes
        self.health = health
        self.metrics = metrics
        self.settings = settings
        shared = Operation.Shared(metrics: metrics, settings: settings, monitor: monitor, logger: logger)
    }

    /// All methods, for the server.
    var table: [Method] {
        [
            reading(Contract.listOffers, .listOffers, ListOffersParams.init) { [database] in
                database.listOffers($0, $1)
            },
            reading(Contract.getOffer, .getOffer, OrderParams.init) { [database] in database.getOffer($0, $1) },
            writing(Contract.acceptOffer, .acceptOffer, OrderParams.init) { [database] in
                database.acceptOffer($0, $1)
            },
            writing(Contract.declineOffer, .declineOffer, OrderParams.init) { [database] in
                database.declineOffer($0, $1)
            },
            reading(Contract.explainOffer, .explainOffer, ExplainOfferParams.init) { [database] in
                database.explainOffer($0, $1)
            },
            reading(Contract.health, nil, NoParams.init) { [health] _, operation in
                operation.run { await health.check(deadline: operation.deadline, trace: operation.trace) }
            },
            reading(Contract.metrics, nil, MetricsParams.init) { [metrics] params, operation in
                let report = metrics.report(params.format)
                operation.succeed(report)
            },
            reading(Contract.discover, nil, NoParams.init) { _, operation in
                operation.succeed(OpenRPCDocument())
            },
        ]
    }

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
        let opsMayWrite = settings.opsWrites
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
            Operation(call, kind, nil, trace).refuse(error)
            return nil
        }
    }
}
