import Deadlines

/// Runs one transaction as one pipeline: BEGIN, the time limits, the steps, COMMIT, and one sync.
///
/// Several writes may share it, of one caller or of many, so that what the server does once for each transaction, and
/// for each statement, is done once for all of them. As soon as anything fails all is rolled back, and each is left to
/// be run by itself. A part that would have had to wait for another program is left out by the steps, with those of its
/// caller behind it: the others are committed.
///
/// From the moment that COMMIT may leave, only the server's word decides: its tag COMMIT is a success, an error or the
/// tag ROLLBACK is a rollback, and anything else is unknown.
struct TransactionPipeline {
    /// How long before a deadline the waiting for the server ends.
    struct Margins {
        /// The waiting for row locks, and the time that the statements have: nothing is begun later.
        let lock: Duration
        /// The waiting for the answer of COMMIT, which is taken for lost then.
        let silence: Duration

        /// There is time to check the outcome.
        static func usual(silence: Duration) -> Margins { Margins(lock: .milliseconds(500), silence: silence) }
        /// Those of an outcome check, which nothing comes after.
        static let outcomeCheck = Margins(lock: .milliseconds(100), silence: .milliseconds(50))
    }

    private let group: [TransactionWorker.Taken]
    /// Where they were in the group that was given.
    private let places: [Int]
    private let deadline: MonotonicTime
    private let silenceMargin: Duration
    private let session: Session
    private let statements: [BoundStatement]
    private let ending: Ending
    private let sent: MonotonicTime
    private var answers: TransactionAnswers<QueryResult>
    /// Its end, if it could not be sent; the writes have been told.
    private var ended: WorkEnd?

    /// How long a shared transaction may wait for one row lock.
    private static let sharedLockTimeout = Duration.milliseconds(50)
    /// However little time one of the parts has left, the others get this much. It ends before each deadline, as it
    /// is less than what is kept for the end.
    private static let leastSharedTimeout = Duration.milliseconds(200)

    /// Until when the server may be proven that `writes` are to be sent to: there must be time left for them.
    static func limit(ofProving writes: [TransactionWorker.Taken], within proofTime: Duration) -> MonotonicTime {
        let now = MonotonicTime.now()
        return writes.reduce(now.advanced(by: proofTime)) { limit, write in
            let own = write.item.deadline.instant(startedBy: now)
            return min(limit, own.advanced(by: -leastAfterProof))
        }
    }

    /// What is left for the transaction at least.
    private static let leastAfterProof = Duration.milliseconds(750)

    /// How long the statements of a transaction may take, of what is left of the nearest deadline.
    ///
    /// - Parameter sharedTimeout: The most, if it is shared; nil if it is not.
    static func bound(of remaining: Duration, sharedTimeout: Duration?) -> Duration {
        sharedTimeout.map { min(max(remaining, leastSharedTimeout), $0) } ?? remaining
    }

    /// Sends one transaction for all of `writes`, as far as that is possible without waiting. Nil: all of them were
    /// told that their time is over.
    static func begin(
        _ writes: [TransactionWorker.Taken], on session: Session, margins: Margins, sharedTimeout: Duration
    ) -> TransactionPipeline? {
        let now = MonotonicTime.now()
        var (timely, places): ([TransactionWorker.Taken], [Int]) = ([], [])
        var (parts, callers): ([[Int64?]], [Int64]) = ([], [])
        var deadline = MonotonicTime(nanoseconds: .max)
        for (place, write) in writes.enumerated() {
            let own = write.item.deadline.instant(startedBy: now)
            // The server counts whole milliseconds, and takes none for no limit.
            guard now.duration(to: own) >= margins.lock + .milliseconds(1) else {
                write.item.fail(.timedOut)
                continue
            }
            timely.append(write)
            places.append(place)
            if write.count == 1 {
                parts.append(write.item.job.plan.part)
                callers.append(Int64(place))
            } else {
                parts += write.parts
                callers += repeatElement(Int64(place), count: write.count)
            }
            deadline = min(deadline, own)
        }
        guard let first = timely.first?.item.job.plan else { return nil }
        let isShared = parts.count > 1
        let bound = bound(
            of: now.duration(to: deadline) - margins.lock, sharedTimeout: isShared ? sharedTimeout : nil)
        let lockTimeout = isShared ? sharedLockTimeout : .zero
        var statements = session.writeLead
        statements.reserveCapacity(statements.count + 4)
        statements.append(
            BoundStatement(Session.limits, [.int8(bound.wholeMilliseconds), .int8(lockTimeout.wholeMilliseconds)]))
        statements += first.steps(BatchParameters(parts, callers: callers), bound)
        statements.append(BoundStatement(first.ending.statement))
        // If this throws, nothing can commit: COMMIT comes last, and a message that libpq cannot put together does not
        // leave. (That the connection is gone it says later, at the sync or when results are read.)
        var prepares: [Bool] = []
        var unsent: LibPQConnection.Broken?
        do throws(LibPQConnection.Broken) {
            prepares = try statements.map { statement throws(LibPQConnection.Broken) in
                try session.connection.send(statement)
            }
        } catch {
            unsent = error
        }
        var pipeline = TransactionPipeline(
            group: timely, places: places, deadline: deadline, silenceMargin: margins.silence, session: session,
            statements: statements, ending: first.ending, sent: now,
            answers: TransactionAnswers(
                prepares: prepares, leadCount: session.writeLead.count + 1, ending: first.ending))
        if let unsent {
            pipeline.ended = pipeline.tell(.failed(.connectionLost), lost: unsent.reason)
        } else {
            do throws(LibPQConnection.Broken) {
                try session.connection.sync()
            } catch {
                pipeline.ended = pipeline.conclude(.unknown, lost: error.reason)
            }
        }
        return pipeline
    }

