import Postgres
import SeededRandom
import Testing

@Suite("LaneState")
struct LaneStateTests {
    private let forever = FixedDeadline(nil)
    private let start = MonotonicTime(nanoseconds: 1_000_000_000)

    private func item(_ job: Int, keys: [ExclusionKey] = []) -> WorkItem<Int> {
        WorkItem(keys: keys, deadline: forever, job: job)
    }

    private func jobs(_ step: LaneState<Int>.Step) -> [Int]? {
        if case .work(let group) = step { group.map(\.item.job) } else { nil }
    }

    @Test("a connection connects first, then sleeps, and is woken by work, which it takes")
    func ordinaryLife() {
        var lane = LaneState<Int>(connections: 1, maximumGroup: 4)
        guard case .connect = lane.step(of: 0, at: start) else { return #expect(Bool(false)) }
        lane.connected(0)
        guard case .sleep = lane.step(of: 0, at: start) else { return #expect(Bool(false)) }
        #expect(lane.submit(item(1)) == .queued(wake: 0))
        #expect(lane.submit(item(2)) == .queued(wake: nil), "it is already awake")
        #expect(jobs(lane.step(of: 0, at: start)) == [1, 2])
    }

    @Test("a connection takes its share of what waits and is under way, and leaves the rest to the others")
    func share() {
        var lane = LaneState<Int>(connections: 2, maximumGroup: 8)
        for index in 0...1 {
            _ = lane.step(of: index, at: start)
            lane.connected(index)
        }
        for job in 1...5 { _ = lane.submit(item(job)) }
        #expect(jobs(lane.step(of: 0, at: start)) == [1, 2, 3], "half of five, rounded up")
        #expect(jobs(lane.step(of: 1, at: start)) == [4, 5])
        for job in 6...8 { _ = lane.submit(item(job)) }
        #expect(lane.more(for: 0, at: start).map(\.item.job) == [6, 7, 8], "the other one has two to do")
        for job in 9...10 { _ = lane.submit(item(job)) }
        #expect(lane.more(for: 1, at: start).map(\.item.job) == [9, 10], "half of two and the other's three")
        for job in 11...40 { _ = lane.submit(item(job)) }
        #expect(lane.more(for: 1, at: start).count == 8, "no more than there may be in one group")
    }

    @Test("a connection that is alone takes all, also when the other one is being opened")
    func shareAlone() {
        var lane = LaneState<Int>(connections: 2, maximumGroup: 8)
        for index in 0...1 { _ = lane.step(of: index, at: start) }
        lane.connected(0)
        for job in 1...5 { _ = lane.submit(item(job)) }
        #expect(jobs(lane.step(of: 0, at: start)) == [1, 2, 3, 4, 5])
    }

    @Test("more is given only to a connection that works, and counts as its getting on")
    func more() {
        var lane = LaneState<Int>(connections: 1, maximumGroup: 1)
        _ = lane.step(of: 0, at: start)
        lane.connected(0)
        for job in 1...3 { _ = lane.submit(item(job)) }
        #expect(lane.more(for: 0, at: start).isEmpty)
        guard case .work(let group) = lane.step(of: 0, at: start) else { return #expect(Bool(false)) }
        let later = start.advanced(byMilliseconds: 5000)
        #expect(lane.longestWork(at: later) == 5000)
        #expect(lane.more(for: 0, at: later).map(\.item.job) == [2])
        #expect(lane.longestWork(at: later) == 0)
        _ = lane.shutDown()
        #expect(lane.more(for: 0, at: later).isEmpty, "nothing is begun after the shutdown")
        _ = lane.finished(0, group, usable: true)
        guard case .close = lane.step(of: 0, at: later) else { return #expect(Bool(false)) }
    }

    @Test("the longest work under way is counted from its start to its end, sleep and attempts to connect are not")
    func longestWork() {
        var lane = LaneState<Int>(connections: 2, maximumGroup: 1)
        let later = start.advanced(byMilliseconds: 5000)
        _ = lane.step(of: 0, at: start)
        #expect(lane.longestWork(at: later) == 0)
        lane.connected(0)
        _ = lane.submit(item(1))
        guard case .work(let group) = lane.step(of: 0, at: start) else { return #expect(Bool(false)) }
        #expect(lane.longestWork(at: later) == 5000)
        _ = lane.finished(0, group, usable: true)
        #expect(lane.longestWork(at: later) == 0)
        guard case .sleep = lane.step(of: 0, at: later) else { return #expect(Bool(false)) }
        #expect(lane.longestWork(at: later.advanced(byMilliseconds: 5000)) == 0)
        _ = lane.step(of: 1, at: start)
        _ = lane.connectFailed(1, at: start)
        #expect(lane.failedAttempts == 1)
    }

    @Test("work waits during the first attempt, and is refused at once after it failed")
    func refusedWhenDown() {
        var lane = LaneState<Int>(connections: 1, maximumGroup: 4)
        _ = lane.step(of: 0, at: start)
        #expect(lane.submit(item(1)) == .queued(wake: nil))
        #expect(lane.connectFailed(0, at: start) == [1])
        #expect(lane.submit(item(2)) == .unavailable)
    }

    @Test("after a failure it pauses before the next attempt, and works again after a success")
    func reconnects() {
        var lane = LaneState<Int>(connections: 1, maximumGroup: 4, pauseMilliseconds: 100)
        _ = lane.step(of: 0, at: start)
        _ = lane.connectFailed(0, at: start)
        guard case .pause(let until) = lane.step(of: 0, at: start) else { return #expect(Bool(false)) }
        #expect(until == start.advanced(byMilliseconds: 100))
        guard case .connect = lane.step(of: 0, at: until) else { return #expect(Bool(false)) }
        lane.connected(0)
        #expect(lane.submit(item(1)) == .queued(wake: nil))
        #expect(jobs(lane.step(of: 0, at: until)) == [1])
    }

    @Test("one failed attempt does not refuse work while another connection is open")
    func oneOfTwo() {
        var lane = LaneState<Int>(connections: 2, maximumGroup: 1)
        _ = lane.step(of: 0, at: start)
        _ = lane.step(of: 1, at: start)
        lane.connected(0)
        #expect(lane.connectFailed(1, at: start).isEmpty)
        #expect(lane.submit(item(1)) == .queued(wake: nil))
        #expect(jobs(lane.step(of: 0, at: start)) == [1])
    }

    @Test("a connection whose work broke it connects anew, and others are woken for what waits")
    func brokenByWork() {
        var lane = LaneState<Int>(connections: 2, maximumGroup: 1)
        for index in 0..<2 {
            _ = lane.step(of: index, at: start)
            lane.connected(index)
            _ = lane.step(of: index, at: start)
        }
        let hot = ExclusionKey(space: 2, value: 1)
        _ = lane.submit(item(1, keys: [hot]))
        guard case .work(let group) = lane.step(of: 0, at: start) else { return #expect(Bool(false)) }
        #expect(lane.submit(item(2, keys: [hot])) == .queued(wake: nil), "it cannot start yet")
        #expect(lane.finished(0, group, usable: false) == [1])
        guard case .connect = lane.step(of: 0, at: start) else { return #expect(Bool(false)) }
        #expect(jobs(lane.step(of: 1, at: start)) == [2])
    }

    @Test("work that becomes ready because what it waited for expired wakes a connection for itself")
    func wakesAfterExpiry() {
        var lane = LaneState<Int>(connections: 2, maximumGroup: 1)
        for index in 0..<2 {
            _ = lane.step(of: index, at: start)
            lane.connected(index)
            _ = lane.step(of: index, at: start)
        }
        let keys = (0..<2).map { ExclusionKey(space: $0, value: 1) }
        #expect(
            lane.submit(WorkItem(keys: keys, deadline: FixedDeadline(start), job: 1)) == .queued(wake: 0))
        for job in 2...3 { _ = lane.submit(item(job, keys: [keys[job - 2]])) }
        let (expired, wake) = lane.expire(at: start)
        #expect(expired == [1])
        #expect(lane.waitingCount == 2)
        let woken = Set(wake)
        #expect(woken == [1], "connection 0 is awake already")
    }

    @Test("a connection that breaks just when it was woken passes its work on to one that sleeps")
    func brokenWhenWoken() {
        var lane = LaneState<Int>(connections: 2, maximumGroup: 1)
        for index in 0..<2 {
            _ = lane.step(of: index, at: start)
            lane.connected(index)
            _ = lane.step(of: index, at: start)
        }
        #expect(lane.submit(item(1)) == .queued(wake: 0))
        #expect(lane.lost(0) == [1])
        #expect(jobs(lane.step(of: 1, at: start)) == [1])
    }

    @Test("a shutdown refuses what waits and what comes, and every connection closes after its work")
    func shutdown() {
        var lane = LaneState<Int>(connections: 2, maximumGroup: 1)
        _ = lane.step(of: 0, at: start)
        lane.connected(0)
        _ = lane.submit(item(1))
        guard case .work(let group) = lane.step(of: 0, at: start) else { return #expect(Bool(false)) }
        _ = lane.step(of: 1, at: start)  // is connecting, and nobody waits for that
        _ = lane.submit(item(2))
        #expect(lane.shutDown().refused == [2])
        #expect(lane.submit(item(3)) == .shuttingDown)
        #expect(!lane.isStopped)
        _ = lane.finished(0, group, usable: true)
        guard case .close = lane.step(of: 0, at: start) else { return #expect(Bool(false)) }
        #expect(lane.isStopped)
        lane.connected(1)
        guard case .close = lane.step(of: 1, at: start) else { return #expect(Bool(false)) }
    }

    /// Drives a lane through random connects, failures, losses, expiries and a shutdown, with a clock of its own.
    @Test("random schedules: every job ends exactly once", arguments: 0..<1000)
    func everyJobEndsOnce(seed: UInt64) {
        var simulation = LaneSimulation(seed: seed)
        for _ in 0..<150 { simulation.step() }
        simulation.end()
        #expect(simulation.problems == [], "seed \(seed)")
    }
}

/// A lane with connections that do random things.
private struct LaneSimulation {
    private enum Thread {
        case asking, connecting, sleeping, paused, gone
        case working([WorkQueue<Int>.Taken])
    }

    private var random: SeededGenerator
    private var lane: LaneState<Int>
    private var threads: [Thread]
    private var now = MonotonicTime(nanoseconds: 1)
    private var nextJob = 0
    private var ends: [Int: Int] = [:]
    private(set) var problems: [String] = []

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        let count = Int.random(in: 1...4, using: &random)
        lane = LaneState(connections: count, maximumGroup: Int.random(in: 1...3, using: &random))
        threads = Array(repeating: .asking, count: count)
    }

    private mutating func ended(_ jobs: [Int]) {
        for job in jobs { ends[job, default: 0] += 1 }
    }

    private mutating func wake(_ index: Int) {
        if case .sleeping = threads[index] { threads[index] = .asking }
    }

    mutating func step() {
        now = now.advanced(byMilliseconds: Int64.random(in: 0...60, using: &random))
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<4: submit()
        case 4:
            let (expired, wake) = lane.expire(at: now)
            ended(expired)
            for index in wake { self.wake(index) }
        default: advance(Int.random(in: 0..<threads.count, using: &random), mayFail: true)
        }
        // A sleeping connection beside ready work would be a lost wake-up.
        if lane.waitingCount > 0, threads.allSatisfy({ if case .sleeping = $0 { true } else { false } }) {
            problems.append("all sleep while work waits")
        }
    }

    private mutating func submit() {
        let job = nextJob
        nextJob += 1
        ends[job] = 0
        let keys = (0..<Int.random(in: 0...2, using: &random)).map {
            ExclusionKey(space: UInt8($0), value: Int64.random(in: 0..<2, using: &random))
        }
        let deadline = FixedDeadline(now.advanced(byMilliseconds: Int64.random(in: 10...2000, using: &random)))
        switch lane.submit(WorkItem(keys: keys, deadline: deadline, job: job)) {
        case .queued(let index): if let index { wake(index) }
        case .unavailable, .shuttingDown: ended([job])
        }
    }

    private mutating func advance(_ index: Int, mayFail: Bool) {
        let fails = mayFail && Int.random(in: 0..<4, using: &random) == 0
        switch threads[index] {
        case .gone: break
        case .asking, .paused:
            switch lane.step(of: index, at: now) {
            case .connect: threads[index] = .connecting
            case .sleep: threads[index] = .sleeping
            case .pause: threads[index] = .paused
            case .work(let group): threads[index] = .working(group)
            case .close: threads[index] = .gone
            }
        case .connecting:
            if fails { ended(lane.connectFailed(index, at: now)) } else { lane.connected(index) }
            threads[index] = .asking
        case .sleeping:
            guard fails else { break }
            let wake = lane.lost(index)
            threads[index] = .asking
            for other in wake { self.wake(other) }
        case .working(let group):
            ended(group.map(\.item.job))
            threads[index] = .asking
            for other in lane.finished(index, group, usable: !fails) { wake(other) }
        }
    }

    mutating func end() {
        let (refused, wake) = lane.shutDown()
        ended(refused)
        for index in wake { self.wake(index) }
        for _ in 0..<4 { for index in threads.indices { advance(index, mayFail: false) } }
        if !lane.isStopped { problems.append("not stopped") }
        if lane.waitingCount != 0 { problems.append("work is left") }
        for (job, count) in ends where count != 1 { problems.append("job \(job) ended \(count) times") }
    }
}
