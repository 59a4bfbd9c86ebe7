import NIOCore
import Synchronization

/// What a running server has open, and whether it is draining. Shared by the acceptors and the shutdown.
final class OpenConnections: Sendable {
    /// What becomes of a connection that was accepted.
    enum Admission: Equatable {
        /// It is served.
        case serve
        /// It is told that there are too many.
        case refuse
        /// It is closed at once: too many are waiting to be told.
        case close
    }

    private struct Socket {
        var serving = 0
        var refusing = 0
    }

    private struct State {
        var sockets: [String: Socket] = [:]
        var connections: [ObjectIdentifier: Connection] = [:]
        var closeListeners: [@Sendable () -> Void] = []
        var isDraining = false
    }

    private let limits: Limits
    private let state = Mutex(State())
    private let drain = AsyncStream<Never>.makeStream()

    init(limits: Limits) {
        self.limits = limits
    }

    /// Connections served on a socket now.
    func count(on socket: String) -> Int {
        state.withLock { $0.sockets[socket]?.serving ?? 0 }
    }

    /// Decides about a new connection. Every admission except `.close` ends with `leave`.
    func admit(on socket: String) -> Admission {
        state.withLock { state in
            var counts = state.sockets[socket, default: Socket()]
            defer { state.sockets[socket] = counts }
            if counts.serving < limits.connectionsPerSocket {
                counts.serving += 1
                return .serve
            }
            guard counts.refusing < limits.overLimitConnections else { return .close }
            counts.refusing += 1
            return .refuse
        }
    }

    /// Notes that a connection has ended.
    func leave(_ socket: String, _ admission: Admission) {
        state.withLock { state in
            switch admission {
            case .serve: state.sockets[socket]?.serving -= 1
            case .refuse: state.sockets[socket]?.refusing -= 1
            case .close: break
            }
        }
    }

    /// Serves a connection; while it runs, a drain reaches it.
    func run(_ connection: Connection) async {
        let isDraining = state.withLock { state in
            state.connections[ObjectIdentifier(connection)] = connection
            return state.isDraining
        }
        if isDraining { await connection.drain() }
        await connection.run()
        _ = state.withLock { $0.connections.removeValue(forKey: ObjectIdentifier(connection)) }
    }

    /// Whether the drain has begun.
    var isDraining: Bool { state.withLock { $0.isDraining } }

    /// Calls `close` when the drain begins; at once if it has begun.
    func onDrain(_ close: @escaping @Sendable () -> Void) {
        let isDraining = state.withLock { state in
            state.closeListeners.append(close)
            return state.isDraining
        }
        if isDraining { close() }
    }

    /// Stops accepting and drains all connections, also those that come later. Does nothing the second time.
    func beginDrain() {
        let begun = state.withLock { state -> State? in
            defer { state.isDraining = true }
            return state.isDraining ? nil : state
        }
        guard let begun else { return }
        for close in begun.closeListeners { close() }
        for connection in begun.connections.values { connection.drainSoon() }
        drain.continuation.finish()
    }

    /// Returns when the drain begins, or the task is cancelled. For one task.
    func untilDrain() async {
        for await _ in drain.stream {}
    }
}
