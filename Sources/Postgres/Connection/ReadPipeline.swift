import Deadlines
internal import DequeModule

/// Runs reads on one connection as pipelines, for as long as there are some.
///
/// Reads that wait together are sent as a group with one sync at its end, so that the server sends all its answers at
/// once and wakes the reader once: with a sync after each read a group of 16 costs 16 system calls and wake-ups on
/// either side. When the answers of a group begin to come, the next group is sent before they are looked at: the server
/// has work meanwhile. (Without that the processor idles for a quarter of the time under load.)
///
/// An error makes the server skip what is behind it in the group; those reads, which have not run, are sent again, each
/// with a sync of its own, so that an error touches no other read.
struct ReadPipeline: ConnectionDriver {
    /// Reads that were sent with one sync behind them. An object, which is not copied for each answer.
    private final class Group {
        let reads: [WorkItem<Read>]
        let sent: MonotonicTime
        var answers: ReadAnswers<QueryResult>
        /// The reads that were told that their time is over; their results may be still to come.
        var givenUp: Set<Int> = []

        init(reads: [WorkItem<Read>], sent: MonotonicTime, leading: Int, trailing: Int) {
            self.reads = reads
            self.sent = sent
            answers = ReadAnswers(count: reads.count, leading: leading, trailing: trailing)
        }

        /// The name of the statement that the next answer is about, for the log.
        var statement: String {
            let index = answers.toReads.count
            if answers.isLeading { return "offersd_pooled_reads" }
            return index < reads.count ? reads[index].job.bound.statement.name : ""
        }
    }

    let session: Session
    /// What is still to be sent.
    private var unsent: Deque<WorkItem<Read>> = []
    /// The groups under way, in the order in which they were sent.
    private var groups: Deque<Group> = []
    /// Why what was begun could not be sent.
    private var broken: LibPQConnection.Broken?
    /// The error with which the server ends the connection.
    private var farewell: ServerMessage?
    /// The server said that what was prepared does not hold.
    private var isStale = false
    /// When deadlines are looked at next, whether or not the server says something meanwhile.
    private var nextLook = MonotonicTime.now().advanced(by: ReadPipeline.tick)
    /// When the server said something last, or work began.
    private var lastWord = MonotonicTime.now()
    /// How long the server may say nothing, be it at work for others, when the first read has been given up.
    private let longestSilence: Duration
    /// How long it may say nothing when all reads of a group were given up. `statement_timeout` ends a statement by
    /// then, also one that waited before it was sent. (A group of several slow ones may need longer: that costs the
    /// connection.)
    private let longestStatement: Duration

    /// How often deadlines are looked at.
    private static let tick = Duration.milliseconds(50)
    /// How long after the deadline a connection may owe the answer to what looks after the service, at least.
    private static let margin = Duration.milliseconds(400)

    init(_ session: Session, _ configuration: PostgresConfiguration) {
        self.session = session
        longestSilence = configuration.readDeadline * 5
        longestStatement = configuration.readDeadline + max(ReadPipeline.margin, configuration.readDeadline / 5)
    }

    mutating func sendNow(_ read: WorkQueue<Read>.Taken) -> Bool {
        unsent.append(read.item)
        do {
            try pushGroup(of: 1)
            return try session.connection.flushNow()
        } catch {
            broken = error
            return false
        }
    }

    /// Runs `reads`, and what `more` gives when asked, and tells each its result or error, in order.
    mutating func run(
        _ reads: [WorkQueue<Read>.Taken], _ more: @Sendable () -> [WorkQueue<Read>.Taken]
    ) -> WorkEnd {
        unsent.append(contentsOf: reads.lazy.map(\.item))
        do {
            try exchange(more)
            return WorkEnd(lost: farewell?.description, isStale: isStale)
        } catch {
            for group in groups {
                for index in group.reads.indices where !group.givenUp.contains(index) {
                    group.reads[index].fail(.connectionLost)
                }
            }
            for read in unsent { read.fail(.connectionLost) }
            return WorkEnd(lost: error.reason, isStale: isStale)
        }
    }

    static func fail(_ read: WorkItem<Read>, _ error: PostgresError) { read.fail(error) }

    /// Sends what is to be sent and takes the answers, until there is neither.
    private mutating func exchange(_ more: @Sendable () -> [WorkQueue<Read>.Taken]) throws(LibPQConnection.Broken) {
        if let broken { throw broken }
        try flush()
        try sendGroup(of: unsent.count)
        while !groups.isEmpty {
            guard try session.connection.hasInput(until: .now().advanced(by: ReadPipeline.tick)) else {
                try endureSilence()
                continue
            }
            if farewell == nil, groups.count == 1, !mustBeAnswered {
                unsent.append(contentsOf: more().lazy.map(\.item))
                try sendGroup(of: unsent.count)
            }
            unsent.append(contentsOf: try finishGroup())
            while !unsent.isEmpty, !mustBeAnswered { try sendGroup(of: 1) }
        }
    }

    /// Whether the next group waits for answers: to a preparation that it may rely on, or to a transaction, behind a
    /// pooler, which an error leaves open.
    private var mustBeAnswered: Bool { !groups.isEmpty && (isTransaction || session.connection.isPreparing) }

