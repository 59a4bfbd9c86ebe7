import Deadlines
import Postgres
import Testing

/// How a pool opens its connections, and what waits meanwhile.
@Suite("PoolStateMachine: connections")
struct PoolConnectingTests: PoolTesting {
    @Test("a connection connects first, then takes what waits, and sleeps")
    func ordinaryLife() {
        var pool = PoolStateMachine<Int>(connections: 1, maximumGroup: 4)
        guard case .connect = pool.step(of: 0, at: start) else {
            Issue.record("another step was expected")
            return
        }
        #expect(outcome(pool.submit(item(1), at: start)) == .waits)
        pool.connected(0)
        #expect(outcome(pool.submit(item(2), at: start)) == .waits, "it is awake")
        guard case .work(let group) = pool.step(of: 0, at: start) else {
            Issue.record("another step was expected")
            return
        }
        #expect(group.map(\.item.job) == [1, 2])
        #expect(pool.finished(0, group, usable: true, at: start).wake.isEmpty)
        #expect(isSleep(pool.step(of: 0, at: start)))
    }

    @Test("a connection that is lost while work is being begun on it waits to be told so, and connects anew")
    func lostWhileBegun() {
        var pool = idlePool(connections: 1, maximumGroup: 1)
        guard case .begin(let taken, on: 0) = pool.submit(item(1), at: start) else {
            Issue.record("another step was expected")
            return
        }
        #expect(pool.lost(0, at: start).isEmpty)
        #expect(isSleep(pool.step(of: 0, at: start)))
        _ = pool.finished(0, [taken], usable: false, at: start)
        guard case .connect = pool.step(of: 0, at: start) else {
            Issue.record("another step was expected")
            return
        }
    }

    @Test("work waits during the first attempt, and is refused at once after it failed")
    func refusedWhenDown() {
        var pool = PoolStateMachine<Int>(connections: 1, maximumGroup: 4)
        _ = pool.step(of: 0, at: start)
        #expect(outcome(pool.submit(item(1), at: start)) == .waits)
        #expect(pool.connectFailed(0, at: start).map(\.job) == [1])
        #expect(outcome(pool.submit(item(2), at: start)) == .unavailable)
    }

    @Test("after a failure it pauses before the next attempt, and works again after a success")
    func reconnects() {
        var pool = PoolStateMachine<Int>(connections: 1, maximumGroup: 4, pause: .milliseconds(100))
        _ = pool.step(of: 0, at: start)
        _ = pool.connectFailed(0, at: start)
        guard case .pause(let until) = pool.step(of: 0, at: start) else {
            Issue.record("another step was expected")
            return
        }
        #expect(until == start.advanced(by: .milliseconds(100)))
        guard case .connect = pool.step(of: 0, at: until) else {
            Issue.record("another step was expected")
            return
        }
        pool.connected(0)
        #expect(outcome(pool.submit(item(1), at: start)) == .waits)
        #expect(jobs(pool.step(of: 0, at: until)) == [1])
    }

    @Test("one failed attempt does not refuse work while another connection is open")
    func oneOfTwo() {
        var pool = PoolStateMachine<Int>(connections: 2, maximumGroup: 1)
        _ = pool.step(of: 0, at: start)
        _ = pool.step(of: 1, at: start)
        pool.connected(0)
        #expect(pool.connectFailed(1, at: start).isEmpty)
        #expect(outcome(pool.submit(item(1), at: start)) == .waits)
        #expect(jobs(pool.step(of: 0, at: start)) == [1])
    }

    @Test("a connection whose work broke it connects anew, and others are woken for what waits")
    func brokenByWork() {
        var pool = idlePool(connections: 2, maximumGroup: 1)
        let hot = ExclusionKey(space: 2, value: 1)
        guard case .begin(let taken, on: 0) = pool.submit(item(1, keys: [hot]), at: start) else {
            Issue.record("another step was expected")
            return
        }
        #expect(outcome(pool.submit(item(2, keys: [hot]), at: start)) == .waits, "it cannot start yet")
        pool.resumed(0)
        #expect(pool.finished(0, [taken], usable: false, at: start).wake == [1])
        guard case .connect = pool.step(of: 0, at: start) else {
            Issue.record("another step was expected")
            return
        }
        #expect(jobs(pool.step(of: 1, at: start)) == [2])
    }

    @Test("a connection that breaks just when it was woken passes its work on to one that sleeps")
    func brokenWhenWoken() {
        var pool = idlePool(connections: 2, maximumGroup: 1)
        let hot = ExclusionKey(space: 2, value: 1)
        guard case .begin(let taken, on: 0) = pool.submit(item(1, keys: [hot]), at: start) else {
            Issue.record("another step was expected")
            return
        }
        _ = pool.submit(item(2, keys: [hot]), at: start)
        pool.resumed(0)
        #expect(pool.finished(0, [taken], usable: true, at: start).wake.isEmpty, "it is awake itself")
        #expect(pool.lost(0, at: start) == [1])
        #expect(jobs(pool.step(of: 1, at: start)) == [2])
    }

    @Test("connections without a thread are no reason to wait: neither for their work nor for their end")
    func abandoned() {
        var pool = PoolStateMachine<Int>(connections: 3, maximumGroup: 4)
        _ = pool.submit(item(1), at: start)
        #expect(pool.abandoned(2).isEmpty, "there are others")
        _ = pool.step(of: 0, at: start)
        pool.connected(0)
        #expect(jobs(pool.step(of: 0, at: start)) == [1])
        _ = pool.shutDown()
        #expect(pool.abandoned(1).isEmpty)
        _ = pool.finished(0, [], usable: true, at: start)
        _ = pool.step(of: 0, at: start)
        #expect(pool.isStopped)

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
        var pool = PoolStateMachine<Int>(connections: 3, maximumGroup: 1, pause: .milliseconds(100))
        for index in 0...2 { _ = pool.step(of: index, at: start) }
        for index in 1...2 { pool.connected(index) }
        _ = pool.connectFailed(0, at: start)
        guard case .pause(let late) = pool.step(of: 0, at: start) else {
            Issue.record("another step was expected")
            return
        }
        #expect(late == start.advanced(by: .seconds(2)))
        #expect(pool.lost(1, at: start).isEmpty)
        #expect(pool.finished(2, [], usable: false, at: start).wake == [0])
        guard case .pause(let soon) = pool.step(of: 0, at: start) else {
            Issue.record("another step was expected")
            return
        }
        #expect(soon == start.advanced(by: .milliseconds(100)))
        guard case .connect = pool.step(of: 0, at: soon) else {
            Issue.record("another step was expected")
            return
        }
    }

    @Test("a connection that gave way to another pool tries when that has one, or after the pause")
    func givesWay() {
        var pool = PoolStateMachine<Int>(connections: 2, maximumGroup: 1, pause: .milliseconds(100))
        for index in 0...1 { _ = pool.step(of: index, at: start) }
        pool.connected(0)
        pool.gaveWay(1, at: start)
        guard case .pause(let until) = pool.step(of: 1, at: start) else {
            Issue.record("another step was expected")
            return
        }
        #expect(until == start.advanced(by: .milliseconds(100)))
        #expect(pool.precedenceChanged() == [1])
        guard case .connect = pool.step(of: 1, at: start) else {
            Issue.record("another step was expected")
            return
        }
        #expect(pool.precedenceChanged().isEmpty)
    }
}
