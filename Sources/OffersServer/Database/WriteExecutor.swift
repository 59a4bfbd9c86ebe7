import Deadlines
import Logging
import Offers
import Postgres

/// Runs accepts or declines until the end of each is known, or its time is over.
///
/// A write can be repeated without harm, so whatever did not reach COMMIT is simply run again, and so is a write whose
/// COMMIT was sent and not answered: what it finds then is the answer. A success found like that is certain. A refusal
/// is not, as long as the first backend may still commit: it is given only when that backend is gone.
struct WriteExecutor: Sendable {
    let postgres: PostgresClient
    let logger: Logger
    /// Called each time that a write is run again.
    let onRetry: @Sendable () -> Void

    typealias Outcome = Result<WriteVerdict<PendingWrite.Success>, PostgresError>

    /// What an attempt says of its write with this number.
    func outcome(of write: PendingWrite, _ performed: Performed, _ number: Int) -> Outcome {
        performed.result.flatMap { rows in
            do throws(ResultMismatch) {
                return .success(try write.verdict(rows, performed.own.lowerBound + number))
            } catch {
                return .failure(PostgresError(error, in: write.plan.name))
            }
        }
    }

    /// Ends those of `writes` that this first attempt has decided, from the first on. Returns how many.
    func endDecided(_ writes: [PendingWrite], by performed: Performed) -> Int {
        var ended = 0
        while ended < performed.own.count, end(writes[ended], outcome(of: writes[ended], performed, ended)) {
            ended += 1
        }
        return ended
    }

    /// Ends the write if `outcome` decides it, and returns whether that is so.
    private func end(_ write: PendingWrite, _ outcome: Outcome) -> Bool {
        switch outcome {
        case .success(.done(let succeed)): succeed(nil)
        case .success(.refused(let refusal)): write.fail(MethodError(refusal))
        case .success(.notLocked), .failure: return false
        }
        return true
    }

    /// Ends writes that there is no task for: the server was cancelled. What was not performed has had no effect.
    func abandon(_ writes: ArraySlice<PendingWrite>, _ performed: Performed) {
        for (number, write) in zip(writes.indices, writes) {
            guard number < performed.own.count else {
                write.fail(MethodError(.shuttingDown))
                continue
            }
            let outcome = outcome(of: write, performed, number)
            if end(write, outcome) { continue }
            if case .failure(let error) = outcome {
                write.fail(MethodError(write: error))
            } else {
                write.fail(MethodError(.shuttingDown))
            }
        }
    }
}

/// What goes on when the first attempt has not decided a write.
extension WriteExecutor {
    /// How often a write is run when the database keeps refusing it for the sake of other transactions, and nothing
    /// else is to be found out.
    private static let maximumConflicts = 10
    /// How often a write whose rows were not locked is run: one that shared its transaction may be by itself the next
    /// time, and a row may have come into being between the two statements. After that it is the database's doing.
    private static let maximumUnlocked = 3

    /// What is known of one write across its attempts.
    private struct Progress {
        /// The backends that were sent a COMMIT and did not say how it ended.
        var unsettled: [Backend] = []
        /// Whether such a backend cannot be named, so that it cannot be found out whether it is gone.
        var hasUnnamed = false
        var attempts = 1
        /// When the first attempt was sent that may have committed without an answer.
        var unknownSince: MonotonicTime?

        var mayHaveCommitted: Bool { unknownSince != nil }
        var attempt: Attempt { mayHaveCommitted ? .outcomeCheck : .another }
        var isSettled: Bool { unsettled.isEmpty && !hasUnnamed }

        /// Until when the write is run, whose own deadline is `own`.
        func deadline(_ own: Deadline) -> Deadline {
            unknownSince.map { own.forOutcomeCheck(since: $0) } ?? own
        }
    }

    /// Runs what is left of `writes` when an attempt of the first of them was performed, of which so many have ended.
    func goOn(_ writes: ArraySlice<PendingWrite>, after performed: Performed, _ ended: Int) async {
        var (rest, performed, ended, separated) = (writes, performed, ended, 0)
        while true {
            for (number, write) in rest.prefix(performed.own.count).enumerated().dropFirst(ended) {
                await finish(write, after: outcome(of: write, performed, number))
            }
            rest = rest.dropFirst(performed.own.count)
            ended = 0
            separated = max(separated - 1, performed.separated)
            guard let next = rest.first else { return }
            performed =
                separated > 0
                ? await perform(next, attempt: .another)
                : await perform(next, joinedBy: { [rest] in rest.partsToShare }, attempt: .first)
        }
    }

    private func perform(
        _ write: PendingWrite, joinedBy further: @escaping @Sendable () -> [WorkPart] = { [] }, attempt: Attempt,
        deadline: Deadline? = nil
    ) async -> Performed {
        await postgres.perform(
            write.plan, joinedBy: further, attempt: attempt, deadline: deadline ?? write.deadline, trace: write.trace)
    }

