import Deadlines
import Postgres
import Testing

/// How a pool gives its work to its connections.
@Suite("PoolStateMachine")
struct PoolStateMachineTests: PoolTesting {
    @Test("work for a connection with nothing to do is begun without its thread, which goes on with it at the answer")
    func begunForIt() {
        var pool = idlePool(connections: 1, maximumGroup: 4)
        guard case .begin(let taken, on: 0) = pool.submit(item(1), at: start) else {
            Issue.record("another step was expected")
            return
        }
        #expect(taken.item.job == 1)
        #expect(pool.busyCount == 1 && pool.waitingCount == 0)
        #expect(isSleep(pool.step(of: 0, at: start)), "a thread that was woken for nothing leaves it alone")
        #expect(outcome(pool.submit(item(2), at: start)) == .waits)
        #expect(pool.more(for: 0, at: start).isEmpty, "not before the thread has it")
        pool.resumed(0)
        #expect(pool.more(for: 0, at: start).map(\.item.job) == [2])
        #expect(pool.finished(0, [taken], usable: true, at: start).wake.isEmpty)
        #expect(isSleep(pool.step(of: 0, at: start)))
    }

    @Test("a thread is woken for what was begun for it when the answer does not come soon, once it is")
    func unattended() {
        var pool = idlePool(connections: 2, maximumGroup: 1)
        #expect(!pool.needsLookingAfter)
        #expect(outcome(pool.submit(item(1), at: start)) == .begins(on: 0))
        #expect(pool.needsLookingAfter)
        #expect(pool.expire(at: start.advanced(by: .milliseconds(49))).wake.isEmpty)
        let later = start.advanced(by: .milliseconds(50))
        #expect(pool.expire(at: later).wake == [0])
        pool.resumed(0)
        #expect(pool.expire(at: later).wake.isEmpty)
        #expect(!pool.needsLookingAfter)
        #expect(pool.longestWork(at: later) == .milliseconds(50))
    }

    @Test("a shutdown waits for what was begun")
    func shutdownWhileBegun() {
        var pool = idlePool(connections: 1, maximumGroup: 1)
        guard case .begin(let taken, on: 0) = pool.submit(item(1), at: start) else {
            Issue.record("another step was expected")
            return
        }
        #expect(pool.shutDown().refused.isEmpty)
        #expect(isSleep(pool.step(of: 0, at: start)))
        #expect(!pool.isStopped)
        pool.resumed(0)
        _ = pool.finished(0, [taken], usable: true, at: start)
        guard case .close = pool.step(of: 0, at: start) else {
            Issue.record("another step was expected")
            return
        }
    }

    @Test("a connection takes its share of what waits and is under way, and leaves the rest to the others")
    func share() {
        var pool = PoolStateMachine<Int>(connections: 2, maximumGroup: 8)
        for index in 0...1 {
            _ = pool.step(of: index, at: start)
            pool.connected(index)
        }
        for job in 1...5 { _ = pool.submit(item(job), at: start) }
        #expect(jobs(pool.step(of: 0, at: start)) == [1, 2, 3], "half of five, rounded up")
        #expect(jobs(pool.step(of: 1, at: start)) == [4, 5])
        for job in 6...8 { _ = pool.submit(item(job), at: start) }
        #expect(pool.more(for: 0, at: start).map(\.item.job) == [6, 7, 8], "the other one has two to do")
        for job in 9...10 { _ = pool.submit(item(job), at: start) }
        #expect(pool.more(for: 1, at: start).map(\.item.job) == [9, 10], "half of two and the other's three")
        for job in 11...40 { _ = pool.submit(item(job), at: start) }
        #expect(pool.more(for: 1, at: start).count == 8, "no more than there may be in one group")
    }