    /// Whether COMMIT may have left.
    var isUnderWay: Bool { ended == nil }

    /// Sends what is left, waits for the end and tells it. All that share it stop waiting at the nearest of their
    /// deadlines.
    mutating func finish() -> WorkEnd {
        if let ended { return ended }
        do throws(LibPQConnection.Broken) {
            try receive(until: deadline.advanced(by: -silenceMargin))
            return conclude(answers.end)
        } catch {
            return conclude(answers.endOfConnection, lost: error.reason)
        }
    }

    private mutating func receive(until limit: MonotonicTime) throws(LibPQConnection.Broken) {
        let connection = session.connection
        try connection.flush(until: limit)
        while true {
            let now = MonotonicTime.now()
            switch try connection.next(until: min(limit, now.advanced(by: ServerWatch.tick))) {
            case .timedOut:
                if now >= limit { throw LibPQConnection.Broken(reason: "the server does not answer") }
                if !session.isCurrent { throw ServerWatch.retired }
            case .synchronized:
                return
            case .result(let result):
                let answer = TransactionAnswers.Answer(
                    failure: try result.failure(
                        statement: answers.statement.map { statements[$0].statement.name } ?? ""),
                    wasSkipped: result.wasSkipped, tag: answers.expectsEnd ? result.commandTag : "", rows: result,
                    unconfirmedCommits: connection.unconfirmedCommits)
                switch answers.take(answer) {
                case .nothing: break
                case .isNotPrepared(let index): connection.forget(statements[index].statement)
                case .isOneTooMany: throw LibPQConnection.Broken(reason: "more results than statements")
                }
            }
        }
    }

    /// - Parameter lost: Why the connection is of no use, as far as that is known.
    private func conclude(_ end: TransactionAnswers<QueryResult>.End, lost: String? = nil) -> WorkEnd {
        switch end {
        case .done:
            // The server's word does not count if another was chosen: it may have woken up since.
            do throws(LibPQConnection.Broken) {
                try session.confirm(sent: sent, until: deadline.advanced(by: -silenceMargin))
            } catch {
                return conclude(.unknown, lost: error.reason)
            }
            return tell(outcome(of: end), lost: lost)
        case .refused(let message, _):
            let isUsable = session.connection.rollBack(until: deadline) && !message.closesConnection
            return tell(
                outcome(of: end), lost: isUsable ? nil : message.description, isStale: message.isStalePreparation)
        case .rolledBack, .unknown:
            // What answers COMMIT by ROLLBACK may do so again, and what is not heard may still come.
            return tell(outcome(of: end), lost: lost ?? "COMMIT was not answered by its tag")
        }
    }

    private func outcome(of end: TransactionAnswers<QueryResult>.End) -> SharedWrites.Outcome<QueryResult> {
        let plan = group[0].item.job.plan
        let shared = SharedWrites(
            counts: group.map(\.count), ending: ending, backend: session.backend, sent: sent,
            lastStep: statements[statements.count - 2].statement)
        return shared.outcome(of: end) { rows in (0..<rows.rowCount).map { plan.isLeftOut(rows, $0) } }
    }

    /// Tells the writes what becomes of them.
    private func tell(
        _ outcome: SharedWrites.Outcome<QueryResult>, lost: String?, isStale: Bool = false
    ) -> WorkEnd {
        var end = WorkEnd(lost: lost, isStale: isStale)
        switch outcome {
        case .failed(let error):
            for write in group { write.item.end(.failure(error), own: 0..<write.count) }
        case .rolledBack:
            (end.undone, end.isRolledBack) = (places, true)
        case .done(let rows, let shares):
            for (index, write) in group.enumerated() {
                if shares[index].isEmpty {
                    end.undone.append(places[index])
                } else {
                    end.separated += write.count - shares[index].count
                    // The one behind them was left out, if there is one.
                    write.item.end(
                        .success(rows), own: shares[index], separated: shares[index].count < write.count ? 1 : 0)
                }
            }
        }
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
}

extension WorkQueue<Write>.Taken {
    fileprivate var parts: [[Int64?]] { [item.job.plan.part] + item.job.others().prefix(count - 1).map(\.part) }
}
