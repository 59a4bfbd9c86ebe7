import Logging
import Synchronization

/// The connections of one kind: a thread each, which does what `LaneState` says. I/O around a pure value, no more.
final class Lane<Job: Sendable>: Sendable {
    /// What a lane does with its jobs.
    struct Role: Sendable {
        let name: String
        /// Whether all its statements look up a few rows by their keys.
        var looksUpByKey = false
        /// Runs a group on a connection; false when the connection must be replaced. Who can run work without keys
        /// beside the group may ask for more of it, as often as there is room.
        let run: @Sendable (_ group: [Job], Session, _ more: () -> [Job]) -> Bool
        /// Tells a job that it will not run.
        let refuse: @Sendable (Job, PostgresError) -> Void
    }

    private let state: Mutex<LaneState<Job>>
    private let wakes: [WakePipe]
    private let role: Role
    private let configuration: PostgresConfiguration
    private let logger: Logger
    private let onChange: @Sendable () -> Void
    private let opened = Atomic<Int>(0)
    private let lastFailure = Mutex<String?>(nil)

    /// - Parameter onChange: called on a connection's thread when a connection was opened, lost or closed.
    init(
        _ role: Role, connections: Int, maximumGroup: Int, configuration: PostgresConfiguration, logger: Logger,
        onChange: @escaping @Sendable () -> Void
    ) {
        self.wakes = (0..<connections).compactMap { _ in WakePipe() }
        self.state = Mutex(LaneState(connections: wakes.count, maximumGroup: maximumGroup))
        self.role = role
        self.configuration = configuration
        self.logger = logger
        self.onChange = onChange
    }

    /// Starts the threads.
    func start() {
        for index in wakes.indices where !BlockingThread.start({ self.run(index) }) {
            logger.error("no thread for a database connection", metadata: ["lane": "\(role.name)"])
        }
    }

    /// A picture of the lane now.
    var status: PoolStatus.Lane {
        let lastFailure = lastFailure.withLock { $0 }
        return state.withLock { state in
            PoolStatus.Lane(
                connections: wakes.count, connected: state.connectedCount, busy: state.busyCount,
                waiting: state.waitingCount, opened: opened.load(ordering: .relaxed),
                failedAttempts: state.failedAttempts, isFailing: state.isFailing,
                longestWorkMilliseconds: state.longestWork(at: .now()), lastFailure: lastFailure)
        }
    }

    var isStopped: Bool { state.withLock { $0.isStopped } }

    /// Hands a job over; on refusal the job has been told.
    func submit(_ item: WorkItem<Job>) {
        switch state.withLock({ $0.submit(item) }) {
        case .queued(let index): if let index { wakes[index].wake() }
        case .unavailable: role.refuse(item.job, .unavailable)
        case .shuttingDown: role.refuse(item.job, .shuttingDown)
        }
    }

    /// Gives up what has waited past its deadline. Returns whether anything still waits.
    func expire() -> Bool {
        let (overdue, waits) = state.withLock { state in (state.expire(at: .now()), state.waitingCount > 0) }
        for index in overdue.wake { wakes[index].wake() }
        for job in overdue.expired { role.refuse(job, .timedOut) }
        return waits
    }

    /// Refuses what waits and everything new; connections close as soon as they have finished what they do.
    func shutDown() {
        let (refused, wake) = state.withLock { $0.shutDown() }
        for job in refused { role.refuse(job, .shuttingDown) }
        for index in wake { wakes[index].wake() }
        onChange()
    }

    private func run(_ index: Int) {
        var session: Session?
        while true {
            switch state.withLock({ $0.step(of: index, at: .now()) }) {
            case .connect:
                session = nil
                session = connect(index)
            case .pause(let until):
                wakes[index].sleep(until: until)
            case .sleep:
                do {
                    try session?.connection.idle(wakes[index])
                } catch {
                    session = nil
                    for other in state.withLock({ $0.lost(index) }) { wakes[other].wake() }
                    logger.debug("connection lost while idle", metadata: metadata(error.reason))
                    onChange()
                }
            case .work(let group):
                let usable = session.map { role.run(begin(group), $0, { begin(more(for: index)) }) } ?? false
                if !usable { session = nil }
                let wake = state.withLock { $0.finished(index, group, usable: usable) }
                for other in wake { wakes[other].wake() }
            case .close:
                session = nil
                onChange()
                return
            }
        }
    }

    private func more(for index: Int) -> [WorkQueue<Job>.Taken] {
        state.withLock { $0.more(for: index, at: .now()) }
    }

    private func begin(_ group: [WorkQueue<Job>.Taken]) -> [Job] {
        for taken in group { taken.item.trace?.taken() }
        return group.map(\.item.job)
    }

    private func connect(_ index: Int) -> Session? {
        do {
            let session = try Session(
                configuration, statementTimeoutMilliseconds: configuration.readTimeoutMilliseconds,
                looksUpByKey: role.looksUpByKey)
            opened.add(1, ordering: .relaxed)
            state.withLock { $0.connected(index) }
            logger.debug("connection opened", metadata: ["lane": "\(role.name)"])
            onChange()
            return session
        } catch {
            let metadata = metadata(error.reason)
            lastFailure.withLock { $0 = metadata["reason"]?.description }
            let refused = state.withLock { $0.connectFailed(index, at: .now()) }
            for job in refused { role.refuse(job, .unavailable) }
            logger.trace("connection attempt failed", metadata: metadata)
            onChange()
            return nil
        }
    }

    /// libpq's texts have several lines; a log entry has one.
    private func metadata(_ reason: String) -> Logger.Metadata {
        ["lane": "\(role.name)", "reason": "\(reason.split(whereSeparator: \.isNewline).joined(separator: " "))"]
    }
}
