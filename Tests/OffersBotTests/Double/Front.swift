import NIOCore
import NIOPosix
import Synchronization

/// Stands between the bot and the Bot API's double, and can let all its connections die without a word: what comes in
/// is taken and goes nowhere. New ones work.
final class Front: Sendable {
    /// Where it is.
    let base: String
    private let sessions: Sessions

    private init(base: String, sessions: Sessions) {
        self.base = base
        self.sessions = sessions
    }

    /// Lends a front for the port.
    static func run<Value: Sendable>(
        to port: Int, _ body: @Sendable (Front) async throws -> Value
    ) async throws -> Value {
        let sessions = Sessions()
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { inside in
                let session = sessions.new()
                return ClientBootstrap(group: inside.eventLoop).connect(host: "127.0.0.1", port: port)
                    .flatMap { outside in
                        inside.pipeline.addHandler(Relay(to: outside, of: session)).flatMap {
                            outside.pipeline.addHandler(Relay(to: inside, of: session))
                        }
                    }
                    .flatMap { inside.setOption(.autoRead, value: true) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let front = Front(base: "http://127.0.0.1:\(server.localAddress?.port ?? 0)", sessions: sessions)
        let outcome: Result<Value, any Error>
        do { outcome = .success(try await body(front)) } catch { outcome = .failure(error) }
        try await server.close()
        return try outcome.get()
    }

    /// All connections that there are now die.
    func freeze() {
        sessions.freeze()
    }
}

private final class Session: Sendable {
    private let frozen = Mutex(false)
    var isFrozen: Bool { frozen.withLock(\.self) }
    func freeze() { frozen.withLock { $0 = true } }
}

private final class Sessions: Sendable {
    private let all = Mutex<[Session]>([])

    func new() -> Session {
        let session = Session()
        all.withLock { $0.append(session) }
        return session
    }

    func freeze() { all.withLock { for session in $0 { session.freeze() } } }
}

/// One way of a connection.
private final class Relay: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    private let peer: any Channel
    private let session: Session

    init(to peer: any Channel, of session: Session) {
        self.peer = peer
        self.session = session
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if !session.isFrozen { peer.writeAndFlush(unwrapInboundIn(data), promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if !session.isFrozen { peer.close(promise: nil) }
    }
}
