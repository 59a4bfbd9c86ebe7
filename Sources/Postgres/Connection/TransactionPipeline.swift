import Deadlines

/// Runs transactions on one connection, one at a time, each as one pipeline: BEGIN, the time limits, the steps, COMMIT,
/// and one sync.
///
/// Several writes may share it, of one caller or of many, so that what the server does once for each transaction, and
/// for each statement, is done once for all of them. As soon as anything fails all is rolled back, and each is left to
/// be run by itself. A part that would have had to wait for another program is left out by the steps, with those of its
/// caller behind it: the others are committed.
///
/// From the moment that COMMIT may leave, only the server's word decides: its tag COMMIT is a success, an error or the
/// tag ROLLBACK is a rollback, and anything else is unknown.
struct TransactionPipeline: ConnectionDriver {
    typealias Taken = WorkQueue<Write>.Taken

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

    /// A transaction that was sent.
    private struct Sent {
        let group: [Taken]
        /// Where they were in the group that was given.
        let places: [Int]
        /// The nearest of theirs.
        let deadline: MonotonicTime
        /// Until when its answers are waited for.
        let limit: MonotonicTime
        let statements: [BoundStatement]
        let at: MonotonicTime
        var answers: TransactionAnswers<QueryResult>

        /// The statement that the next answer is about; nil if there is none.
        var answering: Statement? { answers.nextNumber.map { statements[$0].statement } }

        func outcome(
            of end: TransactionAnswers<QueryResult>.End, backend: Backend?
        ) -> SharedWrites.Outcome<QueryResult> {
            let plan = group[0].item.job.plan
            let shared = SharedWrites(
                counts: group.map(\.count), ending: plan.ending, backend: backend, sent: at,
                lastStep: statements[statements.count - 2].statement)
            return shared.outcome(of: end) { rows in (0..<rows.rowCount).map { plan.isLeftOut(rows, $0) } }
        }

