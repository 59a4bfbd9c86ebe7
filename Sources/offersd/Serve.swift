import ArgumentParser
import Dispatch
import Glibc
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
        let isJournal = JournalLogHandler.isStandardError(Environment.all)
        LoggingSystem.bootstrap { label in
            var handler: any LogHandler =
                isJournal ? JournalLogHandler() : StreamLogHandler.standardError(label: label)
            handler.logLevel = level
            return handler
        }
        let logger = Logger(label: "offersd")
        let service: OffersService
        do {
            service = try OffersService(settings: settings, environment: Environment.all, logger: logger) { paths in
                for path in paths {
                    _ = "listening on \(path)\n".withCString { write(STDERR_FILENO, $0, strlen($0)) }
                }
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
                        service: BoundedShutdown(of: service, seconds: settings.drainSeconds),
                        successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .gracefullyShutdownGroup)
                ],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: groupLogger))
        do {
            try await group.run()
        } catch {
            throw Failure(message: "\(error)")
        }
    }
}

/// Holds the service to the time that a shutdown may take. What a frozen database still holds by then is abandoned: its
/// clients are told nothing, and their connections close.
private struct BoundedShutdown: Service {
    private let service: OffersService
    private let seconds: Int64

    init(of service: OffersService, seconds: Int64) {
        self.service = service
        self.seconds = seconds
    }

    func run() async throws {
        try await withGracefulShutdownHandler {
            try await service.run()
        } onGracefulShutdown: {
            DispatchQueue.global().asyncAfter(deadline: .now() + Double(seconds) - 0.05) { _exit(0) }
        }
    }
}
