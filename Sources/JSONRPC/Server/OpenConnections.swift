import NIOCore
import Synchronization

/// What a running server has open, and whether it is draining. Shared by the acceptors and the shutdown.
final class OpenConnections: Sendable {

    private struct Socket {
        var served = 0
        var refused = 0
    }

    private struct State {
        var sockets: [String: Socket] = [:]
        var connections: [ObjectIdentifier: Connection] = [:]
        var closeListeners: [@Sendable () -> Void] = []
        var isDraining = false
        var loops: [ObjectIdentifier: Connection.Loop] = [:]
    }

    private let limits: Limits
    private let state = Mutex(State())
    private let drain = AsyncStream<Never>.makeStream()

    init(limits: Limits) {
        self.limits = limits
    }

    /// What all connections of an event loop share.
    func loop(of loop: any EventLoop) -> Connection.Loop {
        state.withLock { state in
            if let known = state.loops[ObjectIdentifier(loop)] { return known }
            let new = Connection.Loop(loop)
            state.loops[ObjectIdentifier(loop)] = new
            return new
        }
    }

    /// Connections served on a socket now.
    func count(on socket: String) -> Int {
        state.withLock { $0.sockets[socket]?.served ?? 0 }
    }

    /// Decides about a new connection. What is admitted ends with `leave`. Nil: it is to be closed at once, because
    /// too many are waiting to be refused.
    func admit(on socket: String) -> ConnectionState.Role? {
        state.withLock { state in
            var counts = state.sockets[socket, default: Socket()]
            defer { state.sockets[socket] = counts }
            if counts.served < limits.maximumConnections {
                counts.served += 1
                return .served
            }
            guard counts.refused < limits.overLimitConnections else { return nil }
            counts.refused += 1
            return .refused
        }
    }

    /// Notes that a connection has ended.
    func leave(_ socket: String, _ role: ConnectionState.Role) {
        state.withLock { state in
            switch role {
            case .served: state.sockets[socket]?.served -= 1
            case .refused: state.sockets[socket]?.refused -= 1
            }
        }
    }

    /// Serves a connection; while it runs, a drain reaches it.
    func run(_ connection: Connection) async {
        let isDraining = state.withLock { state in
            state.connections[connection.id] = connection
            return state.isDraining
        }
        if isDraining { connection.drain() }
        await connection.run()
        _ = state.withLock { $0.connections.removeValue(forKey: connection.id) }
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
        for connection in begun.connections.values { connection.drain() }
        drain.continuation.finish()
    }

    /// Returns when the drain begins, or the task is cancelled. For one task.
    func untilDrain() async {
        for await _ in drain.stream {}
    }
}
