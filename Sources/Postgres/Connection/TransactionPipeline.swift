/// Runs one transaction as one pipeline: BEGIN, the time limits, the steps, COMMIT, and one sync.
///
/// Several callers may share it, so that what the server does once for each transaction, and for each statement, is done
/// once for all of them. As soon as anything fails all is rolled back, and each is left to be run by itself. A part that
/// would have had to wait for another program is left out by the steps: the others are committed.
///
/// From the moment that COMMIT may leave, only the server's word decides: its tag COMMIT is a success, an error or the
/// tag ROLLBACK is a rollback, and anything else is unknown.
struct TransactionPipeline {
    /// What has become of a transaction that was begun.
    enum Begun {
        /// COMMIT may have left.
        case underWay(TransactionPipeline)
        /// It has been told its end.
        case ended(WorkEnd)
    }

    /// How long before a deadline the waiting for the server ends; in milliseconds.
    struct Margins {
        /// The waiting for row locks, and the time that the statements have: nothing is begun later.
        let lock: Int64
        /// The waiting for the answer of COMMIT, which is taken for lost then.
        let silence: Int64

        /// There is time to check the outcome.
        static func usual(silence: Int64) -> Margins { Margins(lock: 500, silence: silence) }
        /// Those of an outcome check, which nothing comes after.
        static let outcomeCheck = Margins(lock: 100, silence: 50)
    }

    private let jobs: [Write]
    /// Where the jobs were in the group that was given.
    private let places: [Int]
    private let deadline: MonotonicTime
    private let silenceMargin: Int64
    private let session: Session
    private let statements: [BoundStatement]
    private let ending: Ending
    private let sent: MonotonicTime
    private var prepares: [Bool] = []
    private var result: QueryResult?
    private var failure: ServerMessage?
    /// The failure is one of what comes before the steps.
    private var hasFailedEarly = false
    private var commitTag: String?
    private var unconfirmedBefore = 0
    private var isConfirmed = false

    /// How long a shared transaction may wait for one row lock, and how long one of its statements may take: what one of
    /// its parts waits for keeps the others waiting, too. In milliseconds. COMMIT's wait for a standby is not part of its
    /// statement, and lasts until the nearest deadline.
    private static let sharedLockTimeout: Int64 = 50
    private static let sharedTimeout: Int64 = 1000
    /// However little time one of the parts has left, the others get this much. It ends before each deadline, as it
    /// is less than what is kept for the end.
    private static let leastSharedTimeout: Int64 = 200

    /// Until when the server may be proven that `writes` are to be sent to: there must be time left for them.
    static func limit(ofProving writes: [WorkItem<Write>]) -> MonotonicTime {
        let now = MonotonicTime.now()
        return writes.reduce(now.advanced(byMilliseconds: proofTime)) { limit, write in
            let own = write.deadline.instant ?? write.deadline.instant(from: now)
            return min(limit, own?.advanced(byMilliseconds: -leastAfterProof) ?? limit)
        }
    }

    /// How long that may take, and what is left for the transaction at least, in milliseconds.
    private static let proofTime: Int64 = 500
    private static let leastAfterProof: Int64 = 750

    /// How long the statements of a transaction may take, of what is left of the nearest deadline; in milliseconds.
    static func bound(of remaining: Int64, isShared: Bool) -> Int64 {
        isShared ? min(max(remaining, leastSharedTimeout), sharedTimeout) : remaining
    }

