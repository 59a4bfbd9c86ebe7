import ArgumentParser
import Logging
import Offers
import ServiceLifecycle
import StandardOutput
import UnixSignals

@main
enum Main {
    static func main() async {
        await OffersDemo.runProgram()
    }
}

/// The service on a database of its own: for a first look, and for scripts that check whether it works.
struct OffersDemo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "offers-demo",
        abstract: "Show offersd at work, on a private Postgres with made-up data.",
        discussion: """
            It starts a Postgres in a temporary folder (Unix socket only), loads the schema and some orders, starts \
            the service, and shows a walk: list, accept, list, accept again, a rival's accept. Then it serves until \
            Ctrl-C, and prints three commands to try in another terminal; with --recipes one for each case that can \
            occur. It leaves nothing behind.

            Exit status: 0 if every check of the walk was ok, or if a signal came before its end; 1 otherwise. With \
            --once a signal before the end is 1, too.
            """,
        version: Release.version)

    @Flag(help: "Exit after the walk.")
    var once = false

    @Flag(help: "After the walk show lines for every case that can occur, not only three.")
    var recipes = false

    func validate() throws {
        guard !(once && recipes) else {
            throw ValidationError("--recipes are for a demo that goes on serving, and --once ends it.")
        }
    }

    func run() async throws {
        let logger = Logger(label: "offers-demo") { label in
            var handler = StreamLogHandler.standardError(label: label)
            // Lines of normal operation would interrupt the walk.
            handler.logLevel = .error
            return handler
        }
        // Its errors are the program's, and it ends the group when it has ended.
        let demo = ServiceGroupConfiguration.ServiceConfiguration(
            service: Demo(once: once, recipes: recipes, logger: logger),
            successTerminationBehavior: .gracefullyShutdownGroup)
        var configuration = ServiceGroupConfiguration(
            services: [demo], gracefulShutdownSignals: [.sigint, .sigterm], logger: logger)
        // To make a cluster takes its time; where that hangs, the demo ends all the same.
        configuration.maximumGracefulShutdownDuration = .seconds(20)
        try await ServiceGroup(configuration: configuration).run()
        try Screen.complete()
    }
}
