package import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

/// A JSON-RPC service on Unix sockets.
///
/// `run()` serves until it is told to stop. On a graceful shutdown it stops accepting, answers what has already
/// arrived on each connection, closes, and returns; what lasts longer than `Limits.drain` is cancelled. When `run()`
/// has returned nothing is left: no connection, no task, no thread, no socket file that it made. After a drain that ran
/// out of time a method may still be at work for a call; no client is told of its end.
package struct Server: Service {
    private let listeners: [Listener]
    private let methods: [String: Method]
    private let limits: Limits
    private let eventLoops: Int
    private let logger: Logger
    private let onListening: @Sendable () async -> Void
    private let onRefusal: @Sendable (RPCError) -> Void
    private let probe: @Sendable (SelfProbe) async -> Void
    private let connections: OpenConnections

    /// A server that owns its listeners from now on.
    ///
    /// - Parameters:
    ///   - listeners: Where clients connect. The names must differ.
    ///   - methods: What can be called. The names must differ.
    ///   - limits: The bounds of the wire.
    ///   - eventLoops: Threads that read, write and run the methods' first steps. Connections are dealt out in turn.
    ///   - logger: For the transport's own troubles. Nothing of a request is ever logged here.
    ///   - onListening: Called once by `run()`, when clients are accepted.
    ///   - onRefusal: Called with each error that the server gives by itself, before any method: for counting.
    ///   - probe: Runs beside the sockets, with the means to ask the server itself; cancelled when they are closed.
    package init(
        listeners: [Listener], methods: [Method], limits: Limits = Limits(), eventLoops: Int = 1, logger: Logger,
        onListening: @escaping @Sendable () async -> Void = {},
        onRefusal: @escaping @Sendable (RPCError) -> Void = { _ in },
        probe: @escaping @Sendable (SelfProbe) async -> Void = { _ in }
    ) {
        self.listeners = listeners
        self.methods = Dictionary(uniqueKeysWithValues: methods.map { ($0.name, $0) })
        self.limits = limits
        self.eventLoops = eventLoops
        self.logger = logger
        self.onListening = onListening
        self.onRefusal = onRefusal
        self.probe = probe
        self.connections = OpenConnections(limits: limits)
    }

    /// The connections that are open on the listener of this name now. Cheap; for a gauge.
    package func openConnections(on socket: String) -> Int {
        connections.count(on: socket)
    }

    /// Begins the graceful shutdown, as `ServiceLifecycle` does it when `run()` is part of a service group.
    package func beginGracefulShutdown() {
        connections.beginDrain()
    }

    /// Serves. Call it once.
    ///
    /// - Throws: When a listener cannot be served any more. Cancellation closes everything without draining.
    package func run() async throws {
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: eventLoops)
        let result: Result<Void, any Error>
        do {
            try await withGracefulShutdownHandler {
                try await serve(on: loops)
            } onGracefulShutdown: {
                beginGracefulShutdown()
            }
            result = .success(())
        } catch {
            result = .failure(error)
        }
        try await loops.shutdownGracefully()
        try result.get()
    }

    private func serve(on loops: MultiThreadedEventLoopGroup) async throws {
        try await withThrowingTaskGroup { group in
            group.addTask {
                try await withThrowingDiscardingTaskGroup { group in
                    group.addTask { await probe(SelfProbe(loops: loops, limits: limits)) }
                    defer { group.cancelAll() }
                    try await serveListeners(on: loops)
                }
            }
            group.addTask {
                await connections.untilDrain()
                try? await Task.sleep(for: limits.drain)
            }
            // Either all listeners and connections have ended, or the time for that has.
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func serveListeners(on loops: MultiThreadedEventLoopGroup) async throws {
        // Also when not all of them came to be served.
        defer { for listener in listeners { listener.removeFile() } }
        try await withThrowingDiscardingTaskGroup { group in
            for listener in listeners {
                let acceptor = Acceptor(
                    listener: listener, methods: methods, limits: limits, connections: connections, logger: logger,
                    onRefusal: onRefusal)
                let channel = try await acceptor.open(on: loops)
                group.addTask { try await acceptor.run(channel) }
            }
            await onListening()
        }
    }
}
