import Deadlines
import Synchronization

/// Carries out work on one connection. It is used by one thread at a time: the one that holds the lock of its
/// `PooledConnection`.
protocol ConnectionDriver<Job>: SendableMetatype {
    associatedtype Job: Sendable

    /// - Parameter session: Its connection, which nothing else uses.
    init(_ session: Session, _ configuration: PostgresConfiguration)

    var session: Session { get }

    /// Sends work when nothing is under way, without waiting for anything: also on an event loop. `run` finishes it.
    /// Returns whether all of it has left; if not, `run` is to be called at once.
    mutating func sendNow(_ work: WorkQueue<Job>.Taken) -> Bool

    /// Finishes what was begun, and runs a group. A driver that can run work beside the group may ask for more of it,
    /// as often as there is room.
    mutating func run(_ group: [WorkQueue<Job>.Taken], _ more: @Sendable () -> [WorkQueue<Job>.Taken]) -> WorkEnd

    /// Tells work that it will not run.
    static func fail(_ item: WorkItem<Job>, _ error: PostgresError)
}

/// How the work of a connection ended.
struct WorkEnd {
    /// Why the connection must be replaced, for the log; nil: it is of use.
    var lost: String?
    /// The places in the group of the work that was not done and has not been told so, and is to be done again, each by
    /// itself. All other work has been told its end.
    var undone: [Int] = []
    /// Whether any part of that may be why it was not done.
    var isRolledBack = false
    /// The number of parts of other work that were left out, which has been told so.
    var leftOut = 0
    /// Whether the server said that what was prepared does not hold.
    var isStale = false
}

/// Which connections of a pool were opened since a prepared statement last turned out not to fit the database. What one
/// connection has prepared, the others have, too: they are all opened anew rather than each cost a request an attempt.
final class Preparations: Sendable {
    private let current = Atomic<UInt64>(0)

    /// Why connections are opened anew.
    static let mismatch = "prepared statements do not fit the database"

    /// The number that a new connection takes along.
    var number: UInt64 { current.load(ordering: .relaxed) }

    /// What connections with this number have prepared does not hold. Returns false if that was known.
    func retire(_ number: UInt64) -> Bool {
        current.compareExchange(expected: number, desired: number &+ 1, ordering: .relaxed).exchanged
    }
}

/// One connection of a pool as its thread and the callers of its pool share it.
///
/// `PoolStateMachine` says whose turn it is, so that the lock is contended for moments only.
final class PooledConnection<Driver: ConnectionDriver>: Sendable {
    typealias Taken = WorkQueue<Driver.Job>.Taken

    private struct Contents {
        /// Nil while there is no connection.
        var driver: Driver?
        /// What was begun and has not come to the thread.
        var begun: Taken?
        /// The number of the preparations of the connection.
        var preparations: UInt64 = 0
    }

    /// How a sleep ended.
    enum Awakening {
        /// The thread was woken, or nothing happened.
        case woken
        /// There is an answer to what was begun, or it must be looked after.
        case begun(Taken)
        /// The connection broke. The text is libpq's, for the log.
        case lost(String)
    }

    private let contents = Mutex(Contents())
    private let pipe: WakePipe
    private let preparations: Preparations

    /// Nil when the process has no more descriptors.
    init?(_ preparations: Preparations) {
        guard let pipe = WakePipe() else { return nil }
        self.pipe = pipe
        self.preparations = preparations
    }

    /// Ends the present or the next sleep of the thread.
    func wake() { pipe.wake() }

    // MARK: Callers

    /// Begins work on the connection, which is idle. Returns false if the connection is lost; the work has not begun.
    func begin(_ taken: Taken) -> Bool {
        let hasLeft: Bool? = contents.withLock { contents in
            guard contents.driver != nil else { return nil }
            contents.begun = taken
            return contents.driver?.sendNow(taken)
        }
        if hasLeft == false { wake() }
        return hasLeft != nil
    }

    // MARK: Its thread

    func open(
        _ configuration: PostgresConfiguration, by watch: ServerWatch, for purpose: ServerWatch.Purpose
    ) throws(LibPQConnection.Broken) {
        try contents.withLock { contents throws(LibPQConnection.Broken) in
            contents.preparations = preparations.number
            contents.driver = Driver(try watch.open(purpose), configuration)
        }
    }

    func close() {
        contents.withLock { $0.driver = nil }
    }

    /// Sleeps until then or a call of `wake`.
    func pause(until: MonotonicTime) {
        pipe.sleep(until: until)
    }

    /// Sleeps until a call of `wake`, or until the server says something or is gone.
    func sleep() -> Awakening {
        let descriptor = contents.withLock { $0.driver?.session.connection.descriptor }
        let hasInput = pipe.sleep(orInputOn: descriptor)
        return contents.withLock { contents in
            if let taken = contents.begun {
                contents.begun = nil
                return .begun(taken)
            }
            do throws(LibPQConnection.Broken) {
                if hasInput { try contents.driver?.session.connection.consumeInput() }
                if contents.driver?.session.isCurrent == false { throw ServerWatch.retired }
                if contents.driver != nil, contents.preparations != preparations.number {
                    throw LibPQConnection.Broken(reason: Preparations.mismatch)
                }
                return .woken
            } catch {
                contents.driver = nil
                return .lost(error.reason)
            }
        }
    }

    /// Runs a group, or finishes what was begun. The end is stale for the first connection only that finds it so.
    func run(
        _ group: [Taken], _ more: @Sendable () -> [Taken]
    ) -> WorkEnd {
        contents.withLock { contents in
            var end = contents.driver?.run(group, more) ?? WorkEnd(lost: "there is none")
            if end.isStale { end.isStale = preparations.retire(contents.preparations) }
            if contents.preparations != preparations.number { end.lost = end.lost ?? Preparations.mismatch }
            if end.lost != nil { contents.driver = nil }
            return end
        }
    }
}