    private var isTransaction: Bool { !session.readLead.isEmpty }

    /// Sends the next reads with one sync behind them.
    private mutating func sendGroup(of count: Int) throws(LibPQConnection.Broken) {
        guard count > 0 else { return }
        try pushGroup(of: count)
        try flush()
    }

    private func flush() throws(LibPQConnection.Broken) {
        try session.connection.flush(until: .now().advanced(by: .seconds(2)))
    }

    /// Hands the next reads to libpq, which sends what it can at once.
    private mutating func pushGroup(of count: Int) throws(LibPQConnection.Broken) {
        let now = MonotonicTime.now()
        if groups.isEmpty { lastWord = now }
        let reads = Array(unsent.prefix(count))
        for statement in session.readLead { try session.connection.send(statement) }
        for read in reads {
            read.trace?.sent()
            try session.connection.send(read.job.bound)
        }
        for statement in session.readTail { try session.connection.send(statement) }
        try session.connection.sync()
        unsent.removeFirst(count)
        groups.append(
            Group(reads: reads, sent: now, leading: session.readLead.count, trailing: session.readTail.count))
    }

    /// Reads the answers of the oldest group. Tells them when all have come, for only then is it known whether the
    /// server is still the one to ask. Returns the reads that were skipped.
    private mutating func finishGroup() throws(LibPQConnection.Broken) -> [WorkItem<Read>] {
        receiving: while true {
            let event = try session.connection.next(until: .now().advanced(by: ReadPipeline.tick))
            switch event {
            case .timedOut: try endureSilence()
            case .synchronized: break receiving
            case .result(let result):
                try take(result)
                // Enforces deadlines even while results trickle in.
                let now = MonotonicTime.now()
                lastWord = now
                if now >= nextLook { giveUpOverdue(at: now) }
            }
        }
        let group = groups[0]
        if let failure = group.answers.leadFailure { throw LibPQConnection.Broken(reason: failure.description) }
        guard group.answers.areComplete else { throw LibPQConnection.Broken(reason: "too few results") }
        if isTransaction, !session.connection.rollBack(until: .now().advanced(by: .seconds(1))) {
            throw LibPQConnection.Broken(reason: "a transaction of reads could not be ended")
        }
        // What looks after the service waits for no proof: that would break the chain of exchanges by its own silence.
        let isWork = group.reads.contains { $0.job.purpose == .work }
        try session.confirmServer(sent: group.sent, lead: group.answers.lead, needsProof: isWork) {
            giveUpOverdue(at: .now())
        }
        groups.removeFirst()
        var skipped: [WorkItem<Read>] = []
        for (index, answer) in group.answers.toReads.enumerated() where !group.givenUp.contains(index) {
            switch answer {
            case .done(let rows): group.reads[index].end(.success(rows))
            case .refused(let message): group.reads[index].fail(message.isTimeLimit ? .timedOut : .refused(message))
            case .skipped: skipped.append(group.reads[index])
            }
        }
        return skipped
    }

    /// A result of the oldest group.
    private mutating func take(_ result: QueryResult) throws(LibPQConnection.Broken) {
        let group = groups[0]
        let answer = try result.answer(to: group.statement)
        if case .refused(let message) = answer {
            if message.closesConnection { farewell = message }
            if message.isStalePreparation { isStale = true }
        }
        guard group.answers.take(answer) else { throw LibPQConnection.Broken(reason: "too many results") }
    }

    /// Tells those whose time is over so. The answers of those that were sent are still to come.
    private mutating func giveUpOverdue(at now: MonotonicTime) {
        nextLook = now.advanced(by: ReadPipeline.tick)
        unsent.removeAll { read in
            guard read.deadline.hasPassed(at: now) else { return false }
            read.fail(.timedOut)
            return true
        }
        for group in groups {
            for (index, read) in group.reads.enumerated()
            where !group.givenUp.contains(index) && read.deadline.hasPassed(at: now) {
                read.fail(.timedOut)
                group.givenUp.insert(index)
            }
        }
    }

    /// The server has said nothing for a tick.
    ///
    /// A server that works does so, too, as it sends the answers of a group together. But of reads that one client sent
    /// at once the time of each runs only when the one before is answered: a server that is frozen would hold the
    /// connection for the sum of their times.
    private mutating func endureSilence() throws(LibPQConnection.Broken) {
        let now = MonotonicTime.now()
        giveUpOverdue(at: now)
        if !session.isCurrent { throw ServerWatch.retired }
        let silence = lastWord.duration(to: now)
        let oldest = groups[0]
        // The first of them longest ago. What looks after the service has a time of its own.
        let isAbandoned =
            oldest.givenUp.count == oldest.reads.count
            && oldest.reads[0].deadline.hasPassed(at: now.advanced(by: -ReadPipeline.margin))
            && (silence >= longestStatement || oldest.reads[0].job.purpose != .work)
        let isTooLong = oldest.givenUp.contains(0) && silence >= longestSilence
        if isAbandoned || isTooLong { throw LibPQConnection.Broken(reason: "the server does not answer") }
    }
}

extension ServerMessage {
    /// The time limit of a read has ended it.
    fileprivate var isTimeLimit: Bool { isTimeout && sqlState == .queryCanceled }
}
