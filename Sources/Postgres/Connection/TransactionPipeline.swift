/// Runs one transaction as one pipeline: BEGIN, the time limits, the steps, COMMIT, and one sync.
///
/// Several callers may share it, so that what the server does once for each transaction, and for each statement, is done
/// once for all of them. It is all or nothing then: as soon as anything fails all is rolled back, and each runs by itself.
///
/// From the moment that COMMIT may leave, only the server's word decides: its tag COMMIT is a success, an error or the
/// tag ROLLBACK is a rollback, and anything else is unknown (DESIGN.md G1, G5).
struct TransactionPipeline {
    /// What has become of a transaction that was begun.
    enum Begun {
        /// COMMIT may have left.
        case underWay(TransactionPipeline)
        /// It has been told its end.
        case ended(isUsable: Bool)
    }

    private let jobs: [Write]
    private let deadline: MonotonicTime
    private let session: Session
    private let statements: [BoundStatement]
    private let sent: MonotonicTime
    private var prepares: [Bool] = []
    private var result: QueryResult?
    private var failure: ServerMessage?
    private var commitTag: String?
    private var warningsBeforeCommit = 0
    private var isConfirmed = false

    /// How long before its deadline an unanswered COMMIT is taken for lost, so that there is time to ask again.
    private static let silenceMargin: Int64 = 150

    /// How long a shared transaction may wait for one row lock, and how long it may take in all; in milliseconds. What
    /// one of its parts waits for keeps the others waiting, too.
    private static let sharedLockTimeout: Int64 = 50
    private static let sharedTimeout: Int64 = 1000

    /// Sends one transaction for all of `jobs`, as far as that is possible without waiting. It may have come to its end
    /// then.
    static func begin(_ jobs: [Write], on session: Session, lockMarginMilliseconds: Int64) -> Begun {
        let now = MonotonicTime.now()
        var timely: [Write] = []
        var deadline = now.advanced(byMilliseconds: Int64(Int32.max))
        for job in jobs {
            let own = job.deadline.instant ?? deadline
            guard now.milliseconds(until: own) > lockMarginMilliseconds else {
                job.fail(.timedOut)
                continue
            }
            timely.append(job)
            deadline = min(deadline, own)
        }
        guard let first = timely.first else { return .ended(isUsable: true) }
        let isShared = timely.count > 1
        let remaining = now.milliseconds(until: deadline) - lockMarginMilliseconds
        let bound = isShared ? min(remaining, sharedTimeout) : remaining
        let lockTimeout = isShared ? sharedLockTimeout : 0
        var pipeline = TransactionPipeline(
            jobs: timely, deadline: deadline, session: session, sent: now,
            statements: [BoundStatement(begin), BoundStatement(limits, [.int8(bound), .int8(lockTimeout)])]
                + first.steps(Parts(timely.map(\.part)), bound) + [BoundStatement(commit)])
        do {
            try pipeline.send()
        } catch {
            pipeline.fail(.connectionLost)
            return .ended(isUsable: false)
        }
        do {
            try session.connection.sync()
            return .underWay(pipeline)
        } catch {
            pipeline.fail(.unknownOutcome(session.backend, sent: now))
            return .ended(isUsable: false)
        }
    }

    /// Sends what is left, waits for the end and tells it. Returns whether the connection can be used again.
    mutating func finish() -> Bool {
        do {
            try receive(until: deadline.advanced(byMilliseconds: -TransactionPipeline.silenceMargin))
        } catch {
            fail(.unknownOutcome(session.backend, sent: sent))
            return false
        }
        return conclude()
    }

    private init(
        jobs: [Write], deadline: MonotonicTime, session: Session, sent: MonotonicTime, statements: [BoundStatement]
    ) {
        self.jobs = jobs
        self.deadline = deadline
        self.session = session
        self.sent = sent
        self.statements = statements
    }

