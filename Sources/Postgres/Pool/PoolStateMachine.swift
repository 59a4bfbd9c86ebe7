package import Deadlines

/// What a pool of connections does next: a value without I/O, driven by its connections' threads and by callers.
///
/// A pool is a fixed number of connections and the work that waits for them. Each connection asks `step` what to do,
/// does it, and reports how it ended. Time is passed in, so that it can be tested with a clock of its own.
package struct PoolStateMachine<Job: Sendable>: Sendable {
    /// What one connection is doing.
    private enum Connection: Sendable {
        /// Not connected, and may try. Next: connecting.
        case disconnected
        /// A connection attempt is under way, which began while no connection was open, or beside one. Next: idle,
        /// waiting, disconnected (by shutdown: stopped).
        case connecting(besideNone: Bool)
        /// The last attempt failed at `since`; the next one comes after a pause. Next: connecting.
        case waiting(since: MonotonicTime)
        /// The attempt is left to another pool, which has no connection yet. Next: disconnected, connecting.
        case givingWay(until: MonotonicTime)
        /// Connected and asleep. Next: woken, disconnected.
        case idle
        /// Connected and about to ask for a step. Next: busy, idle, disconnected.
        case woken
        /// Its work was begun for it at `since`, while its thread sleeps on until there is an answer; `isShared` if it
        /// has several parts. Next: busy, disconnected.
        case begun(since: MonotonicTime, isShared: Bool)
        /// Doing work, of which it began `count` items last, at `since`; `isShared` if they have several parts. Next:
        /// woken, disconnected.
        case busy(since: MonotonicTime, count: Int, isShared: Bool)
        /// Told to close for good. The end.
        case stopped

        static func busy(_ group: [WorkQueue<Job>.Taken], since: MonotonicTime) -> Connection {
            .busy(since: since, count: group.count, isShared: group.partCount() > 1)
        }

        var isConnected: Bool {
            switch self {
            case .idle, .woken, .begun, .busy: true
            case .disconnected, .connecting, .waiting, .givingWay, .stopped: false
            }
        }

        /// Since when it has had work; nil if it has none.
        var worksSince: MonotonicTime? {
            switch self {
            case .begun(let since, _), .busy(let since, _, _): since
            case .disconnected, .connecting, .waiting, .givingWay, .idle, .woken, .stopped: nil
            }
        }
    }

    /// What a connection is told to do.
    package enum Step: Sendable {
        case connect
        case sleep
        case pause(until: MonotonicTime)
        case work([WorkQueue<Job>.Taken])
        case close
    }

    /// What became of new work.
    package enum Submission: Sendable {
        /// It waits; the connection with this number must be woken, if any.
        case queued(wake: Int?)
        /// The connection with this number has nothing to do. Its work is to be begun at once, without its thread,
        /// which would have to wake up for that.
        case begin(WorkQueue<Job>.Taken, on: Int)
        /// No connection to the database can be had at present.
        case unavailable
        case shuttingDown
    }

    private var connections: [Connection]
    private var queue = WorkQueue<Job>()
    /// Whether the last attempt to connect failed that began while no connection was open. One that began beside others
    /// may have met what ended those, and the next one succeeds.
    package private(set) var isFailing = false {
        didSet { if isFailing, !oldValue { outages += 1 } }
    }
    /// How often that has become so since the start.
    package private(set) var outages = 0
    /// The attempts to connect that have failed since the start.
    package private(set) var failedAttempts = 0
    /// How often work that had been taken together was put back, to be done by itself.
    package private(set) var batchSplits = 0
    private var isShuttingDown = false
    private let maximumGroup: Int
    private let parallelism: Int
    private let pause: Duration
    /// The pause after a failed attempt while other connections are open: there is time, and a server
    /// at its limit is asked less often.
    private static var longPause: Duration { .seconds(2) }
    /// After how much work a connection is taken to be stuck: another may work in its place, and
    /// `expire` looks after the deadline of what was begun for it.
    private let stuckThreshold = Duration.milliseconds(50)

    /// A pool of `connections` connections, each of which takes at most `maximumGroup` parts at once and
    /// waits `pause` after a failed attempt to connect. `parallelism` of them work at the same time,
    /// besides those that are stuck: what waits for them makes larger groups. Nil: all.
    package init(
        connections: Int, maximumGroup: Int, parallelism: Int? = nil, pause: Duration = .milliseconds(150)
    ) {
        self.connections = Array(repeating: .disconnected, count: connections)
        self.maximumGroup = maximumGroup
        self.parallelism = min(parallelism ?? connections, connections)
        self.pause = pause
    }

    /// The number of connections that are open.
    package var connectedCount: Int { connections.count { $0.isConnected } }

    /// The number of connections that are working.
    package var busyCount: Int {
        connections.count { $0.worksSince != nil }
    }

    /// How long the longest work under way has taken at `now`; zero when there is none.
    package func longestWork(at now: MonotonicTime) -> Duration {
        connections.compactMap { $0.worksSince?.duration(to: now) }.max() ?? .zero
    }

    /// The number of items that wait.
    package var waitingCount: Int { queue.count }

    /// Whether every connection has been told to close and has done so, or will without being waited for.
    package var isStopped: Bool {
        connections.allSatisfy { if case .stopped = $0 { true } else { false } }
    }

    // MARK: Callers

    /// New work. It is refused at once when there is no connection and the last attempt to get one failed.
    package mutating func submit(_ item: WorkItem<Job>, at now: MonotonicTime) -> Submission {
        if isShuttingDown { return .shuttingDown }
        if isFailing, connectedCount == 0 { return .unavailable }
        let readyBefore = queue.readyCount
        queue.append(item)
        guard queue.readyCount > readyBefore else { return .queued(wake: nil) }
        guard workers(at: now) + awakeCount < parallelism else { return .queued(wake: nil) }
        guard readyBefore == 0, let index = firstIdle, let taken = queue.next(atMost: maximumGroup) else {
            return .queued(wake: wakeIdle())
        }
        connections[index] = .begun(since: now, isShared: taken.count > 1)
        return .begin(taken, on: index)
    }

    /// Looks after what takes long. Returns the work that waited past its deadline, which must be told so; and the
    /// connections to wake, because what waited behind it became ready, or because no thread looks after the deadline
    /// of what was begun for them.
    package mutating func expire(at now: MonotonicTime) -> (expired: [WorkItem<Job>], wake: [Int]) {
        let expired = queue.removeExpired(at: now)
        let unattended = connections.indices.filter {
            if case .begun = connections[$0] { isStuck($0, at: now) } else { false }
        }
        return (expired, wakeForReadyWork(at: now) + unattended)
    }

    /// Whether `expire` must be called from time to time: something waits, or was begun, or may be put back to wait.
    package var needsLookingAfter: Bool {
        queue.count > 0
            || connections.contains {
                switch $0 {
                case .begun: true
                case .busy(_, _, let isShared): isShared
                case .disconnected, .connecting, .waiting, .givingWay, .idle, .woken, .stopped: false
                }
            }
    }

    /// Ends the pool: returns the work that will not start, and the connections to wake so that they learn it.
    package mutating func shutDown() -> (refused: [WorkItem<Job>], wake: [Int]) {
        isShuttingDown = true
        for index in connections.indices {
            // A thread that is inside a connection attempt cannot be woken: it finds out at the attempt's end.
            if case .connecting = connections[index] { connections[index] = .stopped }
        }
        return (queue.removeAll(), Array(connections.indices))
    }

    // MARK: Connections

    /// What connection `index` is to do now.
    package mutating func step(of index: Int, at now: MonotonicTime) -> Step {
        switch connections[index] {
        case .begun:
            return .sleep
        case _ where isShuttingDown:
            connections[index] = .stopped
            return .close
        case .stopped:
            return .close
        case .waiting(let since) where since.advanced(by: presentPause) > now:
            return .pause(until: since.advanced(by: presentPause))
        case .givingWay(let until) where until > now:
            return .pause(until: until)
        case .disconnected, .waiting, .givingWay, .connecting:
            connections[index] = .connecting(besideNone: connectedCount == 0)
            return .connect
        case .idle, .woken, .busy:
            connections[index] = .idle
            let group = workers(at: now) < parallelism ? takeGroup(for: index, at: now) : []
            connections[index] = group.isEmpty ? .idle : .busy(group, since: now)
            return group.isEmpty ? .sleep : .work(group)
        }
    }

    /// The thread of connection `index` could not start. Returns the work that no connection can do; it must
    /// be told so.
    package mutating func abandoned(_ index: Int) -> [WorkItem<Job>] {
        connections[index] = .stopped
        guard isStopped else { return [] }
        isFailing = true
        return queue.removeAll()
    }

    /// Connection `index` is open.
    package mutating func connected(_ index: Int) {
        isFailing = false
        if case .stopped = connections[index] { return }
        connections[index] = .woken
    }

    /// Whether connection `index` is the one to open first, while none is open: so a server that refuses is asked by
    /// one.
    package func isFirstToConnect(_ index: Int) -> Bool {
        connectedCount == 0 && connections[..<index].allSatisfy { if case .stopped = $0 { true } else { false } }
    }

    /// Connection `index` leaves the attempt to another pool, which has none yet.
    package mutating func gaveWay(_ index: Int, at now: MonotonicTime) {
        if case .stopped = connections[index] { return }
        connections[index] = .givingWay(until: now.advanced(by: pause))
    }

    /// The other pools may have their connections. Returns the connections to wake, which gave way to them.
    package mutating func precedenceChanged() -> [Int] {
        let indices = connections.indices.filter { if case .givingWay = connections[$0] { true } else { false } }
        for index in indices { connections[index] = .disconnected }
        return indices
    }

    /// The attempt of connection `index` failed. Returns the work that no connection can do now; it must be told so.
    package mutating func connectFailed(_ index: Int, at now: MonotonicTime) -> [WorkItem<Job>] {
        guard case .connecting(let besideNone) = connections[index] else { return [] }
        connections[index] = .waiting(since: now)
        failedAttempts += 1
        guard besideNone, connectedCount == 0 else { return [] }
        isFailing = true
        return queue.removeAll()
    }

    /// The thread of connection `index` goes on with what was begun for it.
    package mutating func resumed(_ index: Int) {
        if case .begun(let since, let isShared) = connections[index] {
            connections[index] = .busy(since: since, count: 1, isShared: isShared)
        }
    }

    /// More work for connection `index`, which is busy and has got on with what it has. For pools whose work has no
    /// keys: what is taken here is not handed back.
    package mutating func more(for index: Int, at now: MonotonicTime) -> [WorkQueue<Job>.Taken] {
        guard case .busy = connections[index] else { return [] }
        let group = takeGroup(for: index, at: now)
        connections[index] = .busy(group, since: now)
        return group
    }

    /// Connection `index` has done its work, but for those of the group at the places `undone`, which are to be done by
    /// themselves (all of their parts if they were `rolledBack`), and for `leftOut` other parts. `usable` is false
    /// when it must be closed and opened anew.
    /// Returns the work that will not be done, as the pool is ending; and the connections to wake because work became
    /// ready.
    package mutating func finished(
        _ index: Int, _ group: [WorkQueue<Job>.Taken], undone: [Int] = [], rolledBack: Bool = false,
        leftOut: Int = 0, usable: Bool, at now: MonotonicTime
    ) -> (refused: [WorkItem<Job>], wake: [Int]) {
        for (place, taken) in group.enumerated() where !undone.contains(place) { queue.finished(taken) }
        let putBack = undone.map { group[$0] }
        queue.putBack(putBack, rolledBack: rolledBack)
        batchSplits += putBack.partCount() + leftOut
        connections[index] = usable ? .woken : .disconnected
        let refused = isShuttingDown ? queue.removeAll() : []
        return (refused, wakeForReadyWork(at: now) + (usable ? [] : hastened))
    }

    /// The idle connection `index` broke. Returns the connections to wake: it may have been woken already for work that
    /// another must take now, and a pause may have become shorter. If work is being begun on it just now, its end is
    /// told by `finished`.
    package mutating func lost(_ index: Int, at now: MonotonicTime) -> [Int] {
        switch connections[index] {
        case .stopped, .begun: return []
        case .disconnected, .connecting, .waiting, .givingWay, .idle, .woken, .busy: connections[index] = .disconnected
        }
        return wakeForReadyWork(at: now) + hastened
    }

    /// The pause after a failed attempt, as things are.
    private var presentPause: Duration { connectedCount == 0 ? pause : PoolStateMachine.longPause }

    /// The connections whose pause is shorter because none is open.
    private var hastened: [Int] {
        guard connectedCount == 0 else { return [] }
        return connections.indices.filter { if case .waiting = connections[$0] { true } else { false } }
    }

    /// A connection takes no more than its share of what waits and is under way, so that the others have work, too. But
    /// the parts behind the first of what it takes are nothing that another could begin with.
    private mutating func takeGroup(for index: Int, at now: MonotonicTime) -> [WorkQueue<Job>.Taken] {
        var others = 0
        var connected = 1
        for other in connections.indices
        where other != index && connections[other].isConnected && !isStuck(other, at: now) {
            switch connections[other] {
            case .busy(_, let count, _): others += count
            case .begun: others += 1
            case .disconnected, .connecting, .waiting, .givingWay, .idle, .woken, .stopped: break
            }
            connected += 1
        }
        let takers = min(connected, parallelism)
        let share = (queue.readyCount + others + takers - 1) / takers
        var group: [WorkQueue<Job>.Taken] = []
        group.reserveCapacity(min(share, maximumGroup, queue.readyCount))
        var count = 0
        while group.count < share, count < maximumGroup {
            let rest = maximumGroup - count
            let taken =
                if let last = group.last { queue.next(with: last, atMost: rest) } else { queue.next(atMost: rest) }
            guard let taken else { break }
            group.append(taken)
            count += taken.count
        }
        return group
    }

    /// Wakes connections until there is one awake for each item that is ready, or none sleeps, or enough work.
    private mutating func wakeForReadyWork(at now: MonotonicTime) -> [Int] {
        var awake = awakeCount
        let enough = min(queue.readyCount, parallelism - workers(at: now))
        var wake: [Int] = []
        while awake < enough, let index = wakeIdle() {
            wake.append(index)
            awake += 1
        }
        return wake
    }

    /// The number of connections that are working and not stuck.
    private func workers(at now: MonotonicTime) -> Int {
        connections.indices.count { connections[$0].worksSince != nil && !isStuck($0, at: now) }
    }

    private func isStuck(_ index: Int, at now: MonotonicTime) -> Bool {
        connections[index].worksSince.map { $0.duration(to: now) >= stuckThreshold } ?? false
    }

    private var awakeCount: Int {
        connections.count { if case .woken = $0 { true } else { false } }
    }

    private mutating func wakeIdle() -> Int? {
        guard let index = firstIdle else { return nil }
        connections[index] = .woken
        return index
    }

    private var firstIdle: Int? {
        connections.firstIndex { if case .idle = $0 { true } else { false } }
    }
}

extension Array {
    /// The number of parts that are to be done.
    fileprivate func partCount<Job>() -> Int where Element == WorkQueue<Job>.Taken {
        reduce(0) { $0 + $1.count }
    }
}
