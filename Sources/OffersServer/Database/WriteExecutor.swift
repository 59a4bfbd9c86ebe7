import Deadlines
import JSONRPC
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

    /// Runs writes of one connection, of which `call` is the first. They take effect in their order, or at the same
    /// moment, and end in it.
    ///
    /// As many of them as can share a transaction. What that has left undone is run one by one, in a task.
    func start(_ run: WriteRun, of call: Call) {
        let first = run.first
        postgres.perform(
            first.plan, joinedBy: { run.close().plansToShare }, attempt: .first, deadline: first.deadline,
            trace: first.trace
        ) { performed in
            let writes = run.close()
            var ended = 0
            while ended < performed.own.count, end(writes[ended], outcome(of: writes[ended], performed, ended)) {
                ended += 1
            }
            if ended == writes.count || call.run({ [ended] in await goOn(writes[...], after: performed, ended) }) {
                return
            }
            for number in ended..<writes.count { abandon(writes[number], performed, number) }
        }
    }

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

    /// Ends the write if its first attempt has decided it, and returns whether that is so.
    private func end(_ write: PendingWrite, _ outcome: Outcome) -> Bool {
        switch outcome {
        case .success(.done(let succeed)): succeed(nil)
        case .success(.refused(let refusal)): write.fail(MethodError(refusal))
        case .success(.notLocked), .failure: return false
        }
        return true
    }

    /// Ends a write that there is no task for: the server was cancelled. What was not performed has had no effect.
    private func abandon(_ write: PendingWrite, _ performed: Performed, _ number: Int) {
        guard number < performed.own.count else { return write.fail(MethodError(.shuttingDown)) }
        let outcome = outcome(of: write, performed, number)
        if end(write, outcome) { return }
        if case .failure(let error) = outcome {
            write.fail(MethodError(write: error))
        } else {
            write.fail(MethodError(.shuttingDown))
        }
    }
}
