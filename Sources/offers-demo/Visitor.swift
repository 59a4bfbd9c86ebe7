import JSONRPC
import ServiceLifecycle

/// Uses the service once it listens: walks, shows what else there is to try, and waits for the end.
struct Visitor: Service {
    /// Ends when the service listens.
    let listening: AsyncStream<Void>
    let recipes: Recipes
    let once: Bool
    /// Whether all recipes are shown, and not only what to try first.
    let showsAll: Bool

    /// - Throws: ``Demo/Failure``, and `ClientError` when the service does not answer.
    func run() async throws {
        for await _ in listening.cancelOnGracefulShutdown() {}
        guard !Task.isShuttingDownGracefully else {
            if once { throw Demo.Failure.interrupted }
            return
        }
        let isRight = try await Client.withConnection(to: recipes.offers) { client in
            var walk = Walk(client)
            try await walk.run()
            return walk.isRight
        }
        if !once {
            recipes.show(all: showsAll)
            try await gracefulShutdown()
        }
        guard isRight else { throw Demo.Failure.walkWentWrong }
    }
}
