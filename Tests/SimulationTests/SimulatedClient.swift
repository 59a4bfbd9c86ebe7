import Deadlines

@testable import JSONRPC

/// One connection of the wire: the sequencer under test, and beside it everything that was sent, by which what the
/// sequencer says is judged.
struct SimulatedClient {
    /// One entry of a line, in the order in which it was sent.
    struct Entry {
        let kind: RequestSequencer<Void, Int>.Kind
        /// Nil when it was answered without being carried out.
        let deadlineStart: DeadlineStart?
        /// Whether it is a request, not a notification.
        let wantsReply: Bool
        var hasStarted = false
        var isFinished = false
    }

    /// A reply is the number of its entry.
    private var sequencer = RequestSequencer<Void, Int>()
    private var entries: [Entry] = []
    private var lines: [(entries: Range<Int>, isBatch: Bool)] = []
    private var linesThatLeft = 0
    private var firstUnfinished = 0
    /// The most entries that may be under way.
    let readAhead: Int

    init(readAhead: Int) { self.readAhead = readAhead }

    var hasRoom: Bool { sequencer.outstanding < readAhead }
    var isIdle: Bool { firstUnfinished == entries.count && linesThatLeft == lines.count }
    var outstanding: Int { sequencer.outstanding }

    /// Sends a line. Returns the numbers of its entries.
    mutating func send(_ sent: [Entry], asBatch: Bool) -> Range<Int> {
        let numbers = entries.count..<entries.count + sent.count
        entries += sent
        lines.append((numbers, asBatch))
        let arrivals = zip(numbers, sent).map { number, entry -> RequestSequencer<Void, Int>.NewEntry in
            if let deadlineStart = entry.deadlineStart { return .work(entry.kind, deadlineStart, ()) }
            return .answered(entry.wantsReply ? number : nil)
        }
        for number in numbers where entries[number].deadlineStart == nil { entries[number].isFinished = true }
        if asBatch { sequencer.append(batch: arrivals) } else { sequencer.append(arrivals[0]) }
        passFinished()
        return numbers
    }

    mutating func finish(_ number: Int) {
        entries[number].isFinished = true
        sequencer.finish(number, entries[number].wantsReply ? number : nil)
        passFinished()
    }

    private mutating func passFinished() {
        while firstUnfinished < entries.count, entries[firstUnfinished].isFinished { firstUnfinished += 1 }
    }

    /// The next entry to start, and whether it is to join the run of those before it; a start that the order does not
    /// allow is a problem.
    mutating func nextStart() -> (number: Int, joins: Bool, problem: String?)? {
        guard let start = sequencer.nextStart() else { return nil }
        let problem = problem(starting: start.id, joins: start.joins)
        entries[start.id].hasStarted = true
        return (start.id, start.joins, problem)
    }

    /// The run had been closed.
    mutating func didNotJoin(_ number: Int) {
        entries[number].hasStarted = false
        sequencer.didNotJoin(number, ())
    }

    private func problem(starting number: Int, joins: Bool) -> String? {
        let entry = entries[number]
        if entry.hasStarted { return "entry \(number) started twice" }
        if entry.deadlineStart == nil { return "entry \(number) started, which was answered already" }
        let others = entries[firstUnfinished..<max(number, firstUnfinished)].filter { !$0.isFinished }
        if others.contains(where: { $0.kind != entry.kind || !$0.hasStarted }) {
            return "\(entry.kind) \(number) overtook something else, or what waits for it"
        }
        return entry.kind != .read && joins == others.isEmpty ? "write \(number) joins nothing, or does not join" : nil
    }

    /// What an entry that started is to do.
    func work(_ number: Int) -> (kind: RequestSequencer<Void, Int>.Kind, deadlineStart: DeadlineStart) {
        (entries[number].kind, entries[number].deadlineStart ?? DeadlineStart())
    }

    /// The next turn that begins.
    mutating func nextDeadlineStart() -> DeadlineStart? { sequencer.nextDeadlineStart() }

    /// Takes the lines that leave. Returns what is wrong with them, or with what has not left or begun.
    mutating func takeLines() -> String? {
        while let line = sequencer.nextLine() {
            while linesThatLeft < lines.count, repliesOfNextLine.isEmpty { linesThatLeft += 1 }
            guard linesThatLeft < lines.count else { return "a line left that was not asked for" }
            let expected = repliesOfNextLine
            let numbers = lines[linesThatLeft].entries
            guard numbers.upperBound <= firstUnfinished else {
                return "a line left before its entries \(numbers) ended"
            }
            switch line {
            case .single(let reply): if lines[linesThatLeft].isBatch || [reply] != expected { return "wrong: \(reply)" }
            case .batch(let replies):
                if !lines[linesThatLeft].isBatch || replies != expected { return "wrong: \(replies)" }
            }
            linesThatLeft += 1
        }
        while linesThatLeft < lines.count, lines[linesThatLeft].entries.upperBound <= firstUnfinished {
            if !repliesOfNextLine.isEmpty { return "a complete line was held back" }
            linesThatLeft += 1
        }
        if firstUnfinished < entries.count, entries[firstUnfinished].deadlineStart?.began == nil {
            return "the turn of entry \(firstUnfinished) has not begun"
        }
        let next = firstUnfinished + 1
        if next < entries.count, let deadlineStart = entries[next].deadlineStart, !entries[next].isFinished,
            deadlineStart.began != nil
        {
            return "the turn of entry \(next) began before it was its turn"
        }
        let held =
            entries.count - (linesThatLeft < lines.count ? lines[linesThatLeft].entries.lowerBound : entries.count)
        return held == sequencer.outstanding ? nil : "\(sequencer.outstanding) entries outstanding, not \(held)"
    }

    private var repliesOfNextLine: [Int] { lines[linesThatLeft].entries.filter { entries[$0].wantsReply } }
}
