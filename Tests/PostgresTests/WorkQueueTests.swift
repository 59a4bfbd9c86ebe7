import Deadlines
import SeededRandom
import Synchronization
import Testing

@testable import Postgres

@Suite("WorkQueue")
struct WorkQueueTests {
    private let forever = Deadline(at: MonotonicTime(nanoseconds: .max))
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
        let soon = Deadline(at: MonotonicTime(nanoseconds: 10))
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
        queue.append(WorkItem(deadline: Deadline(at: MonotonicTime(nanoseconds: 1)), job: 1))
        #expect(queue.nextJob() == 1)
        #expect(queue.removeExpired(at: MonotonicTime(nanoseconds: 5)).isEmpty)
    }

    @Test("an item's parts go along as far as their keys are free, and no further than the limit")
    func parts() throws {
        var queue = WorkQueue<Int>()
        let (five, hot) = (ExclusionKey(space: 2, value: 5), hot)
        queue.append(
            WorkItem(keys: [master], further: { workParts([[hot], [], [five], [hot], []]) }, deadline: forever, job: 1))
        let first = queue.next()
        #expect(first?.count == 4, "the fifth has the key of the second")
        queue.append(WorkItem(keys: [five], deadline: forever, job: 2))
        queue.append(WorkItem(further: { workParts([[five], []]) }, deadline: forever, job: 3))
        let third = queue.next()
        #expect(third?.item.job == 3 && third?.count == 1, "a key that is in use")
        #expect(queue.next() == nil)
        queue.finished(try #require(first))
        #expect(queue.nextJob() == 2)
        queue.append(WorkItem(further: { workParts([[], []]) }, deadline: forever, job: 4))
        #expect(queue.next(atMost: 2)?.count == 2)
    }

    @Test("what waits for its first part keeps nothing from the keys of the others")
    func partsThatWait() throws {
        var queue = WorkQueue<Int>()
        queue.append(WorkItem(keys: [hot], deadline: forever, job: 1))
        let first = queue.next()
        queue.append(WorkItem(keys: [hot], further: { workParts([[master]]) }, deadline: forever, job: 2))
        queue.append(WorkItem(keys: [master], deadline: forever, job: 3))
        let third = queue.next()
        #expect(third?.item.job == 3)
        queue.finished(try #require(first))
        let second = queue.next()
        #expect(second?.item.job == 2 && second?.count == 1)
        queue.append(WorkItem(keys: [master], deadline: forever, job: 4))
        queue.finished(try #require(third))
        #expect(queue.nextJob() == 4)
    }

    @Test("items are taken together by their batch keys; without one it is a single part")
    func batches() throws {
        var queue = WorkQueue<Int>()
        queue.append(WorkItem(further: { workParts([[]]) }, batchKey: "a", deadline: forever, job: 1))
        queue.append(WorkItem(batchKey: "a", deadline: forever, job: 2))
        queue.append(WorkItem(further: { workParts([[]]) }, batchKey: nil, deadline: forever, job: 3))
        let first = queue.next()
        let second = queue.next(with: try #require(first))
        #expect(first?.count == 2 && second?.item.job == 2)
        #expect(queue.next(with: try #require(second)) == nil)
        let third = queue.next()
        #expect(third?.count == 1)
        #expect(queue.next(with: try #require(third)) == nil)
    }

    @Test("parts may join until the item is taken, and not after it was put back")
    func joined() throws {
        var queue = WorkQueue<Int>()
        let joined = Mutex<(keys: [[ExclusionKey]], asked: Int)>(([], 0))
        let further: @Sendable () -> [WorkPart] = {
            joined.withLock { joined in
                joined.asked += 1
                return workParts(joined.keys)
            }
        }
        queue.append(WorkItem(further: further, deadline: forever, job: 1))
        joined.withLock { $0.keys = [[hot], []] }
        let taken = queue.next()
        #expect(taken?.count == 3 && taken?.further.map(\.keys) == [[hot], []])
        queue.putBack([try #require(taken)], rolledBack: false)
        #expect(queue.next()?.count == 1)
        #expect(joined.withLock { $0.asked } == 1)
    }

    @Test("the first part of what is put back is next, by itself, with its place in its lines; the others have none")
    func putBack() throws {
        var queue = WorkQueue<Int>()
        queue.append(WorkItem(keys: [hot], further: { workParts([[master]]) }, deadline: forever, job: 1))
        queue.append(WorkItem(keys: [ExclusionKey(space: 2, value: 2)], deadline: forever, job: 2))
        let first = queue.next()
        let second = queue.next(with: try #require(first))
        queue.append(WorkItem(keys: [hot], deadline: forever, job: 3))
        queue.append(WorkItem(keys: [master], deadline: forever, job: 4))
        queue.append(WorkItem(deadline: forever, job: 5))
        queue.putBack([try #require(first), try #require(second)], rolledBack: true)
        #expect(queue.count == 5)
        var order: [Int] = []
        while let taken = queue.next() {
            #expect(taken.count == 1)
            if taken.item.job == 1 { #expect(taken.item.rolledBackBehind == 1) }
            if order.count < 2 { #expect(queue.next(with: taken) == nil, "each by itself") }
            order.append(taken.item.job)
            queue.finished(taken)
        }
        #expect(order == [1, 2, 5, 4, 3])
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
                let deadline = Deadline(
                    at:
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
    /// Takes the next item out and says which it was.
    fileprivate mutating func nextJob() -> Job? { next()?.item.job }
}
