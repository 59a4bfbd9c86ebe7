import EmbeddedPostgres
import Logging
import OffersServer
import ServiceLifecycle

/// A database, the service on it, and a visitor who uses it: each lives inside the one before.
struct Demo: Service {
    /// Why the demo did not end well; the details are on the screen already.
    enum Failure: Error, CustomStringConvertible {
        case walkWentWrong
        case interrupted

        var description: String {
            switch self {
            case .walkWentWrong: "the walk went wrong, see WRONG above"
            case .interrupted: "interrupted before the end of the walk"
            }
        }
    }

    /// Whether it ends after the walk.
    let once: Bool
    /// Whether all recipes are shown, and not only what to try first.
    let recipes: Bool
    let logger: Logger

    /// Runs until the walk is over (`once`) or the shutdown begins, and returns when nothing is left of it.
    ///
    /// - Throws: `EmbeddedPostgres.Failure`, above all when Postgres is not installed; ``Failure``; what the service
    ///   or the visitor throw.
    func run() async throws {
        do {
            Screen.show("Starting a private Postgres ...")
            try await EmbeddedPostgres.withServer { server in
                try await server.sql(Schema.sql)
                try await server.sql(DataSet.sql)
                try await serve(server)
            }
        } catch let failure as Failure {
            throw failure
        } catch {
            // A terminal also sends Ctrl-C to the programs of the demo, so that they fail.
            guard Task.isShuttingDownGracefully else { throw error }
            if once { throw Failure.interrupted }
        }
        Screen.show("Stopped. Postgres and its folder are gone.")
    }

    private func serve(_ server: EmbeddedPostgres.Server) async throws {
        // The cluster's folder has a short name, belongs to this process alone, and is removed even if it is killed: a
        // good place for the sockets.
        let paths = (offers: "\(server.folder)/offers.sock", ops: "\(server.folder)/ops.sock")
        var settings = Settings(connectionInfo: server.connectionString())
        settings.socketPath = paths.offers
        settings.opsSocketPath = paths.ops

        let (listening, isListening) = AsyncStream.makeStream(of: Void.self)
        let service = try OffersService(settings: settings, environment: [:], logger: logger) { paths in
            for path in paths { Screen.show("listening on \(path)") }
            isListening.finish()
        }
        let visitor = Visitor(
            listening: listening, recipes: Recipes(offers: paths.offers, ops: paths.ops, database: server.folder),
            once: once, showsAll: recipes)
        // It has no signals of its own: the shutdown of the group around it is passed on, to the visitor first.
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [
                    .init(service: service),
                    .init(
                        service: visitor, successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .gracefullyShutdownGroup),
                ], logger: logger))
        try await group.run()
    }
}
