import Glibc
import Logging
import NIOCore
import NIOPosix

/// Accepts the connections of one listener and serves each in a child task.
struct Acceptor: Sendable {
    /// A connection as it is accepted; nil when it was closed at once.
    typealias Accepted = Connection?

    let listener: Listener
    let methods: [String: Method]
    let limits: Limits
    let connections: OpenConnections
    let logger: Logger
    let onRefusal: @Sendable (RPCError) -> Void

    /// Begins to accept. What is returned must be run.
    func open(on loops: MultiThreadedEventLoopGroup) async throws -> NIOAsyncChannel<Accepted, Never> {
        try await bootstrap(loops).bind(listener.descriptor) { channel in
            channel.eventLoop.makeCompletedFuture { try accept(channel) }
        }
    }

    /// Serves what is accepted until the drain begins or the task is cancelled, and waits for the connections to end.
    func run(_ server: NIOAsyncChannel<Accepted, Never>) async throws {
        try await withThrowingDiscardingTaskGroup { group in
            try await server.executeThenClose { inbound in
                connections.onDrain {
                    listener.removeFile()
                    server.channel.close(promise: nil)
                }
                for try await accepted in inbound {
                    guard let connection = accepted else { continue }
                    group.addTask(executorPreference: connection.taskExecutor) {
                        await connections.run(connection)
                        connections.leave(listener.name, connection.role)
                    }
                }
            }
            guard connections.isDraining || Task.isCancelled else {
                throw Listener.Failure(description: "the socket \(listener.path ?? listener.name) stopped accepting")
            }
        }
    }

    /// Makes a connection of a channel, on its event loop.
    private func accept(_ channel: any Channel) throws -> Accepted {
        // Without a peer the client is gone already.
        guard let peer = peer(of: channel), let role = connections.admit(on: listener.name) else {
            channel.close(promise: nil)
            return nil
        }
        if role == .refused {
            logger.warning("connection refused: too many are open", metadata: ["socket": "\(listener.name)"])
        }
        return try Connection(
            channel, on: connections.loop(of: channel.eventLoop), peer: peer, role: role, methods: methods,
            limits: limits, onRefusal: onRefusal)
    }

    private func bootstrap(_ loops: MultiThreadedEventLoopGroup) -> ServerBootstrap {
        ServerBootstrap(group: loops)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    // NIO has just listened on the descriptor with room for 128 clients, whatever the options say.
                    try listener.listenAgain()
                    // Stands before NIO's own, whose pause of a second is too long for a local service.
                    try channel.pipeline.syncOperations.addHandler(acceptBackoff())
                    try channel.pipeline.syncOperations.addHandler(AcceptRateLimiter(limits))
                }
            }
            // One in each turn of the loop: between two of them every open connection that is ready has its turn.
            .serverChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(
                .writeBufferWaterMark,
                value: .init(low: max(1, limits.maximumUnsentBytes / 2), high: limits.maximumUnsentBytes))
    }

    /// Out of descriptors or memory, accepting pauses for 100 ms; clients wait in the kernel's queue.
    private func acceptBackoff() -> AcceptBackoffHandler {
        var wasLogged = false
        return AcceptBackoffHandler(shouldForwardIOErrorCaught: false) { [logger, listener] error in
            if !wasLogged {
                wasLogged = true
                logger.error(
                    "cannot accept connections", metadata: ["socket": "\(listener.name)", "error": "\(error)"])
            }
            return .milliseconds(100)
        }
    }

    private func peer(of channel: any Channel) -> Peer? {
        // `struct ucred` of unix(7), which Glibc's module does not show: pid, uid, gid.
        var credentials: (pid: pid_t, uid: uid_t, gid: gid_t) = (0, 0, 0)
        let result = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(
            of: NIOBSDSocket.Handle.self
        ) { socket in
            var length = socklen_t(MemoryLayout.size(ofValue: credentials))
            return unsafe getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length)
        }
        guard result == 0 else { return nil }
        return Peer(
            userID: credentials.uid, processID: credentials.pid, groupID: credentials.gid, socket: listener.name)
    }
}
