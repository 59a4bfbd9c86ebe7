import Glibc
import Logging
import NIOCore
import NIOPosix

/// Accepts the connections of one listener and serves each in a child task.
struct Acceptor: Sendable {
    /// A connection as it is accepted.
    struct Accepted: Sendable {
        let channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>
        /// Nil when the client was gone before the kernel could be asked.
        let peer: Peer?
    }

    let listener: Listener
    let methods: [String: Method]
    let limits: Limits
    let connections: OpenConnections
    let logger: Logger

    /// Begins to accept. What is returned must be run.
    func open(on loops: MultiThreadedEventLoopGroup) async throws -> NIOAsyncChannel<Accepted, Never> {
        try await bootstrap(loops).bind(listener.descriptor) { channel in
            channel.eventLoop.makeCompletedFuture {
                Accepted(channel: try wrap(channel), peer: peer(of: channel))
            }
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
                    group.addTask { await serve(accepted) }
                }
            }
            guard connections.isDraining || Task.isCancelled else {
                throw Listener.Failure(description: "the socket \(listener.path ?? listener.name) stopped accepting")
            }
        }
    }

    private func serve(_ accepted: Accepted) async {
        let admission = accepted.peer == nil ? .close : connections.admit(on: listener.name)
        defer { connections.leave(listener.name, admission) }
        switch (admission, accepted.peer) {
        case (.serve, let peer?):
            await connections.run(Connection(accepted.channel, peer: peer, methods: methods, limits: limits))
        case (.refuse, _):
            logger.warning("connection refused: too many are open", metadata: ["socket": "\(listener.name)"])
            await Refusal(limits: limits).run(accepted.channel)
        case (.close, _), (.serve, nil):
            try? await accepted.channel.executeThenClose { _, _ in }
        }
    }

    private func bootstrap(_ loops: MultiThreadedEventLoopGroup) -> ServerBootstrap {
        ServerBootstrap(group: loops)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    // Stands before NIO's own, whose pause of a second is too long for a local service.
                    try channel.pipeline.syncOperations.addHandler(acceptBackoff())
                }
            }
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(
                .writeBufferWaterMark, value: .init(low: max(1, limits.unsentBytes / 2), high: limits.unsentBytes))
    }

    /// Out of descriptors or memory, accepting pauses for 100 ms; clients wait in the kernel's queue.
    private func acceptBackoff() -> AcceptBackoffHandler {
        var wasLogged = false
        return AcceptBackoffHandler(shouldForwardIOErrorCaught: false) { [logger, listener] error in
            if !wasLogged {
                wasLogged = true
                logger.error("cannot accept connections", metadata: ["socket": "\(listener.name)", "error": "\(error)"])
            }
            return .milliseconds(100)
        }
    }

    private func wrap(_ channel: any Channel) throws -> NIOAsyncChannel<ByteBuffer, ByteBuffer> {
        // One chunk at a time: what the connection does not ask for stays in the kernel, which slows the client down.
        try NIOAsyncChannel(
            wrappingChannelSynchronously: channel,
            configuration: .init(backPressureStrategy: .init(lowWatermark: 1, highWatermark: 1)))
    }

    private func peer(of channel: any Channel) -> Peer? {
        // `struct ucred` of unix(7), which Glibc's module does not show: pid, uid, gid.
        var credentials: (pid: pid_t, uid: uid_t, gid: gid_t) = (0, 0, 0)
        let result = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(
            of: NIOBSDSocket.Handle.self
        ) { socket in
            var length = socklen_t(MemoryLayout.size(ofValue: credentials))
            return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length)
        }
        guard result == 0 else { return nil }
        return Peer(
            userID: credentials.uid, processID: credentials.pid, groupID: credentials.gid, socket: listener.name)
    }
}

/// Allows as many descriptors as the system lets us have without asking anybody.
func raiseDescriptorLimit(_ logger: Logger) {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur < limit.rlim_max else {
        return
    }
    limit.rlim_cur = limit.rlim_max
    if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) != 0 {
        logger.warning("cannot raise the limit of open files", metadata: ["error": "\(String(cString: strerror(errno)))"])
    }
}
