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

/// One request on its way to its method and back. An object, because it is handed on a dozen times on that way.
package final class Call: Sendable {
    /// Where the reply goes.
    struct Origin: Sendable {
        let connection: Connection
        let entry: RequestSequencer<ByteBuffer>.EntryID
    }

    /// The request as it was read.
    package let request: Request
    /// The connection that it came over: calls that are under way and have the same came over the same one.
    package var connection: ObjectIdentifier { ObjectIdentifier(origin.connection) }
    /// Who sent it.
    package let peer: Peer
    /// When its time began.
    package let turn: Turn
    private let origin: Origin

    init(request: Request, peer: Peer, turn: Turn, origin: Origin) {
        self.request = request
        self.peer = peer
        self.turn = turn
        self.origin = origin
    }

    /// Replies with a result. Of `succeed` and `fail` one is called, once, by a method that `starts`; on any thread.
    package func succeed(_ result: some JSONEncodable) {
        end(request.id.map { ReplyLine.success($0, result, ByteBufferAllocator()) })
    }

    /// Replies with an error.
    package func fail(_ error: RPCError) {
        end(request.id.map { ReplyLine.failure($0, error, ByteBufferAllocator()) })
    }

    /// Ends it without a reply: there is no client any more.
    func drop() { end(nil) }

    private func end(_ reply: ByteBuffer?) {
        origin.connection.loop.end(origin.entry, of: origin.connection, reply: reply)
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
        /// The same, as far as anybody can see. Calls of such methods that follow one another run at the same time, and
        /// the methods make them take effect in the order in which they begin: each begins before the next one, up to
        /// where it first waits.
        case orderedWrite
    }

    /// How a method works. Either way it begins on the connection's event loop and must not block there.
    package enum Work: Sendable {
        /// In a task of its own. The loop is also what the task prefers, so that code of no actor, even `@concurrent`,
        /// runs there too; what blocks needs an executor of its own. It is cancelled only when a shutdown runs out of
        /// time, never because the peer has gone.
        case runs(@Sendable (Call) async throws(RPCError) -> any JSONEncodable)
        /// By a call that hands it on and returns, and tells the `Call` later what came of it, within the request's
        /// deadline: nothing cancels it. For what waits for one thing only and is asked often: without a task, a list
        /// takes a tenth less of our instructions.
        case starts(@Sendable (Call) -> Void)
    }

    /// The name on the wire.
    package let name: String
    /// Whether it reads or writes.
    package let effect: Effect
    /// Whether this peer may call it. If not, the answer is FORBIDDEN.
    package let allowed: @Sendable (Peer) -> Bool
    /// What it does.
    package let work: Work

    /// A method as given; by default everybody may call it.
    package init(
        name: String, effect: Effect, allowed: @escaping @Sendable (Peer) -> Bool = { _ in true }, work: Work
    ) {
        self.name = name
        self.effect = effect
        self.allowed = allowed
        self.work = work
    }

    /// A method that runs in a task.
    package convenience init(
        name: String, effect: Effect, allowed: @escaping @Sendable (Peer) -> Bool = { _ in true },
        run: @escaping @Sendable (Call) async throws(RPCError) -> any JSONEncodable
    ) {
        self.init(name: name, effect: effect, allowed: allowed, work: .runs(run))
    }
}
