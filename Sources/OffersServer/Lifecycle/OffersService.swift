import Glibc
import JSONRPC
package import Logging
import Offers
import Postgres
import ServiceLifecycle

/// The whole service: sockets, methods and database connections, from start to drain.
///
/// It starts whether the database is there or not, and heals by itself. On a graceful shutdown the sockets are drained
/// first, then the optional rows are written, then the database connections are closed. A service manager that has
/// asked for it (sd_notify(3)) is told when it is ready, how it is, that it lives, and that it stops.
package struct OffersService: Service {
    /// The version of this program.
    package static let version = Release.version

    private let server: Server
    private let postgres: PostgresClient
    private let monitor: DatabaseMonitor
    private let distributionMetrics: DistributionMetrics
    private let report: StatusReport
    private let sockets: [String]
    private let droppedLogLines: @Sendable () -> Int
    private let logger: Logger

    /// Makes the sockets, or takes those that systemd hands over; nothing runs yet.
    ///
    /// - Parameters:
    ///   - environment: Where systemd's sockets, its wishes, and the default path are looked for.
    ///   - droppedLogLines: Lines of the log that were dropped since the start, for `metrics`.
    ///   - onListening: Called once by `run`, with the paths of the sockets, when clients are answered.
    /// - Throws: An error whose description says which socket cannot be served and why.
    package init(
        settings: Settings, environment: [String: String], logger: Logger,
        droppedLogLines: @escaping @Sendable () -> Int = { 0 },
        onListening: @escaping @Sendable ([String]) async -> Void
    ) throws {
        let descriptors = try DescriptorLimit.raise(needed: settings.neededDescriptors)
        let listeners = try Sockets.listeners(settings, environment: environment)
        sockets = listeners.map(\.name)
        self.droppedLogLines = droppedLogLines
        self.logger = logger
        let limits = settings.limits(descriptors: descriptors, sockets: listeners.count)
        if limits.maximumConnections < settings.limits.maximumConnections {
            logger.warning(
                "the limit of open files allows fewer connections than the settings",
                metadata: ["openFiles": "\(descriptors)", "maximumConnections": "\(limits.maximumConnections)"])
        }
        postgres = PostgresClient(settings.postgres, logger: logger)
        distributionMetrics = DistributionMetrics(
            postgres: postgres, logger: logger, timeLimit: settings.metricsRowsTimeLimit)
        let notifier = SystemdNotifier(environment)
        let report = StatusReport(notifier)
        self.report = report
        monitor = DatabaseMonitor(
            postgres: postgres, metrics: distributionMetrics, logger: logger,
            lookTime: max(.seconds(2), settings.postgres.readDeadline), triesWork: settings.triesWork,
            onChange: { report.changed(to: $0) })
        let watchdog = WatchdogRequest(environment, processID: getpid()).map { [postgres] in
            Watchdog(
                request: $0, notifier: notifier, postgres: postgres,
                longestWork: settings.longestWork, logger: logger)
        }
        let socketWatch = SocketWatch(listeners, logger: logger)
        let health = HealthCheck(postgres: postgres, monitor: monitor, socketNotes: { socketWatch.notes })
        let metrics = ServiceMetrics(
            postgres: postgres, distributionMetrics: distributionMetrics, sockets: listeners.map(\.name),
            droppedLogLines: droppedLogLines, health: { health.known })
        let methods = OffersMethods(
            postgres: postgres, monitor: monitor, distributionMetrics: distributionMetrics, health: health,
            metrics: metrics, settings: settings, logger: logger)
        server = Server(
            listeners: listeners, methods: methods.table, limits: limits, eventLoops: settings.eventLoops,
            logger: logger,
            onListening: {
                await onListening(listeners.map { $0.path ?? $0.name })
                report.ready()
            },
            onRefusal: { metrics.count(refusal: $0.reason) },
            probe: { requests in
                await withDiscardingTaskGroup { group in
                    group.addTask { await socketWatch.run() }
                    await watchdog?.run(requests)
                }
            })
        metrics.watch(server)
    }

    /// Writes a line to the log that says how the service is, and has the database looked at again now.
    package func reportStatus() {
        let status = postgres.status
        logger.notice(
            "status: \(monitor.state.text)",
            metadata: [
                "clients": "\(sockets.map { "\($0):\(server.openConnections(on: $0))" }.joined(separator: ","))",
                "databaseConnections":
                    "\(status.reads.connected + status.writes.connected + status.control.connected)",
                "requests": "\(status.requests)", "logLinesDropped": "\(droppedLogLines())",
            ])
        monitor.lookAgain()
    }

    /// Serves until it is told to stop, and returns when nothing is left running.
    package func run() async throws {
        // The group tells of itself what no operator asks for.
        var groupLogger = logger
        groupLogger.logLevel = max(logger.logLevel, .info)
        let connections = Part {
            await withGracefulShutdownHandler(operation: postgres.run, onGracefulShutdown: postgres.shutDown)
        }
        let rows = Part {
            await withGracefulShutdownHandler(
                operation: distributionMetrics.run, onGracefulShutdown: distributionMetrics.finish)
        }
        // They stop in the reverse order, each when those behind it have ended. Without any connection, as when there
        // can be no threads, requests are answered all the same.
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [
                    .init(service: connections, successTerminationBehavior: .ignore),
                    .init(service: Part { await cancelWhenGracefulShutdown(monitor.run) }),
                    .init(service: rows),
                    .init(service: server),
                ], logger: groupLogger))
        try await withGracefulShutdownHandler {
            try await group.run()
        } onGracefulShutdown: {
            report.stopping()
        }
    }
}

/// Work of the service, from start to stop.
private struct Part: Service {
    let work: @Sendable () async -> Void

    func run() async { await work() }
}

extension Settings {
    /// Longer than any work on a database connection can take: a read connection may have two full groups before it, in
    /// which each statement takes as long as the database allows it.
    fileprivate var longestWork: Duration {
        postgres.readDeadline * (2 * postgres.maximumPipeline) + writeDeadline + .seconds(10)
    }
}
