import Postgres

/// One lane of the pool: the state under test, its threads with their wake pipes, and beside it what was handed over,
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
        /// Doing what it took in its last step; `groups` are that and what it took besides, as far as they have not ended.
        /// It took something last at `since`.
        case working([WorkQueue<Int>.Taken], groups: [[Int]], since: MonotonicTime)
        case gone
    }

    /// Work that was handed over and has not ended.
    struct Job {
        let keys: [ExclusionKey]
        var batchKey: String?
        let deadline: any Deadline
        /// The moment, counted in calls, at which nothing before it in its lines was left.
        var readySince: Int?
        var isRunning = false
    }

    /// Work that is begun without its connection's thread.
    private enum Begun {
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

    private var state: PoolStateMachine<Int>
    private(set) var threads: [Thread]
    private var begun: [Begun?]
    private var isConnected: [Bool]
    /// Wakes that no sleep has taken yet; a pipe keeps them.
    private var isWakePending: [Bool]
    private var jobs: [Int: Job] = [:]
    private var lines: [ExclusionKey: [Int]] = [:]
    private var order = CallerOrder()
    private var calls = 0
    private let maximumGroup: Int
    private let parallelism: Int
    /// Whether the pool's timer will look again: from a submission on, for as long as it is said to be needed.
    private var isTimerArmed = false
    private(set) var isShutDown = false
    private(set) var problem: String?

    init(connections: Int, maximumGroup: Int, parallelism: Int) {
        state = PoolStateMachine(connections: connections, maximumGroup: maximumGroup, parallelism: parallelism)
        threads = Array(repeating: .asking, count: connections)
        begun = Array(repeating: nil, count: connections)
        isConnected = Array(repeating: false, count: connections)
        isWakePending = isConnected
        self.maximumGroup = maximumGroup
        self.parallelism = parallelism
    }

    var isStopped: Bool { state.isStopped }
    var hasWork: Bool { !jobs.isEmpty }
    /// Whether all connections are open.
    var isWhole: Bool { !isConnected.contains(false) }

    /// A job of a caller that keeps an order begins.
    mutating func enter(_ job: Int, _ caller: ObjectIdentifier) {
        order.enter(job, at: state.enter(caller), of: caller)
    }

    /// It has ended for good. Returns the work that ended by that, as nobody can do it.
    mutating func leave(_ job: Int, _ caller: ObjectIdentifier, at now: MonotonicTime) -> [Int] {
        calls += 1
        let (place, next) = order.leave(job, of: caller)
        guard let place else {
            report("job \(job) left twice")
            return []
        }
        if let next, jobs[next]?.isRunning == false { getInLine(next) }
        let (refused, woken) = state.leave(place, at: now)
        wake(woken)
        guard let refused = refused?.job else { return [] }
        if refused != next { report("job \(refused) was refused out of its turn") }
        if isConnected.contains(true) { report("refused while a connection is open") }
        end([refused], running: false)
        return [refused]
    }

    /// Hands work over. Returns whether it was taken; if not, it has ended.
    mutating func submit(
        _ job: Int, keys: [ExclusionKey], batchKey: String?, deadline: any Deadline, at now: MonotonicTime
    ) -> Bool {
        calls += 1
        defer { isTimerArmed = true }
        let item = WorkItem(
            keys: keys, batchKey: batchKey, place: order.place(of: job), deadline: deadline, job: job)
        switch state.submit(item, at: now) {
        case .queued(let index):
            register(job, keys, batchKey, deadline)
            if let index { wake([index]) }
            return true
        case .begin(let taken, let index):
            register(job, keys, batchKey, deadline)
            if taken.item.job != job { report("job \(taken.item.job) is begun for job \(job)") }
            if begun[index] != nil { report("connection \(index) was given work twice") }
            if case .working = threads[index] { report("connection \(index) works already") }
            start([job], on: index, at: now)
            begun[index] = .onItsWay(taken, since: now)
            return true
        case .unavailable:
            if isConnected.contains(true) { report("refused while a connection is open") }
        case .shuttingDown:
            if !isShutDown { report("refused as if shutting down") }
        }
        return false
    }

    private mutating func register(
        _ job: Int, _ keys: [ExclusionKey], _ batchKey: String?, _ deadline: any Deadline
    ) {
        if isShutDown { report("work was taken after the shutdown") }
        if jobs[job] != nil { report("job \(job) was handed over twice") }
        jobs[job] = Job(keys: keys, batchKey: batchKey, deadline: deadline)
        if order.predecessor(of: job) == nil { getInLine(job) }
    }

    private mutating func getInLine(_ job: Int) {
        for key in jobs[job]?.keys ?? [] { lines[key, default: []].append(job) }
        markReady([job])
    }

    /// Lets whoever was told to begin work on connection `index` do so. Returns the work that ended, as the connection
    /// was lost before.
    mutating func begin(on index: Int, at now: MonotonicTime) -> [Int] {
        guard case .onItsWay(let taken, let since) = begun[index] else { return [] }
        calls += 1
        if isConnected[index] {
            begun[index] = .sent(taken, since: since, at: now)
            return []
        }
        begun[index] = nil
        end([taken.item.job], running: true)
        wake(state.finished(index, [taken], usable: false, at: now).wake + [index])
        return [taken.item.job]
    }

    /// The pool's timer, if it is armed, gives up what is overdue. Returns that.
    mutating func expire(at now: MonotonicTime) -> [Int] {
        calls += 1
        let (overdue, woken) = isTimerArmed ? state.expire(at: now) : ([], [])
        let expired = overdue.map(\.job)
        isTimerArmed = isTimerArmed && state.needsLookingAfter
        for job in expired where jobs[job]?.deadline.hasPassed(at: now) != true {
            report("job \(job) expired too early")
        }
        end(expired, running: false)
        wake(woken)
        for (job, known) in jobs where !known.isRunning && known.deadline.hasPassed(at: now) {
            report("job \(job) waits past its deadline")
        }
        for index in begun.indices where !isWakePending[index] {
            if case .sent(_, _, let sent) = begun[index], sent.milliseconds(until: now) >= 50 {
                report("nobody looks after what was begun on connection \(index)")
            }
        }
        return expired
    }

    mutating func shutDown() -> [Int] {
        calls += 1
        isShutDown = true
        let (unstarted, woken) = state.shutDown()
        let refused = unstarted.map(\.job)
        end(refused, running: false)
        wake(woken)
        return refused
    }

    /// Lets a thread do the next thing; `fails` when the database is against it. One that works may take more before the
    /// oldest of its groups ends, as `ReadPipeline` does. With `separates` a group is not done, as by
    /// `TransactionPipeline`. Returns the work that ended.
    mutating func advance(
        _ index: Int, at now: MonotonicTime, fails: Bool, takesMore: Bool = false, separates: Bool = false
    ) -> [Int] {
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
            end(refused, running: false)
            return refused
        case .asleep:
            if case .sent(let taken, let since, _) = begun[index] {
                // The answer comes, or the end of the connection, which its thread finds out when it goes on.
                begun[index] = nil
                isWakePending[index] = false
                state.resumed(index)
                threads[index] = .working([taken], groups: [[taken.item.job]], since: since)
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
        case .working(let taken, _, _) where separates && taken.count > 1:
            return separate(taken, on: index, at: now)
        case .working(let taken, var groups, var since):
            if takesMore, !fails, groups.count == 1 {
                let more = state.more(for: index, at: now).map(\.item.job)
                if !more.isEmpty {
                    start(more, on: index, at: now)
                    groups.append(more)
                }
                since = now
            }
            let ended = fails ? groups.flatMap { $0 } : groups.removeFirst()
            end(ended, running: true)
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

    /// The first of a group has ended, the others are put back.
    private mutating func separate(_ group: [WorkQueue<Int>.Taken], on index: Int, at now: MonotonicTime) -> [Int] {
        let all = group.map(\.item.job)
        end([all[0]], running: true)
        let (unstarted, woken) = state.finished(
            index, group, undone: Array(group.indices.dropFirst()), usable: true, at: now)
        let refused = unstarted.map(\.job)
        threads[index] = .asking
        if isShutDown {
            if refused != Array(all.dropFirst()) { report("\(refused) refused of \(all)") }
            end(refused, running: true)
        } else {
            for job in all.dropFirst() {
                jobs[job]?.isRunning = false
                jobs[job]?.batchKey = nil
                // Before all that waits, what was put back before included; in their order.
                jobs[job]?.readySince = order.predecessor(of: job) == nil ? -calls : nil
            }
            for job in all.dropFirst() where order.predecessor(of: job) != nil {
                for key in jobs[job]?.keys ?? [] { lines[key]?.removeAll { $0 == job } }
            }
            markReady(jobs.keys.filter { order.predecessor(of: $0) == nil })
        }
        wake(woken)
        return isShutDown ? all : [all[0]]
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
            let jobs = group.map(\.item.job)
            start(jobs, on: index, at: now)
            threads[index] = .working(group, groups: [jobs], since: now)
        case .close:
            if !isShutDown { report("connection \(index) closed before the shutdown") }
            isConnected[index] = false
            threads[index] = .gone
        }
    }

    private mutating func start(_ group: [Int], on index: Int, at now: MonotonicTime) {
        if case .working = threads[index] {
        } else if workers(at: now) >= parallelism {
            report("\(workers(at: now)) connections work already")
        }
        if !isConnected[index] { report("connection \(index) got work, which is not open") }
        if isShutDown { report("work started after the shutdown") }
        if group.count > maximumGroup { report("\(group.count) jobs at once") }
        let companies = group.map { jobs[$0]?.batchKey }
        if group.count > 1, Set(companies).count > 1 || companies[0] == nil { report("\(companies) together") }
        let longest = jobs.values.lazy.filter { !$0.isRunning }.compactMap(\.readySince).min()
        for (place, job) in group.enumerated() {
            guard let known = jobs[job], !known.isRunning else {
                report("job \(job) started, which does not wait")
                continue
            }
            if let before = order.predecessor(of: job) {
                if place == 0 || group[place - 1] != before { report("job \(job) started before job \(before)") }
                if known.keys.contains(where: { lines[$0]?.isEmpty == false }) { report("job \(job) took a key") }
                for key in known.keys { lines[key, default: []].append(job) }
            }
            for key in known.keys where lines[key]?.first != job { report("job \(job) started out of its line") }
            if place == 0, let since = known.readySince, let longest, since > longest {
                report("job \(job) overtook one that was ready before it")
            }
            jobs[job]?.isRunning = true
        }
    }

    /// Each ends once, and its lines move up.
    private mutating func end(_ ended: [Int], running: Bool) {
        for job in ended {
            guard let known = jobs.removeValue(forKey: job), known.isRunning == running else {
                report("job \(job) ended, which was not \(running ? "running" : "waiting")")
                continue
            }
            for key in known.keys { lines[key]?.removeAll { $0 == job } }
        }
        if !ended.isEmpty { markReady(jobs.keys.filter { order.predecessor(of: $0) == nil }) }
    }

    private mutating func markReady(_ candidates: [Int]) {
        for job in candidates {
            guard let known = jobs[job], known.readySince == nil,
                known.keys.allSatisfy({ lines[$0]?.first == job })
            else { continue }
            jobs[job]?.readySince = calls
        }
    }

    private mutating func wake(_ woken: [Int]) {
        for index in woken { isWakePending[index] = true }
    }

    private mutating func report(_ text: String) {
        if problem == nil { problem = text }
    }

    /// The connections that work and have not done so for long.
    private func workers(at now: MonotonicTime) -> Int {
        threads.indices.count { index in
            if let begun = begun[index] { return begun.since.milliseconds(until: now) < 50 }
            guard case .working(_, _, let since) = threads[index] else { return false }
            return since.milliseconds(until: now) < 50
        }
    }

    /// What must hold between any two steps.
    mutating func check(at now: MonotonicTime) {
        var (waiting, ready) = (0, 0)
        for job in jobs.values where !job.isRunning {
            waiting += 1
            if job.readySince != nil { ready += 1 }
        }
        var (awake, asleep, busy) = (0, 0, 0)
        for (index, thread) in threads.enumerated() {
            if begun[index] != nil {
                busy += 1
                continue
            }
            switch thread {
            case .asking: if isConnected[index] { awake += 1 }
            case .asleep: if isWakePending[index] { awake += 1 } else { asleep += 1 }
            case .working: busy += 1
            case .connecting, .paused, .gone: break
            }
        }
        if state.waitingCount != waiting { report("\(state.waitingCount) wait, not \(waiting)") }
        if state.busyCount != busy { report("\(state.busyCount) are busy, not \(busy)") }
        if min(ready, parallelism - workers(at: now)) > awake, asleep > 0 {
            report("\(ready) jobs could start, \(awake) connections are awake, \(asleep) sleep on")
        }
        // One that was lost meanwhile counts until that is found out.
        let open = isConnected.indices.count { isConnected[$0] || begun[$0] != nil }
        if !isTimerArmed, waiting > 0 || begun.contains(where: { $0 != nil }) {
            report("\(waiting) wait, or were begun, and nobody looks after them")
        }
        // What is done by itself either ends or waits.
        let mayBePutBack = threads.contains {
            if case .working(_, let groups, _) = $0 { groups.contains { $0.count > 1 } } else { false }
        }
        if state.needsLookingAfter, waiting == 0, !mayBePutBack, begun.allSatisfy({ $0 == nil }) {
            report("there is nothing to look after")
        }
        if !isShutDown, state.connectedCount != open { report("\(state.connectedCount) are connected, not \(open)") }
    }
}
