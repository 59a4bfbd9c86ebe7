import JSONRPC
import Logging
import Offers
import Postgres

/// Runs an accept or a decline until its end is known, or its time is over.
///
/// A write can be repeated without harm, so whatever did not reach COMMIT is simply run again, and so is a write whose
/// COMMIT was sent and not answered: what it finds then is the answer. A success found like that is certain. A refusal
/// is not, as long as the first backend may still commit: it is given only when that backend is gone.
struct WriteExecutor: Sendable {
    let postgres: PostgresClient
    let logger: Logger
    /// Called each time that a write is run again.
    let onRetry: @Sendable () -> Void

    /// How often a write is run when the database keeps refusing it for the sake of other transactions, and nothing
    /// else is to be found out.
    private static let maximumConflicts = 10
    /// How often a write whose rows were not locked is run: one that shared its transaction may be by itself the next time,
    /// and a row may have come into being between the two statements. After that it is the database's doing.
    private static let maximumUnlocked = 3

    /// What is known of one write across its attempts.
    private struct Progress {
        /// The backends that were sent a COMMIT and did not say how it ended.
        var unsettled: [Backend] = []
        /// Whether such a backend cannot be named, so that it cannot be found out whether it is gone.
        var hasUnnamed = false
        var attempts = 0
        /// When the first attempt was sent that may have committed without our having heard so.
        var unknownSince: MonotonicTime?

        var mayHaveCommitted: Bool { unknownSince != nil }
        var attempt: Attempt { mayHaveCommitted ? .outcomeCheck : attempts == 1 ? .first : .another }
        var isSettled: Bool { unsettled.isEmpty && !hasUnnamed }
    }

    /// The verdict; and if an earlier attempt of this very write may be what brought it about, when the first such
    /// attempt was sent.
    func run<Success: Sendable>(
        _ transaction: Transaction<WriteVerdict<Success>>, keys: [ExclusionKey], place: Place,
        deadline own: any Deadline
    ) async throws(MethodError) -> (verdict: WriteVerdict<Success>, unknownSince: MonotonicTime?) {
        var progress = Progress()
        while true {
            let deadline = progress.unknownSince.map { OutcomeCheckDeadline(own, since: $0) } ?? own
            if !progress.unsettled.isEmpty { await settle(&progress, deadline: deadline) }
            if progress.attempts > 0 { onRetry() }
            progress.attempts += 1
            let verdict: WriteVerdict<Success>
            do throws(PostgresError) {
                verdict = try await postgres.transaction(
                    transaction, keys: keys, place: place, attempt: progress.attempt, deadline: deadline)
            } catch {
                try note(error, in: &progress, of: transaction.name, deadline: deadline)
                await Backoff.pause(attempt: progress.attempts)
                continue
            }
            if case .notLocked = verdict {
                try noteUnlocked(progress, of: transaction.name, deadline: deadline)
                await Backoff.pause(attempt: progress.attempts)
                continue
            }
            if verdict.isSuccess || progress.isSettled { return (verdict, progress.unknownSince) }
            // A refusal, which an earlier attempt may still belie.
            if progress.hasUnnamed || Task.isCancelled || deadline.hasPassed(at: .now()) {
                throw .offers(.outcomeUnknown)
            }
            await Backoff.pause(attempt: progress.attempts)
        }
    }

    /// Returns if the write is to be run again.
    private func note(
        _ error: PostgresError, in progress: inout Progress, of name: String, deadline: any Deadline
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
        // What this attempt met, be it a conflict or a database that is going down or coming up, says nothing of the one
        // that was not heard of. There may be an answer before the time is over, unless its task was cancelled.
        if !isOverdue, error != .shuttingDown, !Task.isCancelled { return }
        logger.warning(
            "write left with its outcome unknown",
            metadata: ["method": "\(name)", "attempt": "\(progress.attempts)", "reason": "\(error)"])
        throw .offers(.outcomeUnknown)
    }

    /// The same, after an attempt that saw rows which were not locked.
    private func noteUnlocked(_ progress: Progress, of name: String, deadline: any Deadline) throws(MethodError) {
        if progress.attempts < WriteExecutor.maximumUnlocked, !deadline.hasPassed(at: .now()), !Task.isCancelled {
            return
        }
        throw progress.mayHaveCommitted ? .offers(.outcomeUnknown) : .database(.rowsNotLocked)
    }

    /// Ends the backends that may still commit, and forgets those that are gone.
    private func settle(_ progress: inout Progress, deadline: any Deadline) async {
        var remaining: [Backend] = []
        for backend in progress.unsettled where await !postgres.end(backend, deadline: deadline) {
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
