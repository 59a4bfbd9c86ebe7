import Glibc
import NIOCore
import NIOPosix

/// Requests of the server to itself, on the way that those of clients take: an event loop reads the line off a socket,
/// a `ConnectionHandler` runs it in its turn, and the loop writes the reply. Who waits for one knows whether clients
/// would be answered. What is left out is only what comes before: the listening sockets, and the bound on connections.
package struct SelfProbe: Sendable {
    /// Why there was no reply.
    package enum Failure: Error, Equatable, CustomStringConvertible {
        /// The system gave no pair of sockets; the text of `errno`.
        case noSockets(String)
        /// Something else came back, or nothing at all.
        case wrongReply(String)

        package var description: String {
            switch self {
            case .noSockets(let problem): "no pair of sockets for it: \(problem)"
            case .wrongReply(let reply): "it was answered by \"\(reply)\""
            }
        }
    }

    let loops: MultiThreadedEventLoopGroup
    let limits: Limits

    /// The only method that is known on such a connection.
    private static let method = Method("self", .read) { call in
        call.succeed(RPCError.Scalar.null)
        return nil
    }
    private static let line = #"{"jsonrpc":"2.0","id":1,"method":"self"}"# + "\n"
    private static let reply = #"{"jsonrpc":"2.0","id":1,"result":null}"# + "\n"

    /// Sends one request on each event loop, one after the other, and returns when all are answered. It waits as long
    /// as a loop takes: nothing can cancel what a stuck loop would have to do.
    package func answer() async throws {
        for loop in loops.makeIterator() { try await answer(on: loop) }
    }

    private func answer(on loop: any EventLoop) async throws {
        let (served, own) = try Self.pair()
        let connection = try await ClientBootstrap(group: loop)
            .channelOption(.autoRead, value: false)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .withConnectedSocket(served) { channel in
                channel.eventLoop.makeCompletedFuture {
                    let peer = Peer(userID: getuid(), processID: getpid(), groupID: getgid(), socket: Self.method.name)
                    return try Connection(
                        channel, on: Connection.Loop(loop), peer: peer, role: .served,
                        methods: [Self.method.name: Self.method], limits: limits, onRefusal: { _ in })
                }
            }
        let received = try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask(executorPreference: connection.taskExecutor) { await connection.run() }
            return try await Self.exchange(over: own, on: loop)
        }
        guard received == Self.reply else { throw Failure.wrongReply(received) }
    }

    /// The client's side: sends the line, ends its output, and returns all that comes back.
    private static func exchange(over socket: Int32, on loop: any EventLoop) async throws -> String {
        let channel = try await ClientBootstrap(group: loop)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .withConnectedSocket(socket) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel,
                        configuration: .init(isOutboundHalfClosureEnabled: true))
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: line))
            outbound.finish()
            var received = ByteBuffer()
            for try await chunk in inbound { received.writeImmutableBuffer(chunk) }
            return String(buffer: received)
        }
    }

    private static func pair() throws(Failure) -> (Int32, Int32) {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        guard unsafe socketpair(AF_UNIX, type, 0, &ends) == 0 else {
            throw unsafe .noSockets(String(cString: strerror(errno)))
        }
        return (ends[0], ends[1])
    }
}
