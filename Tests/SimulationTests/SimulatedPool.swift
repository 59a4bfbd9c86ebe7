import Deadlines

@testable import Postgres

/// One pool of connections: the state under test, its threads with their wake pipes, and beside it what was handed over,
/// by which the state is judged.
struct SimulatedPool {
    /// What a thread of `ConnectionPool` is at.
    enum Thread {
        /// About to ask for a step.
        case asking
        case connecting
        /// In `idle`. `poll` ends by a wake, or because the connection broke.
        case asleep
        case paused(until: MonotonicTime)
        /// Doing what it took in its last step; `groups` are that and what it took besides, as far as they have not
        /// ended. It took something last at `since`.
        case working([WorkQueue<Int>.Taken], groups: [[WorkQueue<Int>.Taken]], since: MonotonicTime)
        case gone
    }

    /// Work that was handed over and has not ended.
    struct Job {
        /// The keys of the first part.
        let keys: [ExclusionKey]
        /// The further parts, which are settled when it has been taken.
        var further: @Sendable () -> [WorkPart]
        var batchKey: String?
        let deadline: Deadline
        /// The moment, counted in calls, at which nothing before it in its lines was left.
        var readySince: Int?
        var isRunning = false
        /// How many parts behind the first were rolled back with it.
        var separated = 0
    }

    /// Work that has ended: so many of its parts, and how many behind them are to be done by themselves.
    struct Ended {
        let job: Int
        let count: Int
        let separated: Int
        /// What the parts were told.
        let result: Result
    }

    /// What a part that has ended is told.
    enum Result {
        /// It has a result, or an error that another attempt does not change.
        case final
        /// It had no effect, or perhaps one: another attempt finds that out.
        case worthAnotherAttempt
    }

    /// Work that is begun without its connection's thread.
    enum Begun {
        /// Who handed it over was told to begin it, and has not come to that.
        case onItsWay(WorkQueue<Int>.Taken, since: MonotonicTime)
        /// It is sent; the thread gets it when it wakes up.
        case sent(WorkQueue<Int>.Taken, since: MonotonicTime, at: MonotonicTime)

        var since: MonotonicTime {
            switch self {
            case .onItsWay(_, let since), .sent(_, let since, _): since
            }
        }
    }

    var state: PoolStateMachine<Int>
    var threads: [Thread]
    var begun: [Begun?]
    var isConnected: [Bool]
    /// Wakes that no sleep has taken yet; a pipe keeps them.
    var isWakePending: [Bool]
    var jobs: [Int: Job] = [:]
    var lines: [ExclusionKey: [Int]] = [:]
    var calls = 0
    private let maximumGroup: Int
    let parallelism: Int
    /// Whether its work is writes, which are run as transactions.
    let isOfWrites: Bool
    var server: SimulatedServer
    /// Whether the pool's timer will look again: from a submission on, for as long as it is said to be needed.
    var isTimerArmed = false
    private(set) var isShutDown = false
    private(set) var problem: String?

    init(connections: Int, maximumGroup: Int, parallelism: Int, isOfWrites: Bool, server: SimulatedServer) {
        state = PoolStateMachine(connections: connections, maximumGroup: maximumGroup, parallelism: parallelism)
        threads = Array(repeating: .asking, count: connections)
        begun = Array(repeating: nil, count: connections)
        isConnected = Array(repeating: false, count: connections)
        isWakePending = isConnected
        self.maximumGroup = maximumGroup
        self.parallelism = parallelism
        self.isOfWrites = isOfWrites
        self.server = server
    }

    var isStopped: Bool { state.isStopped }
    var hasWork: Bool { !jobs.isEmpty }
    /// Whether all connections are open.
    var isWhole: Bool { !isConnected.contains(false) }

    /// Hands work over. Returns whether it was taken; if not, it has ended.
    mutating func submit(
        _ job: Int, keys: [ExclusionKey], further: @escaping @Sendable () -> [WorkPart], batchKey: String?,
        deadline: Deadline, at now: MonotonicTime
    ) -> Bool {
        calls += 1
        defer { isTimerArmed = true }
        let item = WorkItem(keys: keys, further: further, batchKey: batchKey, deadline: deadline, job: job)
        switch state.submit(item, at: now) {
        case .queued(let index):
            register(item)
            if let index { wake([index]) }
            return true
        case .begin(let taken, let index):
            register(item)
            if taken.item.job != job { report("job \(taken.item.job) is begun for job \(job)") }
            if begun[index] != nil { report("connection \(index) was given work twice") }
            if case .working = threads[index] { report("connection \(index) works already") }
            start([taken], on: index, at: now)
            begun[index] = .onItsWay(taken, since: now)
            return true
        case .unavailable:
            if isConnected.contains(true) { report("refused while a connection is open") }
        case .shuttingDown:
            if !isShutDown { report("refused as if shutting down") }
        }
        return false
    }