    /// Goes on from what came of the first attempt, and tells the write its end.
    private func finish(_ write: PendingWrite, after first: Outcome) async {
        var progress = Progress()
        do throws(MethodError) {
            let succeed = try await success(of: write, after: first, &progress)
            succeed(progress.unknownSince)
        } catch {
            write.fail(error)
        }
    }

    private func success(
        of write: PendingWrite, after first: Outcome, _ progress: inout Progress
    ) async throws(MethodError) -> PendingWrite.Success {
        let name = write.plan.name
        var outcome = first
        while true {
            switch outcome {
            case .failure(let error):
                try note(error, in: &progress, of: name, deadline: progress.deadline(write.deadline))
            case .success(.notLocked):
                try noteUnlocked(progress, of: name, deadline: progress.deadline(write.deadline))
            case .success(.done(let succeed)):
                return succeed
            case .success(.refused(let error)) where progress.isSettled:
                throw MethodError(error)
            case .success(.refused):
                // An earlier attempt may still belie it.
                let isOverdue = progress.deadline(write.deadline).hasPassed(at: .now())
                if progress.hasUnnamed || Task.isCancelled || isOverdue { throw MethodError(.outcomeUnknown) }
            }
            await Backoff.pause(attempt: progress.attempts)
            let deadline = progress.deadline(write.deadline)
            if !progress.unsettled.isEmpty { await settle(&progress, deadline, write.trace) }
            onRetry()
            progress.attempts += 1
            outcome = self.outcome(
                of: write, await perform(write, attempt: progress.attempt, deadline: deadline), 0)
        }
    }

    /// Returns if the write is to be run again.
    private func note(
        _ error: PostgresError, in progress: inout Progress, of name: String, deadline: Deadline
    ) throws(MethodError) {
        let isOverdue = deadline.hasPassed(at: .now())
        switch error {
        case .unknownOutcome(let backend, let sent):
            logger.warning(
                "write of unknown outcome", metadata: ["method": "\(name)", "attempt": "\(progress.attempts)"])
            progress.unknownSince = progress.unknownSince ?? sent
            if let backend { progress.unsettled.append(backend) } else { progress.hasUnnamed = true }
        case .unconfirmed(let sent):
            logger.warning(
                "write not confirmed by a standby", metadata: ["method": "\(name)", "attempt": "\(progress.attempts)"])
            // The next COMMIT that is confirmed confirms this one, too: it comes later in the log that standbys follow,
            // for row locks alone make a transaction write there.
            progress.unknownSince = progress.unknownSince ?? sent
        case .connectionLost:
            if !isOverdue { return }
        case .refused(let message) where message.isWorthAnotherWrite:
            if !isOverdue, progress.attempts < WriteExecutor.maximumConflicts { return }
        case .unavailable, .overloaded, .shuttingDown, .timedOut, .refused, .rolledBack, .unexpectedResult:
            break
        }
        guard progress.mayHaveCommitted else { throw MethodError(write: error) }
        // What this attempt met, be it a conflict or a database that is going down or coming up, says nothing of the
        // one that was not heard of. There may be an answer before the time is over, unless its task was cancelled.
        if !isOverdue, error != .shuttingDown, !Task.isCancelled { return }
        logger.warning(
            "write left with its outcome unknown",
            metadata: ["method": "\(name)", "attempt": "\(progress.attempts)", "reason": "\(error)"])
        throw MethodError(.outcomeUnknown)
    }

    /// The same, after an attempt that saw rows which were not locked.
    private func noteUnlocked(_ progress: Progress, of name: String, deadline: Deadline) throws(MethodError) {
        if progress.attempts < WriteExecutor.maximumUnlocked, !deadline.hasPassed(at: .now()), !Task.isCancelled {
            return
        }
        throw progress.mayHaveCommitted
            ? MethodError(.outcomeUnknown) : MethodError(.databaseUnavailable(retryAfterMs: 5000), .rowsNotLocked)
    }

    /// Ends the backends that may still commit, and forgets those that are gone.
    private func settle(_ progress: inout Progress, _ deadline: Deadline, _ trace: PoolTrace?) async {
        var remaining: [Backend] = []
        for backend in progress.unsettled where await !postgres.end(backend, deadline: deadline, trace: trace) {
            remaining.append(backend)
        }
        progress.unsettled = remaining
    }
}

extension ServerMessage {
    /// The write was rolled back because of what others did meanwhile: a conflict, our own guard against it
    /// (`1 / 0` in the deciding statement), or a plan that must be prepared anew.
    var isWorthAnotherWrite: Bool {
        isConflict || isStalePreparation || sqlState == .divisionByZero && !isFromFunction
    }
}
