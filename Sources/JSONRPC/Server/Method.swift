package import NIOCore
import Synchronization

/// Who is at the other end of a connection, as the kernel says (`SO_PEERCRED`, unix(7)).
package struct Peer: Sendable, Hashable {
    /// The effective user at the time of `connect()`.
    package let userID: UInt32
    /// The process that called `connect()`. It may have ended, and its number may be another's by now.
    package let processID: Int32
    /// The effective group at the time of `connect()`.
    package let groupID: UInt32
    /// The name of the listener that accepted the connection.
    package let socket: String

    /// A peer as given; for tests of what depends on it.
    package init(userID: UInt32, processID: Int32, groupID: UInt32, socket: String) {
        self.userID = userID
        self.processID = processID
        self.groupID = groupID
        self.socket = socket
    }
}

/// When the time of a request began to run.
package final class Turn: Sendable {
    /// Nanoseconds of `NIODeadline`; zero stands for "not yet".
    private let nanoseconds: Atomic<UInt64>

    /// The moment when the request was read and every earlier request of its connection was answered; nil before.
    package var began: NIODeadline? {
        let value = nanoseconds.load(ordering: .acquiring)
        return value == 0 ? nil : .uptimeNanoseconds(value)
    }

    /// A turn that began at `moment`, or has not begun.
    package init(began moment: NIODeadline? = nil) {
        nanoseconds = Atomic(moment?.uptimeNanoseconds ?? 0)
    }

    /// Begins the turn. Called once, by the connection.
    func begin(at moment: NIODeadline) {
        nanoseconds.store(moment.uptimeNanoseconds, ordering: .releasing)
    }
}

/// One request on its way to its method. An object, because it is handed on a dozen times on that way.
package final class Call: Sendable {
    /// The request as it was read.
    package let request: Request
    /// Who sent it.
    package let peer: Peer
    /// When its time began.
    package let turn: Turn

    /// A call as given.
    package init(request: Request, peer: Peer, turn: Turn) {
        self.request = request
        self.peer = peer
        self.turn = turn
    }
}

/// A method of the service. An object, because every request carries its method along.
package final class Method: Sendable {
    /// What a method does to the world, which decides what may run beside it on its connection.
    package enum Effect: Sendable {
        /// Changes nothing. Runs beside other reads.
        case read
        /// Takes effect after everything sent before it and before everything sent after it.
        case write
    }

    /// The name on the wire.
    package let name: String
    /// Whether it reads or writes.
    package let effect: Effect
    /// Whether this peer may call it. If not, the answer is FORBIDDEN.
    package let allowed: @Sendable (Peer) -> Bool
    /// The work. It starts on the connection's event loop and must not block there. The loop is also what its task
    /// prefers, so that code of no actor, even `@concurrent`, runs there too; what blocks needs an executor of its own.
    ///
    /// It is cancelled only when a shutdown runs out of time, never because the peer has gone.
    package let run: @Sendable (Call) async throws(RPCError) -> any JSONEncodable

    /// A method as given; by default everybody may call it.
    package init(
        name: String, effect: Effect, allowed: @escaping @Sendable (Peer) -> Bool = { _ in true },
        run: @escaping @Sendable (Call) async throws(RPCError) -> any JSONEncodable
    ) {
        self.name = name
        self.effect = effect
        self.allowed = allowed
        self.run = run
    }
}