    private mutating func register(_ item: WorkItem<Int>) {
        if isShutDown { report("work was taken after the shutdown") }
        if jobs[item.job] != nil { report("job \(item.job) was handed over twice") }
        jobs[item.job] = Job(
            keys: item.keys, further: item.further, batchKey: item.batchKey, deadline: item.deadline)
        for key in item.keys { lines[key, default: []].append(item.job) }
        markReady([item.job])
    }

    /// Begins the work on connection `index` that a caller was told to begin. Returns the work that ended, as the
    /// connection was lost before.
    mutating func begin(on index: Int, at now: MonotonicTime) -> [Ended] {
        guard case .onItsWay(let taken, let since) = begun[index] else { return [] }
        calls += 1
        if isConnected[index] {
            begun[index] = .sent(taken, since: since, at: now)
            return []
        }
        begun[index] = nil
        let ended = end(running: [taken], count: 1, .worthAnotherAttempt)
        wake(state.finished(index, [taken], usable: false, at: now).wake + [index])
        return ended
    }

    /// The pool's timer, if it is armed, gives up what is overdue. Returns that.
    mutating func expire(at now: MonotonicTime) -> [Ended] {
        calls += 1
        let (overdue, woken) = isTimerArmed ? state.expire(at: now) : ([], [])
        let expired = overdue.map(\.job)
        isTimerArmed = isTimerArmed && state.needsLookingAfter
        for job in expired where jobs[job]?.deadline.hasPassed(at: now) != true {
            report("job \(job) expired too early")
        }
        let ended = end(waiting: expired)
        wake(woken)
        for (job, known) in jobs where !known.isRunning && known.deadline.hasPassed(at: now) {
            report("job \(job) waits past its deadline")
        }
        for index in begun.indices where !isWakePending[index] {
            if case .sent(_, _, let sent) = begun[index], sent.duration(to: now) >= .milliseconds(50) {
                report("nothing looks after what was begun on connection \(index)")
            }
        }
        return ended
    }

    mutating func shutDown() -> [Ended] {
        calls += 1
        isShutDown = true
        let (unstarted, woken) = state.shutDown()
        let ended = end(waiting: unstarted.map(\.job))
        wake(woken)
        return ended
    }

    /// Lets a thread do the next thing; `fails` when the database is against it. One that works may take more before
    /// the oldest of its groups ends, as `ReadPipeline` does. Returns the work that ended.
    mutating func advance(_ index: Int, at now: MonotonicTime, fails: Bool, takesMore: Bool = false) -> [Ended] {
        calls += 1
        switch threads[index] {
        case .gone:
            return []
        case .paused(let until) where until > now && !isWakePending[index]:
            return []
        case .asking, .paused:
            if case .paused = threads[index] { isWakePending[index] = false }
            step(index, now)
            return []
        case .connecting:
            threads[index] = .asking
            guard fails else {
                state.connected(index)
                isConnected[index] = !isShutDown
                return []
            }
            let refused = state.connectFailed(index, at: now).map(\.job)
            if !refused.isEmpty, isConnected.contains(true) { report("refused while a connection is open") }
            return end(waiting: refused)
        case .asleep:
            if case .sent(let taken, let since, _) = begun[index] {
                // The answer comes, or the end of the connection, which its thread finds out when it goes on.
                begun[index] = nil
                isWakePending[index] = false
                state.resumed(index)
                threads[index] = .working([taken], groups: [[taken]], since: since)
            } else if fails, isConnected[index] {
                // Also when a wake came in between: poll saw both.
                isConnected[index] = false
                threads[index] = .asking
                wake(state.lost(index, at: now))
            } else if isWakePending[index] {
                threads[index] = .asking
            }
            if case .asking = threads[index] { isWakePending[index] = false }
            return []
        case .working(let taken, _, _) where isOfWrites:
            return endTransaction(taken, on: index, at: now, breaks: fails)
        case .working(let taken, var groups, var since):
            if takesMore, !fails, groups.count == 1 {
                let more = state.more(for: index, at: now)
                if !more.isEmpty {
                    start(more, on: index, at: now)
                    groups.append(more)
                }
                since = now
            }
            let ended =
                fails
                ? end(running: groups.flatMap { $0 }, .worthAnotherAttempt) : endReads(groups.removeFirst(), &groups)
            if !fails, !groups.isEmpty {
                threads[index] = .working(taken, groups: groups, since: since)
            } else {
                threads[index] = .asking
                isConnected[index] = !fails
                wake(state.finished(index, taken, usable: !fails, at: now).wake)
            }
            return ended
        }
    }

