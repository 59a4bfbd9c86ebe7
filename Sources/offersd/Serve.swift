import ArgumentParser
import Foundation
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
        _ = try options.settings(connectionInfo: database.connectionInfo())
        _ = try options.level()
    }

    func run() async throws {
        let settings = try options.settings(connectionInfo: database.connectionInfo())
        let level = try options.level()
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = level
            return handler
        }
        let logger = Logger(label: "offersd")
        let listeners: [Listener]
        do {
            listeners = try Sockets.listeners(settings, environment: Environment.all)
        } catch {
            throw Failure(message: "\(error)", code: 1)
        }
        let notifier = SystemdNotifier(Environment.all)
        let service = OffersService(settings: settings, listeners: listeners, logger: logger) {
            for listener in listeners {
                try? FileHandle.standardError.write(contentsOf: Data("listening on \(listener.path ?? listener.name)\n".utf8))
            }
            notifier.notify("READY=1")
        }
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [
                    .init(
                        service: service, successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .gracefullyShutdownGroup)
                ],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        do {
            try await group.run()
        } catch {
            throw Failure(message: "\(error)", code: 1)
        }
        notifier.notify("STOPPING=1")
    }
}