        /// Tells the writes what becomes of them.
        func tell(
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
                        end.leftOut += write.count - shares[index].count
                        // The one behind them was left out, if there is one.
                        write.item.end(
                            .success(rows), own: shares[index], separated: shares[index].count < write.count ? 1 : 0)
                    }
                }
            }
            return end
        }
    }

    private enum State {
        case idle
        /// It is to be sent when the server is known to be still the one in use.
        case unproven(Taken)
        case sent(Sent)
        /// It could not be sent; the writes have been told.
        case ended(WorkEnd)
    }

    let session: Session
    private let usual: Margins
    private let proofTime: Duration
    private let sharedTimeout: Duration
    private var state = State.idle

    /// How long a shared transaction may wait for one row lock.
    private static let sharedLockTimeout = Duration.milliseconds(50)
    /// However little time one of the parts has left, the others get this much. It ends before each deadline, as it
    /// is less than what is kept for the end.
    private static let leastSharedTimeout = Duration.milliseconds(200)

    init(_ session: Session, _ configuration: PostgresConfiguration) {
        self.session = session
        usual = .usual(silence: configuration.silenceMargin)
        proofTime = configuration.proofTime / 2
        sharedTimeout = configuration.sharedTimeout
    }

    mutating func sendNow(_ write: Taken) -> Bool {
        guard session.isFresh else {
            // To find out whether the server was replaced takes time, which only the connection's thread has.
            state = .unproven(write)
            return false
        }
        send([write])
        guard case .sent = state else { return false }
        return (try? session.connection.flushNow()) == true
    }

    /// `writes` are parts of one transaction. Nothing has begun when there are any.
    mutating func run(_ writes: [Taken], _ more: @Sendable () -> [Taken]) -> WorkEnd {
        defer { state = .idle }
        let waiting = if case .unproven(let write) = state { [write] } else { writes }
        if waiting.isEmpty { return finish() }
        do throws(LibPQConnection.Broken) {
            send(waiting, except: try prove(for: waiting))
            return finish()
        } catch {
            return WorkEnd(lost: error.reason)
        }
    }

    static func fail(_ write: WorkItem<Write>, _ error: PostgresError) { write.fail(error) }

    // MARK: Sending

    private func margins(of writes: [Taken]) -> Margins {
        // An outcome check shares its transaction with no other write.
        writes.first?.item.job.attempt == .outcomeCheck ? .outcomeCheck : usual
    }

    /// Returns when the server is proven to be still the one in use, with the places of the writes that were told
    /// `timedOut`: they are too late for that.
    ///
    /// - Throws: If it is not proven in time. All writes have been told then.
    private func prove(for writes: [Taken]) throws(LibPQConnection.Broken) -> Set<Int> {
        if session.isFresh { return [] }
        let now = MonotonicTime.now()
        let deadlines = writes.map { $0.item.deadline.instant(startedBy: now) }
        let (limit, late) = TransactionPipeline.proof(
            for: deadlines, at: now, within: proofTime, reserve: margins(of: writes).lock)
        for place in late { writes[place].item.fail(.timedOut) }
        if late.count == writes.count { return late }
        do throws(LibPQConnection.Broken) {
            try session.confirmServerBeforeSending(until: limit)
        } catch {
            for (place, write) in writes.enumerated() where !late.contains(place) { write.item.fail(.connectionLost) }
            throw error
        }
        return late
    }

    /// Until when the server may be proven that writes with these deadlines are to be sent to, and the places of those
    /// that are too late for that. The write with the most time sets the limit: `send` tells the others in time, as the
    /// proof takes no longer than is reserved.
    ///
    /// - Parameters:
    ///   - proofTime: The most that it may take.
    ///   - reserve: What a write must have left to be begun.
    static func proof(
        for deadlines: [MonotonicTime], at now: MonotonicTime, within proofTime: Duration, reserve: Duration
    ) -> (limit: MonotonicTime, late: Set<Int>) {
        var (latest, late) = (now, Set<Int>())
        for (place, deadline) in deadlines.enumerated() {
            let own = deadline.advanced(by: -reserve)
            if own > now { latest = max(latest, own) } else { late.insert(place) }
        }
        return (min(latest, now.advanced(by: proofTime)), late)
    }

    /// How long the statements of a transaction may take, of what is left of the nearest deadline.
    ///
    /// - Parameter sharedTimeout: The most, if it is shared; nil if it is not.
    static func timeLimit(of remaining: Duration, sharedTimeout: Duration?) -> Duration {
        sharedTimeout.map { min(max(remaining, leastSharedTimeout), $0) } ?? remaining
    }

    /// Sends one transaction for those of `writes` whose time is not over, as far as that is possible without waiting.
    ///
    /// - Parameter late: The places of those that were told `timedOut`.
    private mutating func send(_ writes: [Taken], except late: Set<Int> = []) {
        state = .idle
        let now = MonotonicTime.now()
        let margins = margins(of: writes)
        var (timely, places): ([Taken], [Int]) = ([], [])
        var (parts, callers): ([[Int64?]], [Int64]) = ([], [])
        var deadline = MonotonicTime(nanoseconds: .max)
        for (place, write) in writes.enumerated() where !late.contains(place) {
            let own = write.item.deadline.instant(startedBy: now)
            // The server counts whole milliseconds, and takes none for no limit.
            guard now.duration(to: own) >= margins.lock + .milliseconds(1) else {
                write.item.fail(.timedOut)
                continue
            }
            write.item.trace?.sent()
            timely.append(write)
            places.append(place)
            parts.append(write.item.job.plan.part.parameters)
            for part in write.further { parts.append(part.parameters) }
            for _ in 0..<write.count { callers.append(Int64(place)) }
            deadline = min(deadline, own)
        }
        guard let first = timely.first?.item.job.plan else { return }
        let isShared = parts.count > 1
        let timeLimit = TransactionPipeline.timeLimit(
            of: now.duration(to: deadline) - margins.lock, sharedTimeout: isShared ? sharedTimeout : nil)
        let lockTimeout = isShared ? TransactionPipeline.sharedLockTimeout : .zero
        var statements = session.writeLead
        statements.reserveCapacity(statements.count + 4)
        statements.append(
            BoundStatement(Session.limits, [.int8(timeLimit.wholeMilliseconds), .int8(lockTimeout.wholeMilliseconds)]))
        statements += first.steps(BatchParameters(parts, callers: callers), timeLimit)
        statements.append(BoundStatement(first.ending.statement))
        let transaction = Sent(
            group: timely, places: places, deadline: deadline, limit: deadline.advanced(by: -margins.silence),
            statements: statements, at: now,
            answers: TransactionAnswers(
                count: statements.count, leadCount: session.writeLead.count + 1, ending: first.ending))
        // If this throws, nothing can commit: COMMIT comes last, and a message that libpq cannot put together does not
        // leave. (That the connection is gone it says later, at the sync or when results are read.)
        do throws(LibPQConnection.Broken) {
            for statement in statements { try session.connection.send(statement) }
        } catch {
            state = .ended(transaction.tell(.failed(.connectionLost), lost: error.reason))
            return
        }
        do throws(LibPQConnection.Broken) {
            try session.connection.sync()
            state = .sent(transaction)
        } catch {
            state = .ended(conclude(transaction, .unknown, lost: error.reason))
        }
    }

    // MARK: The end

    /// Sends what is left, waits for the end and tells it. All that share it stop waiting at the nearest of their
    /// deadlines.
    private func finish() -> WorkEnd {
        if case .ended(let end) = state { return end }
        guard case .sent(var transaction) = state else { return WorkEnd() }
        do throws(LibPQConnection.Broken) {
            try receive(&transaction)
            return conclude(transaction, transaction.answers.end)
        } catch {
            return conclude(transaction, transaction.answers.endOfConnection, lost: error.reason)
        }
    }

    private func receive(_ transaction: inout Sent) throws(LibPQConnection.Broken) {
        let (connection, limit) = (session.connection, transaction.limit)
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
                guard
                    transaction.answers.take(
                        try result.answer(to: transaction.answering?.name ?? ""),
                        tag: transaction.answers.expectsEnd ? result.commandTag : "",
                        unconfirmedCommits: connection.unconfirmedCommits)
                else { throw LibPQConnection.Broken(reason: "more results than statements") }
            }
        }
    }

    /// Tells the writes what this end means, and leaves the connection ready for others if it can be.
    ///
    /// - Parameter lost: Why the connection is of no use, as far as that is known.
    private func conclude(
        _ transaction: Sent, _ end: TransactionAnswers<QueryResult>.End, lost: String? = nil
    ) -> WorkEnd {
        var (end, lost, isStale) = (end, lost, false)
        switch end {
        case .done:
            do throws(LibPQConnection.Broken) {
                // Nothing is left to be asked elsewhere: the answer is there.
                let limit = transaction.deadline.advanced(by: -Margins.outcomeCheck.silence)
                try session.confirmServer(sent: transaction.at, until: limit)
            } catch {
                // The server's word does not count if another was chosen: it may have woken up since.
                (end, lost) = (.unknown, error.reason)
            }
        case .refused(let message, _):
            let isRolledBack = session.connection.rollBack(until: transaction.deadline)
            if !isRolledBack { lost = "a transaction that failed could not be ended" }
            if message.closesConnection { lost = message.description }
            isStale = message.isStalePreparation
        case .rolledBack, .unknown:
            // What answers COMMIT by ROLLBACK may do so again, and what is not heard may still come.
            lost = lost ?? "a transaction did not end as it should"
        }
        let outcome = transaction.outcome(of: end, backend: session.backend)
        return transaction.tell(outcome, lost: lost, isStale: isStale)
    }
}