    private mutating func step(_ index: Int, _ now: MonotonicTime) {
        switch state.step(of: index, at: now) {
        case .connect:
            if isConnected[index] { report("connection \(index) was opened twice") }
            threads[index] = .connecting
        case .sleep:
            if !isConnected[index], begun[index] == nil { report("connection \(index) sleeps, which is not open") }
            threads[index] = .asleep
        case .pause(let until):
            threads[index] = .paused(until: until)
        case .work(let group):
            if begun[index] != nil { report("connection \(index) got work beside what was begun") }
            start(group, on: index, at: now)
            threads[index] = .working(group, groups: [group], since: now)
        case .close:
            if !isShutDown { report("connection \(index) closed before the shutdown") }
            isConnected[index] = false
            threads[index] = .gone
        }
    }

    private mutating func start(_ group: [WorkQueue<Int>.Taken], on index: Int, at now: MonotonicTime) {
        if case .working = threads[index] {
        } else if workers(at: now) >= parallelism {
            report("\(workers(at: now)) connections work already")
        }
        if !isConnected[index] { report("connection \(index) got work, which is not open") }
        if isShutDown { report("work started after the shutdown") }
        let count = group.reduce(0) { $0 + $1.count }
        if count > maximumGroup { report("\(count) parts at once") }
        let batchKeys = group.map { jobs[$0.item.job]?.batchKey }
        if group.count > 1, Set(batchKeys).count > 1 || batchKeys[0] == nil { report("\(batchKeys) together") }
        let longest = jobs.values.lazy.filter { !$0.isRunning }.compactMap(\.readySince).min()
        for (place, taken) in group.enumerated() {
            let job = taken.item.job
            guard let known = jobs[job], !known.isRunning else {
                report("job \(job) started, which does not wait")
                continue
            }
            for key in known.keys where lines[key]?.first != job { report("job \(job) started out of its line") }
            for key in known.further().prefix(taken.count - 1).flatMap(\.keys) {
                if lines[key]?.isEmpty == false { report("job \(job) took a key") }
                lines[key, default: []].append(job)
            }
            if place == 0, let since = known.readySince, let longest, since > longest {
                report("job \(job) overtook one that was ready before it")
            }
            jobs[job]?.isRunning = true
        }
        if let last = group.last, count < maximumGroup, last.item.batchKey != nil,
            last.item.further().dropFirst(last.count - 1).first?.keys.allSatisfy({ lines[$0]?.isEmpty != false })
                == true
        {
            report("job \(last.item.job) could have taken more along")
        }
    }

    /// Work that runs ends: so many parts of each, or all that it took.
    mutating func end(
        running group: [WorkQueue<Int>.Taken], count: Int? = nil, separated: Int = 0, _ result: Result
    ) -> [Ended] {
        defer { markReady(jobs.keys) }
        return group.map {
            let before = end($0.item.job, running: true)
            return Ended(job: $0.item.job, count: count ?? $0.count, separated: before + separated, result: result)
        }
    }

    private mutating func end(waiting ended: [Int]) -> [Ended] {
        defer { markReady(jobs.keys) }
        return ended.map { Ended(job: $0, count: 1, separated: end($0, running: false), result: .final) }
    }

    /// It ends once, and its lines move up. Returns how many parts were separated from it.
    private mutating func end(_ job: Int, running: Bool) -> Int {
        guard let known = jobs.removeValue(forKey: job), known.isRunning == running else {
            report("job \(job) ended, which was not \(running ? "running" : "waiting")")
            return 0
        }
        for key in Array(lines.keys) { lines[key]?.removeAll { $0 == job } }
        return known.separated
    }

    mutating func markReady(_ candidates: some Sequence<Int>) {
        for job in candidates {
            guard let known = jobs[job], known.readySince == nil,
                known.keys.allSatisfy({ lines[$0]?.first == job })
            else { continue }
            jobs[job]?.readySince = calls
        }
    }

    mutating func wake(_ woken: [Int]) {
        for index in woken { isWakePending[index] = true }
    }

    mutating func report(_ text: String) {
        if problem == nil { problem = text }
    }
}