    /// Nothing that is sent here can commit: COMMIT is only complete, for libpq and for the server, with the sync.
    private mutating func send() throws(LibPQConnection.Broken) {
        for statement in statements { prepares.append(try session.connection.send(statement)) }
    }

    private mutating func receive(until limit: MonotonicTime) throws(LibPQConnection.Broken) {
        try session.connection.flush(until: limit)
        var index = 0
        var preparing = prepares[0]
        while true {
            let event = try session.connection.next(until: limit)
            switch event {
            case .timedOut:
                throw LibPQConnection.Broken(reason: "the server does not answer")
            case .synchronized:
                return
            case .result(let answer):
                guard index < statements.count else {
                    throw LibPQConnection.Broken(reason: "more results than statements")
                }
                let statement = statements[index].statement
                let message = try answer.failure(statement: statement.name)
                if let message { failure = failure ?? message }
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
            warningsBeforeCommit = session.connection.warnings
        case statements.count - 1:
            commitTag = answer.commandTag
            // SyncRepWaitForLSN gives up waiting for a standby with a warning, and commits all the same. It comes before
            // the tag; what comes after it is none of this commit's: a server that is stopped says farewell so.
            isConfirmed = session.connection.warnings == warningsBeforeCommit
        default:
            break
        }
    }

    private func conclude() -> Bool {
        if let failure {
            let isUsable = rollBack(until: deadline) && !failure.sqlState.closesConnection
            rolledBack(failure.sqlState.isTimeout ? .timedOut : .refused(failure))
            return isUsable
        }
        switch commitTag {
        case "COMMIT":
            guard isConfirmed else {
                fail(.unconfirmed(sent: sent))
                return true
            }
            guard let rows = result else {
                fail(.unknownOutcome(session.backend, sent: sent))
                return false
            }
            for (row, job) in jobs.enumerated() { job.complete(rows, row: row) }
            return true
        case "ROLLBACK":
            // Nothing failed: it is the way to the server, or something in it, that does that, and may do so again.
            rolledBack(.rolledBack)
            return false
        default:
            fail(.unknownOutcome(session.backend, sent: sent))
            return false
        }
    }

    private func fail(_ error: PostgresError) {
        for job in jobs { job.fail(error) }
    }

    /// Nothing was written. What the server has against a shared transaction need not concern all of its parts.
    private func rolledBack(_ error: PostgresError) {
        if jobs.count == 1 { return fail(error) }
        for job in jobs { job.separate() }
    }

    /// Leaves the failed transaction block, so that its locks are gone before anybody is told.
    private func rollBack(until limit: MonotonicTime) -> Bool {
        guard session.connection.isInTransaction else { return true }
        do {
            let prepares = try session.connection.send(BoundStatement(TransactionPipeline.rollback))
            try session.connection.sync()
            try session.connection.flush(until: limit)
            var preparing = prepares
            while true {
                let event = try session.connection.next(until: limit)
                switch event {
                case .timedOut: return false
                case .synchronized: return !session.connection.isInTransaction
                case .result(let answer):
                    if preparing, try answer.failure(statement: "offersd_rollback") != nil { return false }
                    preparing = false
                }
            }
        } catch {
            return false
        }
    }

    // READ COMMITTED whatever the default, so that every statement sees what was committed while it waited for locks.
    // Never READ WRITE: a server that was demoted must refuse.
    private static let begin = Statement("offersd_begin", sql: "BEGIN ISOLATION LEVEL READ COMMITTED")
    private static let commit = Statement("offersd_commit", sql: "COMMIT")
    private static let rollback = Statement("offersd_rollback", sql: "ROLLBACK")

    // An acknowledged commit must survive a crash, even where the database's default is not to wait for the disk.
    private static let limits = Statement(
        "offersd_limits", parameters: [.int8, .int8],
        sql: """
            SELECT set_config('statement_timeout', $1::text, true), set_config('lock_timeout', $2::text, true),
                set_config('synchronous_commit',
                    CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'
                    ELSE current_setting('synchronous_commit') END, true)
            """)
}
