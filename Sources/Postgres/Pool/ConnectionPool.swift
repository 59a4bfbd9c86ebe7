import Deadlines
import Logging
import Synchronization

/// The connections of one kind: a thread each, which does what `PoolStateMachine` says. I/O around a pure value, no
/// more.
final class ConnectionPool<Driver: ConnectionDriver>: Sendable {
    typealias Item = WorkItem<Driver.Job>
    private typealias Taken = WorkQueue<Driver.Job>.Taken

    /// What the pool is for.
    struct Role: Sendable {
        let name: String
        /// What its connections are opened for.
        let purpose: ServerWatch.Purpose
        /// How many of its connections work at the same time, besides those that are stuck; nil: all.
        var parallelism: Int?
        /// Whether it has no connection before the other pools have one each.
        var isLast = false
    }

    /// Whether every pool that comes first, and that the server can serve, has a connection.
    ///
    /// A type of its own, because each access to a function that a `Mutex` holds by itself wraps it once more: a chain
    /// that only grows, and overflows the stack when it is called or released.
    private struct Precedence: Sendable {
        let allHaveOne: @Sendable () -> Bool

        init(_ allHaveOne: @escaping @Sendable () -> Bool) { self.allHaveOne = allHaveOne }
    }

    private let state: Mutex<PoolStateMachine<Driver.Job>>
    private let connections: [PooledConnection<Driver>]
    private let role: Role
    private let configuration: PostgresConfiguration
    private let watch: ServerWatch
    private let logger: Logger
    private let onChange: @Sendable () -> Void
    private let onStalePreparations: @Sendable () -> Void
    private let precedence = Mutex(Precedence { true })
    private let opened = Atomic<Int>(0)
    private let lastFailure = Mutex<String?>(nil)

    /// - Parameters:
    ///   - onChange: called on a connection's thread when a connection was opened, lost or closed.
    ///   - onStalePreparations: called likewise when connections that sleep are to look whether they are of use.
    init(
        _ role: Role, connections: Int, maximumGroup: Int, configuration: PostgresConfiguration, watch: ServerWatch,
        preparations: Preparations, logger: Logger, onChange: @escaping @Sendable () -> Void,
        onStalePreparations: @escaping @Sendable () -> Void
    ) {
        self.connections = (0..<connections).compactMap { _ in PooledConnection(preparations) }
        if self.connections.count < connections {
            logger.error(
                "too few open files for all database connections",
                metadata: ["pool": "\(role.name)", "missing": "\(connections - self.connections.count)"])
        }
        self.state = Mutex(
            PoolStateMachine(
                connections: self.connections.count, maximumGroup: maximumGroup, parallelism: role.parallelism))
        self.role = role
        self.configuration = configuration
        self.watch = watch
        self.logger = logger
        self.onChange = onChange
        self.onStalePreparations = onStalePreparations
    }

    /// Starts the threads.
    func start() {
        for index in connections.indices where !BlockingThread.start({ self.run(index) }) {
            logger.error("no thread for a database connection", metadata: ["pool": "\(role.name)"])
            let refused = state.withLock { $0.abandoned(index) }
            for item in refused { Driver.fail(item, .unavailable) }
            onChange()
        }
    }

    /// A picture of the pool now.
    var status: PoolStatus.Connections {
        let lastFailure = lastFailure.withLock { $0 }
        return state.withLock { state in
            PoolStatus.Connections(
                connections: connections.count, connected: state.connectedCount, busy: state.busyCount,
                waiting: state.waitingCount, opened: opened.load(ordering: .relaxed),
                failedAttempts: state.failedAttempts, isFailing: state.isFailing, outages: state.outages,
                longestWork: state.longestWork(at: .now()), lastFailure: lastFailure,
                batchSplits: state.batchSplits)
        }
    }

    var isStopped: Bool { state.withLock { $0.isStopped } }

    /// Hands work over; on refusal it has been told. Never waits.
    func submit(_ item: Item) {
        switch state.withLock({ $0.submit(item, at: .now()) }) {
        case .queued(let index): if let index { connections[index].wake() }
        case .begin(let taken, let index):
            if connections[index].begin(taken) { return }
            // Lost a moment before; the thread sleeps until it is told.
            Driver.fail(taken.item, .connectionLost)
            wake(state.withLock { $0.finished(index, [taken], usable: false, at: .now()) }.wake + [index])
            onChange()
        case .unavailable: Driver.fail(item, .unavailable)
        case .shuttingDown: Driver.fail(item, .shuttingDown)
        }
    }

