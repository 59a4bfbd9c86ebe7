import Deadlines
import DequeModule

/// The order of one connection: which requests may start now, and which lines of replies are complete.
///
/// A pure value without I/O. Lines go in as they are read, `finish` is told what ended, and the questions
/// `nextDeadlineStart()`, `nextStart()` and `nextLine()` are asked until they have no more to say.
///
/// Rules (the order promised in `Protocol/README.md`):
/// - entries start strictly in the order in which they were read;
/// - reads run at the same time; a write starts only when every earlier entry has finished, and nothing after it
///   starts before it has; but those of one method that follow one another may join the run of the first;
/// - lines leave in the order in which they were read, each when all its entries have finished;
/// - an entry's turn begins when every earlier entry has finished. Its deadline runs from there.
///
/// `Work` is what an entry needs when it starts, and `Reply` what it leaves for the wire when it has finished.
struct RequestSequencer<Work, Reply> {
    /// The number of an entry: 0, 1, 2… in the order of the connection.
    typealias EntryID = Int

    /// What an entry may start with.
    enum Kind: Equatable {
        case read
        /// A write by the method of this name.
        case write(String)
    }

    /// An entry that starts, and whether it is to join the run of writes that is under way.
    typealias Start = (id: EntryID, work: Work, joins: Bool)

    /// One entry of a line, as it is read.
    enum NewEntry {
        /// To be executed.
        case work(Kind, DeadlineStart, Work)
        /// Nothing to execute: what it answers, if anything, is known already.
        case answered(Reply?)
    }

    /// The replies of one line of input, complete.
    enum Line {
        /// The reply to a line with one entry.
        case single(Reply)
        /// The replies to a batch, in the order of its entries, at least one.
        case batch([Reply])
    }

    private struct Entry {
        let kind: Kind
        /// Nil for an entry that needs no execution.
        let deadlineStart: DeadlineStart?
        /// Nil as soon as it has started, and for an entry that needs no execution.
        var work: Work?
        var finished: Bool
        var reply: Reply?
    }

    private struct LineSpan {
        let count: Int
        let isBatch: Bool
    }

    /// Entries whose line has not left, oldest first. The first one's number is `first`.
    private var entries: Deque<Entry> = []
    private var first: EntryID = 0
    private var lines: Deque<LineSpan> = []

    /// Every entry before this number has started (or needs no start).
    private var startFrontier: EntryID = 0
    /// Every entry before this number has finished.
    private var finishFrontier: EntryID = 0
    /// The turn of every entry before this number was reported or never needed to be.
    private var deadlineFrontier: EntryID = 0

    /// How many entries run: reads, or one run of writes.
    private var running = 0
    /// What those are that run, or ran last.
    private var runningKind = Kind.read
    /// Whether the run of writes that is under way takes more.
    private var isRunOpen = false

    /// Entries whose line has not left: what the read-ahead limit counts. Finished ones that wait for an earlier one
    /// are among them, because their replies occupy memory.
    var outstanding: Int { entries.count }

    /// The number that the next entry gets.
    private var nextEntry: EntryID { first + entries.count }

    /// Takes a line with a single entry.
    mutating func append(_ arrival: NewEntry) {
        lines.append(LineSpan(count: 1, isBatch: false))
        admit(arrival)
    }

    /// Takes a batch, at least one entry.
    mutating func append(batch arrivals: [NewEntry]) {
        lines.append(LineSpan(count: arrivals.count, isBatch: true))
        for arrival in arrivals { admit(arrival) }
    }

    /// Notes that a started entry has ended; `reply` is nil for a notification.
    mutating func finish(_ id: EntryID, _ reply: Reply?) {
        let index = id - first
        precondition(id < startFrontier && !entries[index].finished, "an entry ends once, and not before it starts")
        entries[index].finished = true
        entries[index].reply = reply
        running -= 1
        advanceFinishFrontier()
    }

    /// The next entry that may start now. It counts as started.
    mutating func nextStart() -> Start? {
        // What needs no execution is passed over.
        while startFrontier < nextEntry, entries[startFrontier - first].work == nil { startFrontier += 1 }
        guard startFrontier < nextEntry else { return nil }
        let kind = entries[startFrontier - first].kind
        var joins = false
        if running > 0 {
            guard kind == runningKind else { return nil }
            joins = kind != .read
            if joins, !isRunOpen { return nil }
        }
        guard let work = entries[startFrontier - first].work.take() else { return nil }
        (runningKind, isRunOpen) = (kind, kind != .read)
        startFrontier += 1
        running += 1
        return (startFrontier - 1, work, joins)
    }

    /// The run takes no more: this write, which was started last, waits for its end.
    mutating func didNotJoin(_ id: EntryID, _ work: Work) {
        precondition(id == startFrontier - 1, "the last one that started")
        startFrontier -= 1
        running -= 1
        entries[startFrontier - first].work = work
        isRunOpen = false
    }

    /// The entry whose turn began since the last question, if it is still unfinished.
    mutating func nextDeadlineStart() -> DeadlineStart? {
        guard deadlineFrontier <= finishFrontier, finishFrontier < nextEntry else { return nil }
        deadlineFrontier = finishFrontier + 1
        return entries[finishFrontier - first].deadlineStart
    }

    /// The next line whose replies are complete and may leave. Lines without any reply are passed over.
    mutating func nextLine() -> Line? {
        while let line = lines.first, first + line.count <= finishFrontier {
            lines.removeFirst()
            first += line.count
            guard line.isBatch else {
                if let reply = entries.removeFirst().reply { return .single(reply) }
                continue
            }
            let replies = entries.prefix(line.count).compactMap(\.reply)
            entries.removeFirst(line.count)
            if !replies.isEmpty { return .batch(replies) }
        }
        return nil
    }

    private mutating func admit(_ arrival: NewEntry) {
        switch arrival {
        case .work(let kind, let deadlineStart, let work):
            entries.append(Entry(kind: kind, deadlineStart: deadlineStart, work: work, finished: false, reply: nil))
        case .answered(let reply):
            entries.append(Entry(kind: .read, deadlineStart: nil, work: nil, finished: true, reply: reply))
            advanceFinishFrontier()
        }
    }

    private mutating func advanceFinishFrontier() {
        while finishFrontier < nextEntry, entries[finishFrontier - first].finished { finishFrontier += 1 }
    }
}