    /// Sends one transaction for all of `writes`, as far as that is possible without waiting. It may have come to its end
    /// then.
    static func begin(_ writes: [WorkItem<Write>], on session: Session, margins: Margins) -> Begun {
        let now = MonotonicTime.now()
        var (timely, places, callers): ([Write], [Int], [ObjectIdentifier?]) = ([], [], [])
        var deadline = now.advanced(byMilliseconds: Int64(Int32.max))
        for (place, write) in writes.enumerated() {
            // Whose time does not run yet has at least all of it.
            let own = write.deadline.instant ?? write.deadline.instant(from: now) ?? deadline
            guard now.milliseconds(until: own) > margins.lock else {
                write.job.fail(.timedOut)
                continue
            }
            timely.append(write.job)
            places.append(place)
            callers.append(write.place?.caller)
            deadline = min(deadline, own)
        }
        guard let first = timely.first else { return .ended(WorkEnd(isUsable: true)) }
        let isShared = timely.count > 1
        let bound = bound(of: now.milliseconds(until: deadline) - margins.lock, isShared: isShared)
        let lockTimeout = isShared ? sharedLockTimeout : 0
        var pipeline = TransactionPipeline(
            jobs: timely, places: places, deadline: deadline, silenceMargin: margins.silence, session: session,
            sent: now, ending: first.ending,
            statements: session.writeLead + [BoundStatement(Session.limits, [.int8(bound), .int8(lockTimeout)])]
                + first.steps(BatchParameters(timely.map(\.part), callers: numbers(of: callers)), bound) + [
                    BoundStatement(first.ending.statement)
                ])
        do {
            try pipeline.send()
        } catch {
            return .ended(pipeline.fail(.connectionLost, isUsable: false))
        }
        do {
            try session.connection.sync()
            return .underWay(pipeline)
        } catch {
            return .ended(pipeline.fail(pipeline.unheard, isUsable: false))
        }
    }

    /// The same number for the same caller; what has no caller has a number of its own.
    private static func numbers(of callers: [ObjectIdentifier?]) -> [Int64] {
        callers.enumerated().map { place, caller in
            Int64(caller.flatMap { callers.firstIndex(of: $0) } ?? place)
        }
    }

    /// Sends what is left, waits for the end and tells it. The nearest deadline of those who share it is when they all
    /// stop waiting.
    mutating func finish() -> WorkEnd {
        do {
            try receive(until: deadline.advanced(byMilliseconds: -silenceMargin))
        } catch {
            // The tag says all, whatever becomes of the connection after it. An error does not: it may be the farewell of
            // a server that had committed.
            if failure == nil, commitTag == ending.tag, isConfirmedByServer { return succeed(isUsable: false) }
            return fail(unheard, isUsable: false)
        }
        return conclude()
    }

    /// Whether the server's word counts. One that woke up after another was chosen may say anything.
    private var isConfirmedByServer: Bool {
        do throws(LibPQConnection.Broken) {
            try session.confirm(sent: sent, until: deadline.advanced(byMilliseconds: -silenceMargin))
            return true
        } catch {
            return false
        }
    }

    private init(
        jobs: [Write], places: [Int], deadline: MonotonicTime, silenceMargin: Int64, session: Session,
        sent: MonotonicTime, ending: Ending, statements: [BoundStatement]
    ) {
        self.jobs = jobs
        self.places = places
        self.deadline = deadline
        self.silenceMargin = silenceMargin
        self.session = session
        self.sent = sent
        self.ending = ending
        self.statements = statements
    }

    /// If this throws, nothing can commit: COMMIT comes last, and a message that libpq cannot put together does not leave.
    /// (That the connection is gone it says later, at the sync or when results are read.)
    private mutating func send() throws(LibPQConnection.Broken) {
        for statement in statements { prepares.append(try session.connection.send(statement)) }
    }

    private mutating func receive(until limit: MonotonicTime) throws(LibPQConnection.Broken) {
        try session.connection.flush(until: limit)
        var index = 0
        var preparing = prepares[0]
        while true {
            let now = MonotonicTime.now()
            let event = try session.connection.next(until: min(limit, now.advanced(byMilliseconds: ServerWatch.tick)))
            switch event {
            case .timedOut:
                if now >= limit { throw LibPQConnection.Broken(reason: "the server does not answer") }
                if !session.isCurrent { throw ServerWatch.retired }
            case .synchronized:
                return
            case .result(let answer):
                guard index < statements.count else {
                    throw LibPQConnection.Broken(reason: "more results than statements")
                }
                let statement = statements[index].statement
                let message = try answer.failure(statement: statement.name)
                if let message, failure == nil {
                    failure = message
                    hasFailedEarly = index <= session.writeLead.count
                }
                if preparing {
                    if message != nil || answer.wasSkipped { session.connection.forget(statement) }
                    preparing = false
                    continue
                }
                accept(answer, of: index)
                index += 1
                preparing = index < statements.count && prepares[index]
            }
        }
    }