    @Test("as many connections work as may; what waits for them goes together, and one that is stuck is stood in for")
    func parallelism() {
        var pool = idlePool(connections: 4, maximumGroup: 8, parallelism: 2)
        for index in 0...1 { #expect(outcome(pool.submit(item(index), at: start)) == .begins(on: index)) }
        for job in 2...6 { #expect(outcome(pool.submit(item(job), at: start)) == .waits) }
        #expect(isSleep(pool.step(of: 2, at: start)), "a thread that was woken for nothing leaves them")
        pool.resumed(0)
        #expect(pool.finished(0, [], usable: true, at: start).wake.isEmpty, "it is awake itself")
        guard case .work(let group) = pool.step(of: 0, at: start) else {
            Issue.record("another step was expected")
            return
        }
        #expect(group.map(\.item.job) == [2, 3, 4], "half of those under way and waiting")
        let later = start.advanced(by: .milliseconds(50))
        #expect(pool.expire(at: start.advanced(by: .milliseconds(49))).wake.isEmpty)
        #expect(
            pool.expire(at: later).wake == [2, 3, 1],
            "two in the place of those that are stuck, which has no thread yet")
        #expect(jobs(pool.step(of: 2, at: later)) == [5], "its share of two")
        #expect(outcome(pool.submit(item(7), at: later)) == .waits, "connection 3 is awake")
        #expect(jobs(pool.step(of: 3, at: later)) == [6, 7])
        #expect(pool.finished(0, group, usable: true, at: later).wake.isEmpty)
        #expect(isSleep(pool.step(of: 0, at: later)), "two others have begun meanwhile")
    }

    @Test("what was not done keeps its place in its lines, and is done next, each by itself")
    func undone() {
        var pool = openPool(maximumGroup: 8)
        let hot = ExclusionKey(space: 0, value: 1)
        for (job, keys) in [(1, [hot]), (2, []), (3, []), (4, [hot])] as [(Int, [ExclusionKey])] {
            _ = pool.submit(item(job, keys: keys), at: start)
        }
        guard case .work(let group) = pool.step(of: 0, at: start) else {
            Issue.record("another step was expected")
            return
        }
        #expect(group.map(\.item.job) == [1, 2, 3])
        _ = pool.submit(item(5), at: start)
        #expect(pool.finished(0, group, undone: [0, 2], usable: true, at: start).refused.isEmpty)
        #expect(pool.batchSplits == 2)
        #expect(pool.waitingCount == 4)
        guard case .work(let first) = pool.step(of: 0, at: start) else {
            Issue.record("another step was expected")
            return
        }
        #expect(first.map(\.item.job) == [1], "before those that came later, and its rival behind it")
        _ = pool.finished(0, first, usable: true, at: start)
        #expect(jobs(pool.step(of: 0, at: start)) == [3])
        #expect(jobs(pool.step(of: 0, at: start)) == [5, 4])
    }

    @Test("what was not done when the pool ends is refused")
    func undoneAtTheEnd() {
        var pool = openPool(maximumGroup: 8)
        for job in 1...2 { _ = pool.submit(item(job), at: start) }
        guard case .work(let group) = pool.step(of: 0, at: start) else {
            Issue.record("another step was expected")
            return
        }
        #expect(pool.shutDown().refused.isEmpty)
        #expect(pool.finished(0, group, undone: [0, 1], usable: true, at: start).refused.map(\.job) == [1, 2])
        #expect(pool.waitingCount == 0)
        guard case .close = pool.step(of: 0, at: start) else {
            Issue.record("another step was expected")
            return
        }
    }

    @Test("only work of one batch key goes together, and only from the front")
    func batchKeys() {
        var pool = openPool(maximumGroup: 8)
        for (job, batchKey) in [(1, "a"), (2, "a"), (3, "b"), (4, "a"), (5, nil), (6, nil)] {
            _ = pool.submit(WorkItem(batchKey: batchKey, deadline: forever, job: job), at: start)
        }
        for expected in [[1, 2], [3], [4], [5], [6]] { #expect(jobs(pool.step(of: 0, at: start)) == expected) }
    }

    @Test("the parts of an item go along beyond the share, up to the maximum; put back, its first part is alone")
    func parts() {
        var pool = idlePool(connections: 2, maximumGroup: 4)
        let five = WorkItem(further: { workParts(Array(repeating: [], count: 4)) }, deadline: forever, job: 1)
        guard case .begin(let taken, on: 0) = pool.submit(five, at: start) else {
            Issue.record("another step was expected")
            return
        }
        #expect(taken.count == 4 && pool.needsLookingAfter)
        pool.resumed(0)
        #expect(pool.needsLookingAfter, "it may be put back to wait")
        _ = pool.finished(0, [taken], undone: [0], usable: true, at: start)
        #expect(pool.batchSplits == 4)
        _ = pool.submit(WorkItem(further: { workParts([[], []]) }, deadline: forever, job: 2), at: start)
        guard case .work(let alone) = pool.step(of: 0, at: start) else {
            Issue.record("another step was expected")
            return
        }
        #expect(alone.map(\.item.job) == [1] && alone.map(\.count) == [1])
        for _ in 3...4 { _ = pool.submit(WorkItem(further: { workParts([[]]) }, deadline: forever, job: 3), at: start) }
        guard case .work(let group) = pool.step(of: 1, at: start) else {
            Issue.record("another step was expected")
            return
        }
        #expect(group.map(\.count) == [3, 1], "a share of two items, and no more than four parts")
        _ = pool.finished(1, group, leftOut: 2, usable: true, at: start)
        #expect(pool.batchSplits == 6)
    }

    @Test("a connection that is alone takes all, also when the other one is being opened")
    func shareAlone() {
        var pool = PoolStateMachine<Int>(connections: 2, maximumGroup: 8)
        for index in 0...1 { _ = pool.step(of: index, at: start) }
        pool.connected(0)
        for job in 1...5 { _ = pool.submit(item(job), at: start) }
        #expect(jobs(pool.step(of: 0, at: start)) == [1, 2, 3, 4, 5])
    }

    @Test("more is given only to a connection that works, and counts as its getting on")
    func more() {
        var pool = PoolStateMachine<Int>(connections: 1, maximumGroup: 1)
        _ = pool.step(of: 0, at: start)
        pool.connected(0)
        for job in 1...3 { _ = pool.submit(item(job), at: start) }
        #expect(pool.more(for: 0, at: start).isEmpty)
        guard case .work(let group) = pool.step(of: 0, at: start) else {
            Issue.record("another step was expected")
            return
        }
        let later = start.advanced(by: .seconds(5))
        #expect(pool.longestWork(at: later) == .seconds(5))
        #expect(pool.more(for: 0, at: later).map(\.item.job) == [2])
        #expect(pool.longestWork(at: later) == .zero)
        _ = pool.shutDown()
        #expect(pool.more(for: 0, at: later).isEmpty, "nothing is begun after the shutdown")
        _ = pool.finished(0, group, usable: true, at: start)
        guard case .close = pool.step(of: 0, at: later) else {
            Issue.record("another step was expected")
            return
        }
    }

    @Test("the longest work under way is counted from its start to its end, sleep and attempts to connect are not")
    func longestWork() {
        var pool = PoolStateMachine<Int>(connections: 2, maximumGroup: 1)
        let later = start.advanced(by: .seconds(5))
        _ = pool.step(of: 0, at: start)
        #expect(pool.longestWork(at: later) == .zero)
        pool.connected(0)
        _ = pool.submit(item(1), at: start)
        guard case .work(let group) = pool.step(of: 0, at: start) else {
            Issue.record("another step was expected")
            return
        }
        #expect(pool.longestWork(at: later) == .seconds(5))
        _ = pool.finished(0, group, usable: true, at: start)
        #expect(pool.longestWork(at: later) == .zero)
        guard case .sleep = pool.step(of: 0, at: later) else {
            Issue.record("another step was expected")
            return
        }
        #expect(pool.longestWork(at: later.advanced(by: .seconds(5))) == .zero)
        _ = pool.step(of: 1, at: start)
        _ = pool.connectFailed(1, at: start)
        #expect(pool.failedAttempts == 1)
    }

    @Test("work that becomes ready because what it waited for expired wakes a connection for itself")
    func wakesAfterExpiry() {
        var pool = idlePool(connections: 2, maximumGroup: 1)
        let keys = (0..<2).map { ExclusionKey(space: $0, value: 1) }
        guard case .begin(let taken, on: 0) = pool.submit(item(0, keys: [keys[0]]), at: start) else {
            Issue.record("another step was expected")
            return
        }
        let overdue = WorkItem(keys: keys, deadline: Deadline(at: start), job: 1)
        #expect(outcome(pool.submit(overdue, at: start)) == .waits)
        for job in 2...3 {
            #expect(outcome(pool.submit(item(job, keys: [keys[job - 2]]), at: start)) == .waits)
        }
        pool.resumed(0)
        #expect(
            pool.finished(0, [taken], usable: true, at: start).wake.isEmpty,
            "it is awake itself, for the one that is ready")
        let (expired, wake) = pool.expire(at: start)
        #expect(expired.map(\.job) == [1])
        #expect(pool.waitingCount == 2)
        #expect(wake == [1], "connection 0 is awake already")
    }

    @Test("a shutdown refuses what waits and what comes, and every connection closes after its work")
    func shutdown() {
        var pool = PoolStateMachine<Int>(connections: 2, maximumGroup: 1)
        _ = pool.step(of: 0, at: start)
        pool.connected(0)
        _ = pool.submit(item(1), at: start)
        guard case .work(let group) = pool.step(of: 0, at: start) else {
            Issue.record("another step was expected")
            return
        }
        _ = pool.step(of: 1, at: start)  // is connecting, and nothing waits for that
        _ = pool.submit(item(2), at: start)
        #expect(pool.shutDown().refused.map(\.job) == [2])
        #expect(outcome(pool.submit(item(3), at: start)) == .shuttingDown)
        #expect(!pool.isStopped)
        _ = pool.finished(0, group, usable: true, at: start)
        guard case .close = pool.step(of: 0, at: start) else {
            Issue.record("another step was expected")
            return
        }
        #expect(pool.isStopped)
        pool.connected(1)
        guard case .close = pool.step(of: 1, at: start) else {
            Issue.record("another step was expected")
            return
        }
    }
}
