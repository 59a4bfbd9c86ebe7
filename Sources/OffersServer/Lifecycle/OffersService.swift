import JSONRPC
package import Logging
import Offers
import Postgres
import ServiceLifecycle

/// The whole service: sockets, methods and database connections, from start to drain.
///
/// It starts whether the database is there or not, and heals by itself. On a graceful shutdown the sockets are drained
/// first, then the optional rows are written, then the database connections are closed.
package struct OffersService: Service {
    /// The version of the contract and of this program.
    package static let version = Contract.version

    private let server: Server
    private let pool: PostgresPool
    private let monitor: DatabaseMonitor
    private let distributionMetrics: DistributionMetrics

    /// Makes the sockets, or takes those that systemd hands over; nothing runs yet.
    ///
    /// - Parameters:
    ///   - environment: Where the sockets of systemd and the default path are looked for.
    ///   - onListening: Called once by `run`, with the paths of the sockets, when clients are answered.
    /// - Throws: An error whose description says which socket cannot be served and why.
    package init(
        settings: Settings, environment: [String: String], logger: Logger,
        onListening: @escaping @Sendable ([String]) async -> Void
    ) throws {
        let listeners = try Sockets.listeners(settings, environment: environment)
        pool = PostgresPool(settings.postgres, logger: logger)
        distributionMetrics = DistributionMetrics(pool: pool, logger: logger)
        monitor = DatabaseMonitor(pool: pool, metrics: distributionMetrics, logger: logger)
        let methods = OffersMethods(
            database: OffersDatabase(pool: pool, metrics: distributionMetrics, logger: logger),
            health: HealthCheck(pool: pool, monitor: monitor),
            metrics: ServiceMetrics(pool: pool, distributionMetrics: distributionMetrics),
            settings: settings, monitor: monitor, logger: logger)
        server = Server(
            listeners: listeners, methods: methods.table, limits: settings.limits, eventLoops: settings.eventLoops,
            logger: logger, onListening: { await onListening(listeners.map { $0.path ?? $0.name }) })
    }

    /// Serves until it is told to stop, and returns when nothing is left running.
    package func run() async throws {
        try await withThrowingTaskGroup { group in
            group.addTask { await pool.run() }
            group.addTask {
                await withTaskGroup { group in
                    group.addTask { await monitor.run() }
                    await distributionMetrics.run()
                    // All rows are written: nobody needs the database any more.
                    pool.shutDown()
                    group.cancelAll()
                }
            }
            defer { distributionMetrics.finish() }
            try await server.run()
        }
    }
}
