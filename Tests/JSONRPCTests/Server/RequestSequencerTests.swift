import Deadlines
import SeededRandom
import Testing

@testable import JSONRPC

/// The order of replies and effects, without any I/O.
@Suite struct RequestSequencerTests {
    private typealias Sequencer = RequestSequencer<Void, String>

    @Test func `reads run together and answer in order`() {
        var sequencer = Sequencer()
        sequencer.append(.work(.read, DeadlineStart(), ()))
        sequencer.append(.work(.read, DeadlineStart(), ()))
        #expect(sequencer.starts() == [0, 1])
        sequencer.finish(1, "second")
        #expect(sequencer.lines() == [])
        sequencer.finish(0, "first")
        #expect(sequencer.lines() == ["first", "second"])
        #expect(sequencer.outstanding == 0)
    }

    @Test func `a write waits for everything before it and holds up everything behind it`() {
        var sequencer = Sequencer()
        for kind in [Sequencer.Kind.read, .write("add"), .read, .read] {
            sequencer.append(.work(kind, DeadlineStart(), ()))
        }
        #expect(sequencer.starts() == [0])
        sequencer.finish(0, "a")
        #expect(sequencer.starts() == [1])
        sequencer.finish(1, "b")
        #expect(sequencer.starts() == [2, 3])
    }

    @Test func `writes of one method that follow one another join the run of the first, and nothing else does`() {
        var sequencer = Sequencer()
        for kind in [Sequencer.Kind.write("a"), .write("a"), .read, .write("a"), .write("b"), .write("a")] {
            sequencer.append(.work(kind, DeadlineStart(), ()))
        }
        sequencer.append(.answered("known"))
        sequencer.append(.work(.write("a"), DeadlineStart(), ()))
        #expect(sequencer.writes() == [Write(0, joins: false), Write(1, joins: true)])
        sequencer.finish(1, "b")
        #expect(sequencer.writes() == [])
        sequencer.finish(0, "a")
        #expect(sequencer.writes() == [Write(2, joins: false)])
        sequencer.finish(2, "c")
        #expect(sequencer.writes() == [Write(3, joins: false)])
        sequencer.finish(3, "d")
        #expect(sequencer.writes() == [Write(4, joins: false)])
        sequencer.finish(4, "e")
        #expect(sequencer.writes() == [Write(5, joins: false), Write(7, joins: true)])
        sequencer.append(.work(.write("a"), DeadlineStart(), ()))
        #expect(sequencer.writes() == [Write(8, joins: true)])
    }

    @Test func `what a run does not take waits for its end`() {
        var sequencer = Sequencer()
        for _ in 0..<3 { sequencer.append(.work(.write("a"), DeadlineStart(), ())) }
        #expect(sequencer.nextStart()?.joins == false)
        guard let second = sequencer.nextStart() else {
            Issue.record("no write is next")
            return
        }
        #expect(second.joins && second.id == 1)
        sequencer.didNotJoin(second.id, second.work)
        #expect(sequencer.nextStart() == nil)
        sequencer.finish(0, "a")
        #expect(sequencer.writes() == [Write(1, joins: false), Write(2, joins: true)])
    }

    @Test func `a read does not overtake a write that waits`() {
        var sequencer = Sequencer()
        sequencer.append(.work(.read, DeadlineStart(), ()))
        sequencer.append(.work(.write("add"), DeadlineStart(), ()))
        sequencer.append(.work(.read, DeadlineStart(), ()))
        #expect(sequencer.starts() == [0])
    }

    @Test func `a batch answers in one piece, and a batch of notifications not at all`() {
        var sequencer = Sequencer()
        sequencer.append(batch: [
            .work(.read, DeadlineStart(), ()), .answered("known"), .work(.read, DeadlineStart(), ()),
        ])
        sequencer.append(batch: [.work(.read, DeadlineStart(), ()), .answered(nil)])
        sequencer.append(.answered("last"))
        #expect(sequencer.starts() == [0, 2, 3])
        sequencer.finish(3, nil)
        sequencer.finish(2, "z")
        #expect(sequencer.lines() == [])
        sequencer.finish(0, nil)
        #expect(sequencer.lines() == ["[known,z]", "last"])
    }

    @Test func `a deadline starts when everything before it has finished`() {
        var sequencer = Sequencer()
        let deadlineStarts = [DeadlineStart(), DeadlineStart(), DeadlineStart()]
        for deadlineStart in deadlineStarts { sequencer.append(.work(.read, deadlineStart, ())) }
        #expect(sequencer.starts() == [0, 1, 2])
        #expect(sequencer.nextDeadlineStart() === deadlineStarts[0])
        #expect(sequencer.nextDeadlineStart() == nil)
        sequencer.finish(1, "b")
        #expect(sequencer.nextDeadlineStart() == nil)
        sequencer.finish(0, "a")
        #expect(sequencer.nextDeadlineStart() === deadlineStarts[2])
    }

    @Test func `what is answered already waits in the line and counts as outstanding`() {
        var sequencer = Sequencer()
        sequencer.append(.work(.read, DeadlineStart(), ()))
        for _ in 0..<10 { sequencer.append(.answered("error")) }
        #expect(sequencer.starts() == [0])
        #expect(sequencer.lines() == [])
        #expect(sequencer.outstanding == 11)
    }

