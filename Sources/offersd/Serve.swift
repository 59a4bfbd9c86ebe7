import ArgumentParser
import Deadlines
import Dispatch
import Glibc
import JSONRPC
import Logging
import OffersServer
import ServiceLifecycle
import UnixSignals

/// `offersd serve`: runs the service until SIGTERM or SIGINT.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve the methods (default).",
        discussion: """
            Without a path the socket is offers.sock in $RUNTIME_DIRECTORY, else in $XDG_RUNTIME_DIR/offersd/. Sockets \
            handed over by systemd (named offers and ops) are used instead. Every flag has an environment variable, \
            named in brackets; the flag beats the variable.
            """)

    @OptionGroup var database: DatabaseOptions
    @OptionGroup var options: ServeOptions

    func validate() throws {
        _ = try options.settings(database)
        _ = try options.level()
    }

    func run() async throws {
        let settings = try options.settings(database)
        let level = try options.level()
        let log: LogOutput
        let service: OffersService
        let logger: Logger
        do {
            log = try LogOutput(descriptor: STDERR_FILENO, form: LogForm(ofStandardError: Environment.all))
            LoggingSystem.bootstrap { log.handler(label: $0, level: level) }
            logger = Logger(label: "offersd")
            for stranger in Environment.strangers { logger.warning("\(stranger)") }
            Signals.rememberStops()
            service = try OffersService(
                settings: settings, environment: Environment.all, logger: logger, droppedLogLines: { log.dropped }
            ) { paths in
                for path in paths { log.write("listening on \(path)\n") }
            }
        } catch {
            throw Failure(message: "\(error)")
        }
        // With debug the group would print the whole service, in Swift.
        var groupLogger = logger
        groupLogger.logLevel = max(level, .info)
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [
                    .init(
                        service: BoundedShutdown(of: service, within: settings.limits.drain, log: log),
                        successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .gracefullyShutdownGroup)
                ],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: groupLogger))
        do {
            try await group.run()
        } catch {
            log.write("Error: \(error)\n")
            await log.flush(within: .milliseconds(500))
            throw ExitCode.failure
        }
        // The shutdown ends the process when its time is over.
        await log.flush(within: settings.limits.drain)
    }
}

/// Holds the service to the time that a shutdown may take. What a frozen database still holds by then is abandoned: its
/// clients are told nothing, and their connections close. SIGHUP writes a line with the service's status.
private struct BoundedShutdown: Service {
    private let service: OffersService
    private let limit: Duration
    private let log: LogOutput

    init(of service: OffersService, within limit: Duration, log: LogOutput) {
        self.service = service
        self.limit = limit
        self.log = log
    }

    func run() async throws {
        try await withGracefulShutdownHandler {
            let hangups = await UnixSignalsSequence(trapping: .sighup)
            try await withThrowingDiscardingTaskGroup { group in
                group.addTask {
                    for await _ in hangups { service.reportStatus() }
                }
                defer { group.cancelAll() }
                // The group around this has its handlers.
                Signals.repeatEarlyStop()
                try await service.run()
            }
        } onGracefulShutdown: {
            DispatchQueue.global().asyncAfter(
                deadline: .now() + .nanoseconds(Int((limit - .milliseconds(50)).wholeNanoseconds))
            ) {
                log.flush(within: .milliseconds(40))
                _exit(0)
            }
        }
    }
}
