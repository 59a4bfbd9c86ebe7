import Postgres
import Testing

@Suite("PoolStateMachine")
struct PoolStateMachineTests {
    private let forever = FixedDeadline(nil)
    private let start = MonotonicTime(nanoseconds: 1_000_000_000)

    private func item(_ job: Int, keys: [ExclusionKey] = []) -> WorkItem<Int> {
        WorkItem(keys: keys, deadline: forever, job: job)
    }

    private func jobs(_ step: PoolStateMachine<Int>.Step) -> [Int]? {
        if case .work(let group) = step { group.map(\.item.job) } else { nil }
    }

    /// What becomes of new work.
    private enum Outcome: Equatable {
        case waits, wakes(Int), begins(on: Int), unavailable, shuttingDown
    }

    private func outcome(_ submission: PoolStateMachine<Int>.Submission) -> Outcome {
        switch submission {
        case .queued(let index): index.map { .wakes($0) } ?? .waits
        case .begin(_, let index): .begins(on: index)
        case .unavailable: .unavailable
        case .shuttingDown: .shuttingDown
        }
    }

    private func isSleep(_ step: PoolStateMachine<Int>.Step) -> Bool {
        if case .sleep = step { true } else { false }
    }

    /// A lane whose one connection has just been opened.
    private func openLane(maximumGroup: Int) -> PoolStateMachine<Int> {
        var lane = PoolStateMachine<Int>(connections: 1, maximumGroup: maximumGroup)
        _ = lane.step(of: 0, at: start)
        lane.connected(0)
        return lane
    }

    /// A lane whose connections are open and have nothing to do.
    private func idleLane(connections: Int, maximumGroup: Int, parallelism: Int? = nil) -> PoolStateMachine<Int> {
        var lane = PoolStateMachine<Int>(connections: connections, maximumGroup: maximumGroup, parallelism: parallelism)
        for index in 0..<connections {
            _ = lane.step(of: index, at: start)
            lane.connected(index)
            _ = lane.step(of: index, at: start)
        }
        return lane
    }