    private mutating func accept(_ answer: QueryResult, of index: Int) {
        switch index {
        case statements.count - 2:
            result = answer
            unconfirmedBefore = session.connection.unconfirmedCommits
        case statements.count - 1:
            commitTag = answer.commandTag
            // SyncRepWaitForLSN gives up waiting for a standby with a warning, and commits all the same. It comes before
            // the tag; what comes after it is none of this commit's: a server that is stopped says farewell so.
            isConfirmed = ending == .rollback || session.connection.unconfirmedCommits == unconfirmedBefore
        default:
            break
        }
    }

    private func conclude() -> WorkEnd {
        if let failure {
            let isUsable = session.connection.rollBack(until: deadline) && !failure.closesConnection
            guard failure.isTimeout else { return rolledBack(.refused(failure), isUsable: isUsable) }
            // A time limit of the role's, until ours is set.
            return rolledBack(hasFailedEarly ? .connectionLost : .timedOut, isUsable: isUsable)
        }
        switch commitTag {
        case ending.tag:
            return isConfirmedByServer ? succeed(isUsable: true) : fail(unheard, isUsable: false)
        case "ROLLBACK":
            // Nothing failed: it is the way to the server, or something in it, that does that, and may do so again.
            return rolledBack(.rolledBack, isUsable: false)
        default:
            return fail(unheard, isUsable: false)
        }
    }

    /// What is known when the end is not heard.
    private var unheard: PostgresError {
        switch ending {
        case .commit: .unknownOutcome(session.backend, sent: sent)
        case .rollback: .connectionLost
        }
    }

    /// It has ended as it should.
    private func succeed(isUsable: Bool) -> WorkEnd {
        guard isConfirmed else { return fail(.unconfirmed(sent: sent), isUsable: isUsable) }
        guard let rows = result else {
            return fail(unheard, isUsable: false)
        }
        guard jobs.count == 1 || rows.rowCount == jobs.count else {
            let problem = "\(rows.rowCount) rows for \(jobs.count) callers"
            let statement = statements[statements.count - 2].statement.name
            return fail(.unexpectedResult(statement: statement, problem: problem), isUsable: isUsable)
        }
        var end = WorkEnd(isUsable: isUsable)
        for (row, job) in jobs.enumerated() {
            if jobs.count > 1, job.isLeftOut(rows, row) {
                end.undone.append(places[row])
            } else {
                job.complete(Write.Answer(rows: rows, row: row))
            }
        }
        return end
    }

    private func fail(_ error: PostgresError, isUsable: Bool) -> WorkEnd {
        for job in jobs { job.fail(error) }
        return WorkEnd(isUsable: isUsable)
    }

    /// Nothing was written. What the server has against a shared transaction need not concern all of its parts.
    private func rolledBack(_ error: PostgresError, isUsable: Bool) -> WorkEnd {
        var end = jobs.count == 1 ? fail(error, isUsable: isUsable) : WorkEnd(isUsable: isUsable, undone: places)
        end.isStale = failure?.isStalePreparation == true
        return end
    }

    fileprivate static let commit = Statement("offersd_commit", sql: "COMMIT")
    fileprivate static let rollback = Statement("offersd_rollback", sql: "ROLLBACK")
}

extension Ending {
    fileprivate var statement: Statement {
        switch self {
        case .commit: TransactionPipeline.commit
        case .rollback: TransactionPipeline.rollback
        }
    }

    /// The server's word for it. A failed transaction's COMMIT has the tag ROLLBACK.
    fileprivate var tag: String {
        switch self {
        case .commit: "COMMIT"
        case .rollback: "ROLLBACK"
        }
    }
}