    @Test(arguments: 0..<50)
    func `it agrees with a model that looks at everything anew after each step`(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        var sequencer = Sequencer()
        var model = Model()
        var running: [Int] = []
        for _ in 0..<80 {
            if running.isEmpty || Bool.random(using: &random) {
                let count = Int.random(in: 1...3, using: &random)
                let isBatch = count > 1 || Bool.random(using: &random)
                var arrivals: [Sequencer.NewEntry] = []
                for _ in 0..<count {
                    let (arrival, entry) = Model.random(id: model.entries.count, &random)
                    arrivals.append(arrival)
                    model.entries.append(entry)
                }
                model.lines.append((model.entries.count - count..<model.entries.count, isBatch))
                if isBatch { sequencer.append(batch: arrivals) } else { sequencer.append(arrivals[0]) }
            } else {
                let id = running.remove(at: Int.random(in: 0..<running.count, using: &random))
                let reply = Int.random(in: 0..<4, using: &random) == 0 ? nil : "r\(id)"
                sequencer.finish(id, reply)
                model.entries[id].finished = true
                model.entries[id].reply = reply
            }
            let starts = sequencer.starts()
            #expect(starts == model.starts())
            running += starts
            #expect(
                sequencer.deadlineStarts().map(ObjectIdentifier.init)
                    == model.deadlineStarts().map(ObjectIdentifier.init))
            #expect(sequencer.lines() == model.newLines())
            #expect(sequencer.outstanding == model.outstanding)
        }
    }
}

private struct Write: Equatable {
    let id: Int
    let joins: Bool

    init(_ id: Int, joins: Bool) { (self.id, self.joins) = (id, joins) }
}

/// The rules, written down without any cleverness.
private struct Model {
    struct Entry {
        var kind: RequestSequencer<Void, String>.Kind
        var deadlineStart: DeadlineStart?
        var started = false
        var finished = false
        var turnBegan = false
        var reply: String?
    }

    var entries: [Entry] = []
    var lines: [(entries: Range<Int>, isBatch: Bool)] = []
    var left = 0

    static func random(id: Int, _ random: inout SeededGenerator) -> (RequestSequencer<Void, String>.NewEntry, Entry) {
        let deadlineStart = DeadlineStart()
        switch Int.random(in: 0..<6, using: &random) {
        case 0: return (.answered("e\(id)"), Entry(kind: .read, started: true, finished: true, reply: "e\(id)"))
        case 1, 2, 3:
            let kind =
                [RequestSequencer<Void, String>.Kind.write("a"), .write("a"), .write("b")].randomElement(
                    using: &random) ?? .read
            return (.work(kind, deadlineStart, ()), Entry(kind: kind, deadlineStart: deadlineStart))
        default: return (.work(.read, deadlineStart, ()), Entry(kind: .read, deadlineStart: deadlineStart))
        }
    }

    mutating func starts() -> [Int] {
        var result: [Int] = []
        for id in entries.indices where !entries[id].started {
            let kind = entries[id].kind
            let mayStart = entries[..<id].allSatisfy { $0.finished || $0.started && $0.kind == kind }
            guard mayStart else { continue }
            entries[id].started = true
            result.append(id)
        }
        return result
    }

    mutating func deadlineStarts() -> [DeadlineStart] {
        var result: [DeadlineStart] = []
        for id in entries.indices where !entries[id].turnBegan {
            guard entries[..<id].allSatisfy(\.finished) else { continue }
            entries[id].turnBegan = true
            if let deadlineStart = entries[id].deadlineStart, !entries[id].finished { result.append(deadlineStart) }
        }
        return result
    }

    mutating func newLines() -> [String] {
        var result: [String] = []
        while left < lines.count, entries[lines[left].entries].allSatisfy(\.finished) {
            let replies = entries[lines[left].entries].compactMap(\.reply)
            if lines[left].isBatch {
                if !replies.isEmpty { result.append("[\(replies.joined(separator: ","))]") }
            } else {
                result += replies
            }
            left += 1
        }
        return result
    }

    var outstanding: Int { entries.count - (left < lines.count ? lines[left].entries.lowerBound : entries.count) }
}

extension RequestSequencer where Work == Void, Reply == String {
    fileprivate mutating func starts() -> [Int] {
        var result: [Int] = []
        while let start = nextStart() { result.append(start.id) }
        return result
    }

    /// All that start now or join.
    fileprivate mutating func writes() -> [Write] {
        var result: [Write] = []
        while let start = nextStart() { result.append(Write(start.id, joins: start.joins)) }
        return result
    }

    fileprivate mutating func deadlineStarts() -> [DeadlineStart] {
        var result: [DeadlineStart] = []
        while let deadlineStart = nextDeadlineStart() { result.append(deadlineStart) }
        return result
    }

    fileprivate mutating func lines() -> [String] {
        var result: [String] = []
        while let line = nextLine() {
            switch line {
            case .single(let reply): result.append(reply)
            case .batch(let replies): result.append("[\(replies.joined(separator: ","))]")
            }
        }
        return result
    }
}