    @Test("a connection connects first, then takes what waits, and sleeps")
    func ordinaryLife() {
        var lane = PoolStateMachine<Int>(connections: 1, maximumGroup: 4)
        guard case .connect = lane.step(of: 0, at: start) else { return #expect(Bool(false)) }
        #expect(outcome(lane.submit(item(1), at: start)) == .waits)
        lane.connected(0)
        #expect(outcome(lane.submit(item(2), at: start)) == .waits, "it is awake")
        guard case .work(let group) = lane.step(of: 0, at: start) else { return #expect(Bool(false)) }
        #expect(group.map(\.item.job) == [1, 2])
        #expect(lane.finished(0, group, usable: true, at: start).wake.isEmpty)
        #expect(isSleep(lane.step(of: 0, at: start)))
    }

    @Test("work for a connection with nothing to do is begun without its thread, which goes on with it at the answer")
    func begunForIt() {
        var lane = idleLane(connections: 1, maximumGroup: 4)
        guard case .begin(let taken, on: 0) = lane.submit(item(1), at: start) else { return #expect(Bool(false)) }
        #expect(taken.item.job == 1)
        #expect(lane.busyCount == 1 && lane.waitingCount == 0)
        #expect(isSleep(lane.step(of: 0, at: start)), "a thread that was woken for nothing leaves it alone")
        #expect(outcome(lane.submit(item(2), at: start)) == .waits)
        #expect(lane.more(for: 0, at: start).isEmpty, "not before the thread has it")
        lane.resumed(0)
        #expect(lane.more(for: 0, at: start).map(\.item.job) == [2])
        #expect(lane.finished(0, [taken], usable: true, at: start).wake.isEmpty)
        #expect(isSleep(lane.step(of: 0, at: start)))
    }

    @Test("a thread is woken for what was begun for it when the answer does not come soon, once it is")
    func unattended() {
        var lane = idleLane(connections: 2, maximumGroup: 1)
        #expect(!lane.needsLookingAfter)
        #expect(outcome(lane.submit(item(1), at: start)) == .begins(on: 0))
        #expect(lane.needsLookingAfter)
        #expect(lane.expire(at: start.advanced(byMilliseconds: 49)).wake.isEmpty)
        let later = start.advanced(byMilliseconds: 50)
        #expect(lane.expire(at: later).wake == [0])
        lane.resumed(0)
        #expect(lane.expire(at: later).wake.isEmpty)
        #expect(!lane.needsLookingAfter)
        #expect(lane.longestWork(at: later) == 50)
    }

    @Test("a connection that is lost while work is being begun on it waits to be told so, and connects anew")
    func lostWhileBegun() {
        var lane = idleLane(connections: 1, maximumGroup: 1)
        guard case .begin(let taken, on: 0) = lane.submit(item(1), at: start) else { return #expect(Bool(false)) }
        #expect(lane.lost(0, at: start).isEmpty)
        #expect(isSleep(lane.step(of: 0, at: start)))
        _ = lane.finished(0, [taken], usable: false, at: start)
        guard case .connect = lane.step(of: 0, at: start) else { return #expect(Bool(false)) }
    }

    @Test("a shutdown waits for what was begun")
    func shutdownWhileBegun() {
        var lane = idleLane(connections: 1, maximumGroup: 1)
        guard case .begin(let taken, on: 0) = lane.submit(item(1), at: start) else { return #expect(Bool(false)) }
        #expect(lane.shutDown().refused.isEmpty)
        #expect(isSleep(lane.step(of: 0, at: start)))
        #expect(!lane.isStopped)
        lane.resumed(0)
        _ = lane.finished(0, [taken], usable: true, at: start)
        guard case .close = lane.step(of: 0, at: start) else { return #expect(Bool(false)) }
    }

    @Test("a connection takes its share of what waits and is under way, and leaves the rest to the others")
    func share() {
        var lane = PoolStateMachine<Int>(connections: 2, maximumGroup: 8)
        for index in 0...1 {
            _ = lane.step(of: index, at: start)
            lane.connected(index)
        }
        for job in 1...5 { _ = lane.submit(item(job), at: start) }
        #expect(jobs(lane.step(of: 0, at: start)) == [1, 2, 3], "half of five, rounded up")
        #expect(jobs(lane.step(of: 1, at: start)) == [4, 5])
        for job in 6...8 { _ = lane.submit(item(job), at: start) }
        #expect(lane.more(for: 0, at: start).map(\.item.job) == [6, 7, 8], "the other one has two to do")
        for job in 9...10 { _ = lane.submit(item(job), at: start) }
        #expect(lane.more(for: 1, at: start).map(\.item.job) == [9, 10], "half of two and the other's three")
        for job in 11...40 { _ = lane.submit(item(job), at: start) }
        #expect(lane.more(for: 1, at: start).count == 8, "no more than there may be in one group")
    }

    @Test("as many connections work as may; what waits for them goes together, and one that is stuck is stood in for")
    func parallelism() {
        var lane = idleLane(connections: 4, maximumGroup: 8, parallelism: 2)
        for index in 0...1 { #expect(outcome(lane.submit(item(index), at: start)) == .begins(on: index)) }
        for job in 2...6 { #expect(outcome(lane.submit(item(job), at: start)) == .waits) }
        #expect(isSleep(lane.step(of: 2, at: start)), "a thread that was woken for nothing leaves them")
        lane.resumed(0)
        #expect(lane.finished(0, [], usable: true, at: start).wake.isEmpty, "it is awake itself")
        guard case .work(let group) = lane.step(of: 0, at: start) else { return #expect(Bool(false)) }
        #expect(group.map(\.item.job) == [2, 3, 4], "half of those under way and waiting")
        let later = start.advanced(byMilliseconds: 50)
        #expect(lane.expire(at: start.advanced(byMilliseconds: 49)).wake.isEmpty)
        #expect(
            lane.expire(at: later).wake == [2, 3, 1],
            "two in the place of those that are stuck, which has no thread yet")
        #expect(jobs(lane.step(of: 2, at: later)) == [5], "its share of two")
        #expect(outcome(lane.submit(item(7), at: later)) == .waits, "connection 3 is awake")
        #expect(jobs(lane.step(of: 3, at: later)) == [6, 7])
        #expect(lane.finished(0, group, usable: true, at: later).wake.isEmpty)
        #expect(isSleep(lane.step(of: 0, at: later)), "two others have begun meanwhile")
    }

    @Test("what was not done keeps its place in its lines, and is done next, each by itself")
    func undone() {
        var lane = openLane(maximumGroup: 8)
        let hot = ExclusionKey(space: 0, value: 1)
        for (job, keys) in [(1, [hot]), (2, []), (3, []), (4, [hot])] as [(Int, [ExclusionKey])] {
            _ = lane.submit(item(job, keys: keys), at: start)
        }
        guard case .work(let group) = lane.step(of: 0, at: start) else { return #expect(Bool(false)) }
        #expect(group.map(\.item.job) == [1, 2, 3])
        _ = lane.submit(item(5), at: start)
        #expect(lane.finished(0, group, undone: [0, 2], usable: true, at: start).refused.isEmpty)
        #expect(lane.batchSplits == 2)
        #expect(lane.waitingCount == 4)
        guard case .work(let first) = lane.step(of: 0, at: start) else { return #expect(Bool(false)) }
        #expect(first.map(\.item.job) == [1], "before those that came later, and its rival behind it")
        _ = lane.finished(0, first, usable: true, at: start)
        #expect(jobs(lane.step(of: 0, at: start)) == [3])
        #expect(jobs(lane.step(of: 0, at: start)) == [5, 4])
    }

    @Test("what was not done when the lane ends is refused")
    func undoneAtTheEnd() {
        var lane = openLane(maximumGroup: 8)
        for job in 1...2 { _ = lane.submit(item(job), at: start) }
        guard case .work(let group) = lane.step(of: 0, at: start) else { return #expect(Bool(false)) }
        #expect(lane.shutDown().refused.isEmpty)
        #expect(lane.finished(0, group, undone: [0, 1], usable: true, at: start).refused.map(\.job) == [1, 2])
        #expect(lane.waitingCount == 0)
        guard case .close = lane.step(of: 0, at: start) else { return #expect(Bool(false)) }
    }

    @Test("only work of one batchKey goes together, and only from the front")
    func companies() {
        var lane = openLane(maximumGroup: 8)
        for (job, batchKey) in [(1, "a"), (2, "a"), (3, "b"), (4, "a"), (5, nil), (6, nil)] {
            _ = lane.submit(WorkItem(batchKey: batchKey, deadline: forever, job: job), at: start)
        }
        for expected in [[1, 2], [3], [4], [5], [6]] { #expect(jobs(lane.step(of: 0, at: start)) == expected) }
    }

    @Test("the parts of an item go along beyond the share, up to the maximum; put back, its first part is alone")
    func parts() {
        var lane = idleLane(connections: 2, maximumGroup: 4)
        let five = WorkItem(others: { Array(repeating: [], count: 4) }, deadline: forever, job: 1)
        guard case .begin(let taken, on: 0) = lane.submit(five, at: start) else { return #expect(Bool(false)) }
        #expect(taken.count == 4 && lane.needsLookingAfter)
        lane.resumed(0)
        _ = lane.finished(0, [taken], undone: [0], usable: true, at: start)
        #expect(lane.batchSplits == 4)
        _ = lane.submit(WorkItem(others: { [[], []] }, deadline: forever, job: 2), at: start)
        guard case .work(let alone) = lane.step(of: 0, at: start) else { return #expect(Bool(false)) }
        #expect(alone.map(\.item.job) == [1] && alone.map(\.count) == [1])
        for _ in 3...4 { _ = lane.submit(WorkItem(others: { [[]] }, deadline: forever, job: 3), at: start) }
        guard case .work(let group) = lane.step(of: 1, at: start) else { return #expect(Bool(false)) }
        #expect(group.map(\.count) == [3, 1], "a share of two items, and no more than four parts")
        _ = lane.finished(1, group, separated: 2, usable: true, at: start)
        #expect(lane.batchSplits == 6)
    }

    @Test("a connection that is alone takes all, also when the other one is being opened")
    func shareAlone() {
        var lane = PoolStateMachine<Int>(connections: 2, maximumGroup: 8)
        for index in 0...1 { _ = lane.step(of: index, at: start) }
        lane.connected(0)
        for job in 1...5 { _ = lane.submit(item(job), at: start) }
        #expect(jobs(lane.step(of: 0, at: start)) == [1, 2, 3, 4, 5])
    }

    @Test("more is given only to a connection that works, and counts as its getting on")
    func more() {
        var lane = PoolStateMachine<Int>(connections: 1, maximumGroup: 1)
        _ = lane.step(of: 0, at: start)
        lane.connected(0)
        for job in 1...3 { _ = lane.submit(item(job), at: start) }
        #expect(lane.more(for: 0, at: start).isEmpty)
        guard case .work(let group) = lane.step(of: 0, at: start) else { return #expect(Bool(false)) }
        let later = start.advanced(byMilliseconds: 5000)
        #expect(lane.longestWork(at: later) == 5000)
        #expect(lane.more(for: 0, at: later).map(\.item.job) == [2])
        #expect(lane.longestWork(at: later) == 0)
        _ = lane.shutDown()
        #expect(lane.more(for: 0, at: later).isEmpty, "nothing is begun after the shutdown")
        _ = lane.finished(0, group, usable: true, at: start)
        guard case .close = lane.step(of: 0, at: later) else { return #expect(Bool(false)) }
    }

    @Test("the longest work under way is counted from its start to its end, sleep and attempts to connect are not")
    func longestWork() {
        var lane = PoolStateMachine<Int>(connections: 2, maximumGroup: 1)
        let later = start.advanced(byMilliseconds: 5000)
        _ = lane.step(of: 0, at: start)
        #expect(lane.longestWork(at: later) == 0)
        lane.connected(0)
        _ = lane.submit(item(1), at: start)
        guard case .work(let group) = lane.step(of: 0, at: start) else { return #expect(Bool(false)) }
        #expect(lane.longestWork(at: later) == 5000)
        _ = lane.finished(0, group, usable: true, at: start)
        #expect(lane.longestWork(at: later) == 0)
        guard case .sleep = lane.step(of: 0, at: later) else { return #expect(Bool(false)) }
        #expect(lane.longestWork(at: later.advanced(byMilliseconds: 5000)) == 0)
        _ = lane.step(of: 1, at: start)
        _ = lane.connectFailed(1, at: start)
        #expect(lane.failedAttempts == 1)
    }

    @Test("work waits during the first attempt, and is refused at once after it failed")
    func refusedWhenDown() {
        var lane = PoolStateMachine<Int>(connections: 1, maximumGroup: 4)
        _ = lane.step(of: 0, at: start)
        #expect(outcome(lane.submit(item(1), at: start)) == .waits)
        #expect(lane.connectFailed(0, at: start).map(\.job) == [1])
        #expect(outcome(lane.submit(item(2), at: start)) == .unavailable)
    }

    @Test("after a failure it pauses before the next attempt, and works again after a success")
    func reconnects() {
        var lane = PoolStateMachine<Int>(connections: 1, maximumGroup: 4, pauseMilliseconds: 100)
        _ = lane.step(of: 0, at: start)
        _ = lane.connectFailed(0, at: start)
        guard case .pause(let until) = lane.step(of: 0, at: start) else { return #expect(Bool(false)) }
        #expect(until == start.advanced(byMilliseconds: 100))
        guard case .connect = lane.step(of: 0, at: until) else { return #expect(Bool(false)) }
        lane.connected(0)
        #expect(outcome(lane.submit(item(1), at: start)) == .waits)
        #expect(jobs(lane.step(of: 0, at: until)) == [1])
    }

    @Test("one failed attempt does not refuse work while another connection is open")
    func oneOfTwo() {
        var lane = PoolStateMachine<Int>(connections: 2, maximumGroup: 1)
        _ = lane.step(of: 0, at: start)
        _ = lane.step(of: 1, at: start)
        lane.connected(0)
        #expect(lane.connectFailed(1, at: start).isEmpty)
        #expect(outcome(lane.submit(item(1), at: start)) == .waits)
        #expect(jobs(lane.step(of: 0, at: start)) == [1])
    }

    @Test("a connection whose work broke it connects anew, and others are woken for what waits")
    func brokenByWork() {
        var lane = idleLane(connections: 2, maximumGroup: 1)
        let hot = ExclusionKey(space: 2, value: 1)
        guard case .begin(let taken, on: 0) = lane.submit(item(1, keys: [hot]), at: start) else {
            return #expect(Bool(false))
        }
        #expect(outcome(lane.submit(item(2, keys: [hot]), at: start)) == .waits, "it cannot start yet")
        lane.resumed(0)
        #expect(lane.finished(0, [taken], usable: false, at: start).wake == [1])
        guard case .connect = lane.step(of: 0, at: start) else { return #expect(Bool(false)) }
        #expect(jobs(lane.step(of: 1, at: start)) == [2])
    }

    @Test("work that becomes ready because what it waited for expired wakes a connection for itself")
    func wakesAfterExpiry() {
        var lane = idleLane(connections: 2, maximumGroup: 1)
        let keys = (0..<2).map { ExclusionKey(space: $0, value: 1) }
        guard case .begin(let taken, on: 0) = lane.submit(item(0, keys: [keys[0]]), at: start) else {
            return #expect(Bool(false))
        }
        let overdue = WorkItem(keys: keys, deadline: FixedDeadline(start), job: 1)
        #expect(outcome(lane.submit(overdue, at: start)) == .waits)
        for job in 2...3 {
            #expect(outcome(lane.submit(item(job, keys: [keys[job - 2]]), at: start)) == .waits)
        }
        lane.resumed(0)
        #expect(
            lane.finished(0, [taken], usable: true, at: start).wake.isEmpty,
            "it is awake itself, for the one that is ready")
        let (expired, wake) = lane.expire(at: start)
        #expect(expired.map(\.job) == [1])
        #expect(lane.waitingCount == 2)
        #expect(wake == [1], "connection 0 is awake already")
    }

    @Test("a connection that breaks just when it was woken passes its work on to one that sleeps")
    func brokenWhenWoken() {
        var lane = idleLane(connections: 2, maximumGroup: 1)
        let hot = ExclusionKey(space: 2, value: 1)
        guard case .begin(let taken, on: 0) = lane.submit(item(1, keys: [hot]), at: start) else {
            return #expect(Bool(false))
        }
        _ = lane.submit(item(2, keys: [hot]), at: start)
        lane.resumed(0)
        #expect(lane.finished(0, [taken], usable: true, at: start).wake.isEmpty, "it is awake itself")
        #expect(lane.lost(0, at: start) == [1])
        #expect(jobs(lane.step(of: 1, at: start)) == [2])
    }

    @Test("connections that nobody works on are no reason to wait: neither for their work nor for their end")
    func abandoned() {
        var lane = PoolStateMachine<Int>(connections: 3, maximumGroup: 4)
        _ = lane.submit(item(1), at: start)
        #expect(lane.abandoned(2).isEmpty, "there are others")
        _ = lane.step(of: 0, at: start)
        lane.connected(0)
        #expect(jobs(lane.step(of: 0, at: start)) == [1])
        _ = lane.shutDown()
        #expect(lane.abandoned(1).isEmpty)
        _ = lane.finished(0, [], usable: true, at: start)
        _ = lane.step(of: 0, at: start)
        #expect(lane.isStopped)

        var none = PoolStateMachine<Int>(connections: 1, maximumGroup: 4)
        _ = none.submit(item(2), at: start)
        #expect(none.abandoned(0).map(\.job) == [2])
        #expect(outcome(none.submit(item(3), at: start)) == .unavailable)
        #expect(none.isStopped)
    }

    @Test("a failed attempt that began beside others says nothing of the database when those are lost")
    func attemptBesideOthers() {
        var pool = PoolStateMachine<Int>(connections: 2, maximumGroup: 1)
        _ = pool.step(of: 0, at: start)
        pool.connected(0)
        _ = pool.step(of: 1, at: start)
        _ = pool.lost(0, at: start)
        #expect(outcome(pool.submit(item(1), at: start)) == .waits)
        #expect(pool.connectFailed(1, at: start).isEmpty)
        #expect(outcome(pool.submit(item(2), at: start)) == .waits)
        #expect(!pool.isFailing)
        _ = pool.step(of: 0, at: start)
        #expect(pool.connectFailed(0, at: start).map(\.job) == [1, 2])
        #expect(outcome(pool.submit(item(3), at: start)) == .unavailable)
    }

    @Test("a failure beside open connections has a long pause, which ends early when the last of those is lost")
    func pauseBesideOthers() {
        var pool = PoolStateMachine<Int>(connections: 3, maximumGroup: 1, pauseMilliseconds: 100)
        for index in 0...2 { _ = pool.step(of: index, at: start) }
        for index in 1...2 { pool.connected(index) }
        _ = pool.connectFailed(0, at: start)
        guard case .pause(let late) = pool.step(of: 0, at: start) else { return #expect(Bool(false)) }
        #expect(late == start.advanced(byMilliseconds: 2000))
        #expect(pool.lost(1, at: start).isEmpty)
        #expect(pool.finished(2, [], usable: false, at: start).wake == [0])
        guard case .pause(let soon) = pool.step(of: 0, at: start) else { return #expect(Bool(false)) }
        #expect(soon == start.advanced(byMilliseconds: 100))
        guard case .connect = pool.step(of: 0, at: soon) else { return #expect(Bool(false)) }
    }

    @Test("a connection that gave way to another pool tries when that has one, or after the pause")
    func givesWay() {
        var pool = PoolStateMachine<Int>(connections: 2, maximumGroup: 1, pauseMilliseconds: 100)
        for index in 0...1 { _ = pool.step(of: index, at: start) }
        pool.connected(0)
        pool.gaveWay(1, at: start)
        guard case .pause(let until) = pool.step(of: 1, at: start) else { return #expect(Bool(false)) }
        #expect(until == start.advanced(byMilliseconds: 100))
        #expect(pool.precedenceChanged() == [1])
        guard case .connect = pool.step(of: 1, at: start) else { return #expect(Bool(false)) }
        #expect(pool.precedenceChanged().isEmpty)
    }

    @Test("a shutdown refuses what waits and what comes, and every connection closes after its work")
    func shutdown() {
        var lane = PoolStateMachine<Int>(connections: 2, maximumGroup: 1)
        _ = lane.step(of: 0, at: start)
        lane.connected(0)
        _ = lane.submit(item(1), at: start)
        guard case .work(let group) = lane.step(of: 0, at: start) else { return #expect(Bool(false)) }
        _ = lane.step(of: 1, at: start)  // is connecting, and nobody waits for that
        _ = lane.submit(item(2), at: start)
        #expect(lane.shutDown().refused.map(\.job) == [2])
        #expect(outcome(lane.submit(item(3), at: start)) == .shuttingDown)
        #expect(!lane.isStopped)
        _ = lane.finished(0, group, usable: true, at: start)
        guard case .close = lane.step(of: 0, at: start) else { return #expect(Bool(false)) }
        #expect(lane.isStopped)
        lane.connected(1)
        guard case .close = lane.step(of: 1, at: start) else { return #expect(Bool(false)) }
    }
}
