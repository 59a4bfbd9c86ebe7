import Postgres
import SeededRandom
import Testing

@Suite("WorkQueue")
struct WorkQueueTests {
    private let forever = FixedDeadline(nil)
    private let hot = ExclusionKey(space: 2, value: 1)
    private let master = ExclusionKey(space: 0, value: 7)

    @Test("work without keys leaves in order of arrival")
    func firstInFirstOut() {
        var queue = WorkQueue<Int>()
        for job in 1...5 { queue.append(WorkItem(deadline: forever, job: job)) }
        var left: [Int] = []
        while let taken = queue.next() { left.append(taken.item.job) }
        #expect(left == [1, 2, 3, 4, 5])
    }

    @Test("work with a key that is in use waits, and what is behind it passes")
    func hotKey() throws {
        var queue = WorkQueue<Int>()
        queue.append(WorkItem(keys: [hot], deadline: forever, job: 1))
        queue.append(WorkItem(keys: [hot], deadline: forever, job: 2))
        queue.append(WorkItem(keys: [ExclusionKey(space: 2, value: 2)], deadline: forever, job: 3))
        let firstTaken = queue.next()
        let first = try #require(firstTaken)
        #expect(first.item.job == 1)
        #expect(queue.nextJob() == 3)
        #expect(queue.nextJob() == nil)
        queue.finished(first)
        #expect(queue.nextJob() == 2)
    }

    @Test("equal values of different spaces are different keys")
    func spaces() {
        var queue = WorkQueue<Int>()
        queue.append(WorkItem(keys: [ExclusionKey(space: 0, value: 1)], deadline: forever, job: 1))
        queue.append(WorkItem(keys: [ExclusionKey(space: 2, value: 1)], deadline: forever, job: 2))
        #expect(queue.nextJob() == 1)
        #expect(queue.nextJob() == 2)
    }

    @Test("work with two keys starts when it is first for both, and nothing overtakes it for either")
    func twoKeys() throws {
        var queue = WorkQueue<Int>()
        queue.append(WorkItem(keys: [hot], deadline: forever, job: 1))
        queue.append(WorkItem(keys: [hot, master], deadline: forever, job: 2))
        queue.append(WorkItem(keys: [master], deadline: forever, job: 3))
        let firstTaken = queue.next()
        let first = try #require(firstTaken)
        #expect(queue.nextJob() == nil)
        queue.finished(first)
        let secondTaken = queue.next()
        let second = try #require(secondTaken)
        #expect(second.item.job == 2)
        #expect(queue.nextJob() == nil)
        queue.finished(second)
        #expect(queue.nextJob() == 3)
    }

    @Test("what expires while it waits lets those behind it move up")
    func expiryMovesOthersUp() throws {
        var queue = WorkQueue<Int>()
        let soon = FixedDeadline(MonotonicTime(nanoseconds: 10))
        queue.append(WorkItem(keys: [hot], deadline: soon, job: 1))
        queue.append(WorkItem(keys: [hot], deadline: forever, job: 2))
        #expect(queue.removeExpired(at: MonotonicTime(nanoseconds: 9)).isEmpty)
        #expect(queue.removeExpired(at: MonotonicTime(nanoseconds: 10)).map(\.job) == [1])
        #expect(queue.nextJob() == 2)
        #expect(queue.count == 0)
    }

    @Test("what is running does not expire")
    func runningDoesNotExpire() throws {
        var queue = WorkQueue<Int>()
        queue.append(WorkItem(deadline: FixedDeadline(MonotonicTime(nanoseconds: 1)), job: 1))
        #expect(queue.nextJob() == 1)
        #expect(queue.removeExpired(at: MonotonicTime(nanoseconds: 5)).isEmpty)
    }

    private final class Caller {}

    @Test("work waits until the places before its own have been left, in their order, however it came")
    func places() throws {
        var queue = WorkQueue<Int>()
        let (caller, other) = (Caller(), Caller())
        let places = (0..<4).map { _ in queue.enter(ObjectIdentifier(caller)) }
        let elsewhere = queue.enter(ObjectIdentifier(other))
        for job in [3, 1] { queue.append(WorkItem(place: places[job], deadline: forever, job: job)) }
        queue.append(WorkItem(place: elsewhere, deadline: forever, job: 9))
        #expect(queue.readyCount == 1 && queue.count == 3)
        #expect(queue.nextJob() == 9)
        #expect(queue.nextJob() == nil)
        queue.pass(places[0])
        let first = queue.next()
        #expect(first?.item.job == 1)
        #expect(queue.next(behind: try #require(first)) == nil, "the place between may still get work")
        // Done again.
        queue.append(WorkItem(place: places[1], deadline: forever, job: 1))
        #expect(queue.nextJob() == 1)
        queue.pass(places[1])
        #expect(queue.nextJob() == nil)
        queue.pass(places[2])
        #expect(queue.nextJob() == 3)
        #expect(queue.count == 0)
    }

