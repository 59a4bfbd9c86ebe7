package import JSONRPC
package import Logging
import Offers
import Postgres
import ServiceLifecycle

/// The whole service: sockets, methods and database connections, from start to drain.
///
/// It starts whether the database is there or not, and heals by itself. On a graceful shutdown the sockets are drained
/// first, then the optional rows are written, then the database connections are closed.
package struct OffersService: Service {
    private let server: Server
    private let pool: PostgresPool
    private let monitor: DatabaseMonitor
    private let distributionMetrics: DistributionMetrics

    /// - Parameters:
    ///   - listeners: The sockets, named `offers` and `ops`; owned by the service from now on.
    ///   - onListening: Called once, when clients are answered.
    package init(
        settings: Settings, listeners: [Listener], logger: Logger, onListening: @escaping @Sendable () async -> Void
    ) {
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
            logger: logger, onListening: onListening)
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