    /// Gives up what has waited past its deadline. Returns whether anything must be looked after again.
    func expire() -> Bool {
        let (overdue, isNeeded) = state.withLock { state in (state.expire(at: .now()), state.needsLookingAfter) }
        wake(overdue.wake)
        for item in overdue.expired { Driver.fail(item, .timedOut) }
        return isNeeded
    }

    /// Refuses what waits and everything new; connections close as soon as they have finished what they do.
    func shutDown() {
        let (refused, asleep) = state.withLock { $0.shutDown() }
        for item in refused { Driver.fail(item, .shuttingDown) }
        wake(asleep)
        onChange()
    }

    /// Has connections that sleep look whether they are of use.
    func lookAround() { wake(Array(connections.indices)) }

    private func wake(_ indices: [Int]) {
        for index in indices { connections[index].wake() }
    }

    // MARK: The threads

    private func run(_ index: Int) {
        while true {
            switch state.withLock({ $0.step(of: index, at: .now()) }) {
            case .connect: connect(index)
            case .pause(let until): connections[index].pause(until: until)
            case .sleep: sleep(index)
            case .work(let group):
                work(group, on: index)
            case .close:
                connections[index].close()
                onChange()
                return
            }
        }
    }

    /// Sleeps, and then finishes what was begun meanwhile: the way of work for which a connection was idle.
    private func sleep(_ index: Int) {
        switch connections[index].sleep() {
        case .woken: break
        case .begun(let taken):
            state.withLock { $0.resumed(index) }
            work([taken], on: index, isBegun: true)
        case .lost(let reason):
            wake(state.withLock { $0.lost(index, at: .now()) })
            logger.debug("connection lost while idle", metadata: metadata(reason))
            onChange()
        }
    }

    /// Runs a group, or finishes it if it was begun.
    private func work(_ group: [Taken], on index: Int, isBegun: Bool = false) {
        let end = connections[index].run(isBegun ? [] : group) { state.withLock { $0.more(for: index, at: .now()) } }
        let (refused, asleep) = state.withLock {
            $0.finished(
                index, group, undone: end.undone, rolledBack: end.isRolledBack, leftOut: end.leftOut,
                usable: end.lost == nil, at: .now())
        }
        if let reason = end.lost { logger.debug("connection lost at work", metadata: metadata(reason)) }
        for item in refused { Driver.fail(item, .shuttingDown) }
        wake(asleep)
        if end.isStale {
            logger.notice("\(Preparations.mismatch): all connections are opened anew")
            onStalePreparations()
        }
    }

    /// Connections but the first wait until `allHaveOne`, which must not wait; that of a last pool does, too.
    func giveWay(until allHaveOne: @escaping @Sendable () -> Bool) {
        precedence.withLock { $0 = Precedence(allHaveOne) }
    }

    /// The other pools may have their connections: what gave way to them asks again at once.
    func precedenceChanged() { wake(state.withLock { $0.precedenceChanged() }) }

    /// Whether connection `index` may be opened before the other pools have theirs, or they have them.
    func mayConnect(_ index: Int) -> Bool {
        // The lock is not held while the others are asked, which ask this one, too.
        let isFirst = !role.isLast && state.withLock { $0.isFirstToConnect(index) }
        return isFirst || precedence.withLock { $0 }.allHaveOne()
    }

    /// Whether there is a connection.
    var hasOne: Bool { state.withLock { $0.connectedCount > 0 } }

    /// Whether there is a connection, or the server in use is none for this pool.
    var hasOneIfPossible: Bool { hasOne || !watch.canServe(role.purpose) }

    private func connect(_ index: Int) {
        guard mayConnect(index) else {
            state.withLock { $0.gaveWay(index, at: .now()) }
            // They may have got theirs in between, when there was nothing here to be woken.
            if mayConnect(index) { precedenceChanged() }
            return
        }
        do {
            try connections[index].open(configuration, by: watch, for: role.purpose)
            opened.add(1, ordering: .relaxed)
            state.withLock { $0.connected(index) }
            logger.debug("connection opened", metadata: ["pool": "\(role.name)"])
        } catch {
            let metadata = metadata(error.reason)
            lastFailure.withLock { $0 = metadata["reason"]?.description }
            let refused = state.withLock { $0.connectFailed(index, at: .now()) }
            for item in refused { Driver.fail(item, .unavailable) }
            logger.trace("connection attempt failed", metadata: metadata)
        }
        onChange()
    }

    /// libpq's texts have several lines; a log entry has one.
    private func metadata(_ reason: String) -> Logger.Metadata {
        ["pool": "\(role.name)", "reason": "\(reason.split(whereSeparator: \.isNewline).joined(separator: " "))"]
    }
}