    @Test("work goes with what has the place before, but not of another batch key, nor if another has its keys")
    func behind() throws {
        var queue = WorkQueue<Int>()
        let caller = Caller()
        let places = (0..<6).map { _ in queue.enter(ObjectIdentifier(caller)) }
        let keys = [[master], [hot], [], [ExclusionKey(space: 2, value: 5)], [hot], []]
        for job in 0..<6 {
            let batchKey = job == 5 ? "other" : ""
            queue.append(
                WorkItem(keys: keys[job], batchKey: batchKey, place: places[job], deadline: forever, job: job))
        }
        let first = queue.next()
        var taken = [try #require(first)]
        while let next = queue.next(behind: taken[taken.count - 1]) { taken.append(next) }
        #expect(taken.map(\.item.job) == [0, 1, 2, 3], "4 has the key of 1")
        #expect(queue.nextJob() == nil)
        for taken in taken { queue.finished(taken) }
        for place in places.prefix(4) { queue.pass(place) }
        let fourth = queue.next()
        #expect(fourth?.item.job == 4)
        #expect(queue.next(behind: try #require(fourth)) == nil)
    }

    @Test("who waits for its place keeps nobody from its keys")
    func parkedHasNoKeys() throws {
        var queue = WorkQueue<Int>()
        let caller = Caller()
        let places = (0..<2).map { _ in queue.enter(ObjectIdentifier(caller)) }
        queue.append(WorkItem(keys: [hot], place: places[1], deadline: forever, job: 1))
        queue.append(WorkItem(keys: [hot], deadline: forever, job: 2))
        let second = queue.next()
        #expect(second?.item.job == 2)
        queue.append(WorkItem(keys: [master], place: places[0], deadline: forever, job: 0))
        let first = queue.next()
        #expect(first?.item.job == 0)
        #expect(queue.next(behind: try #require(first)) == nil, "the key is in use")
        queue.pass(places[0])
        #expect(queue.nextJob() == nil)
        queue.finished(try #require(second))
        #expect(queue.nextJob() == 1)
    }

    @Test("what is put back is done one after the other, and before what comes after it")
    func putBackInOrder() throws {
        var queue = WorkQueue<Int>()
        let caller = Caller()
        let places = (0..<4).map { _ in queue.enter(ObjectIdentifier(caller)) }
        for job in 0..<4 {
            queue.append(WorkItem(keys: job == 1 ? [hot] : [], place: places[job], deadline: forever, job: job))
        }
        let first = queue.next()
        var taken = [try #require(first)]
        while taken.count < 3, let next = queue.next(behind: taken[taken.count - 1]) { taken.append(next) }
        queue.append(WorkItem(keys: [hot], deadline: forever, job: 9))
        queue.putBack(taken)
        #expect(queue.count == 5)
        var order: [Int] = []
        for _ in 0..<5 {
            let next = queue.next()
            let taken = try #require(next)
            #expect(queue.next(behind: taken) == nil, "each by itself")
            order.append(taken.item.job)
            queue.finished(taken)
            if taken.item.job < 4 { queue.pass(places[taken.item.job]) }
        }
        #expect(order.filter { $0 < 4 } == [0, 1, 2, 3])
        #expect(queue.count == 0)
    }

    @Test("random schedules: each key is used by one at a time, in order, and nothing is lost", arguments: 0..<300)
    func randomSchedules(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var queue = WorkQueue<Int>()
        var running: [WorkQueue<Int>.Taken] = []
        var keysOf: [Int: [ExclusionKey]] = [:]
        var startedPerKey: [ExclusionKey: [Int]] = [:]
        var ended = 0
        for step in 0..<200 {
            switch Int.random(in: 0..<4, using: &random) {
            case 0, 1:
                let keys = (0..<Int.random(in: 0...2, using: &random)).map {
                    ExclusionKey(space: UInt8($0), value: Int64.random(in: 0..<3, using: &random))
                }
                keysOf[step] = keys
                let deadline = FixedDeadline(
                    MonotonicTime(nanoseconds: UInt64(step) + UInt64.random(in: 1...300, using: &random)))
                queue.append(WorkItem(keys: keys, deadline: deadline, job: step))
            case 2:
                guard let taken = queue.next() else { break }
                for key in taken.item.keys { startedPerKey[key, default: []].append(taken.item.job) }
                let inUse = running.flatMap { $0.item.keys }
                #expect(taken.item.keys.allSatisfy { !inUse.contains($0) }, "seed \(seed): a key was used twice")
                running.append(taken)
            default:
                ended += queue.removeExpired(at: MonotonicTime(nanoseconds: UInt64(step))).count
                guard !running.isEmpty else { break }
                queue.finished(running.remove(at: Int.random(in: 0..<running.count, using: &random)))
                ended += 1
            }
        }
        for taken in running { queue.finished(taken) }
        ended += running.count
        while let taken = queue.next() {
            for key in taken.item.keys { startedPerKey[key, default: []].append(taken.item.job) }
            queue.finished(taken)
            ended += 1
        }
        #expect(ended == keysOf.count, "seed \(seed): \(keysOf.count) came, \(ended) ended")
        #expect(queue.count == 0)
        for (_, jobs) in startedPerKey { #expect(jobs == jobs.sorted(), "seed \(seed): out of order") }
    }
}

extension WorkQueue {
    /// Leaves a place, so that what waited for it gets in line.
    fileprivate mutating func pass(_ place: Place) {
        if let next = leave(place) { append(next) }
    }

    /// Takes the next item out and says which it was.
    fileprivate mutating func nextJob() -> Job? { next()?.item.job }
}
