import Deadlines
import JSONRPC
import Offers
import Postgres
import Synchronization

/// What the database said to a write.
enum WriteVerdict<Value: Sendable>: Sendable {
    /// Granted now, or had been before.
    case done(Value)
    case refused(OffersError)
    /// Rows that it saw are not locked, so it neither decided nor wrote anything.
    case notLocked
}

/// A write, and what is told its end.
struct PendingWrite: Sendable {
    /// Told once that the write has succeeded; and if an earlier attempt of this very write may be what brought that
    /// about, when the first such attempt was sent.
    typealias Success = @Sendable (_ unknownSince: MonotonicTime?) -> Void

    let plan: TransactionPlan
    let deadline: Deadline
    /// That of its operation. All writes of a run have the same.
    let trace: PoolTrace?
    /// Reads the write's row. The type of its value is erased here: a plan that is generic on its way through the pool, a
    /// module away, costs an accept a quarter more instructions.
    let verdict: @Sendable (QueryResult, _ row: Int) throws(ResultMismatch) -> WriteVerdict<Success>
    /// Told once that it has not, or that it is not known.
    let fail: @Sendable (MethodError) -> Void

    init<Value: Sendable>(
        _ transaction: Transaction<WriteVerdict<Value>>, deadline: Deadline, trace: PoolTrace?,
        fail: @escaping @Sendable (MethodError) -> Void,
        succeed: @escaping @Sendable (Value, _ unknownSince: MonotonicTime?) -> Void
    ) {
        plan = transaction.plan
        self.deadline = deadline
        self.trace = trace
        self.fail = fail
        verdict = { [decode = transaction.decode] rows, row throws(ResultMismatch) in
            switch try decode(rows, row) {
            case .done(let value): .done({ succeed(value, $0) })
            case .refused(let error): .refused(error)
            case .notLocked: .notLocked
            }
        }
    }
}

/// Writes of one connection and one method that follow one another, in their order. More may join until a database
/// connection takes those that share a transaction, or the first has ended.
final class WriteRun: CallRun {
    private let first: PendingWrite
    private let call: Call
    private let executor: WriteExecutor
    private let contents: Mutex<(writes: [PendingWrite], isClosed: Bool)>
    /// The write of a further call; nil where its params cannot be parsed, which ends it.
    private let next: @Sendable (Call) -> PendingWrite?

    init(
        _ first: PendingWrite, of call: Call, by executor: WriteExecutor,
        next: @escaping @Sendable (Call) -> PendingWrite?
    ) {
        self.first = first
        self.call = call
        self.executor = executor
        contents = Mutex(([first], false))
        self.next = next
    }

    /// Runs as many of them as can share a transaction. What that has left undone goes on in a task.
    func begin() {
        executor.postgres.perform(
            first.plan, joinedBy: { self.close().partsToShare }, attempt: .first, deadline: first.deadline,
            trace: first.trace
        ) { [self] performed in
            let writes = close()
            let ended = executor.endDecided(writes, by: performed)
            if ended == writes.count { return }
            let hasTask = call.runInTask { [executor] in await executor.goOn(writes[...], after: performed, ended) }
            if !hasTask { executor.abandon(writes[ended...], performed) }
        }
    }

    func join(_ call: () -> Call) -> Bool {
        contents.withLock { contents in
            guard !contents.isClosed else { return false }
            if let write = next(call()) { contents.writes.append(write) }
            return true
        }
    }

    /// Has nothing join from here on, and returns all of them.
    private func close() -> [PendingWrite] {
        contents.withLock { contents in
            contents.isClosed = true
            return contents.writes
        }
    }
}

extension Collection<PendingWrite> {
    /// The parts behind the first, as far as they may share its transaction.
    var partsToShare: [WorkPart] {
        guard let batchKey = first?.plan.batchKey else { return [] }
        return dropFirst().prefix { $0.plan.batchKey == batchKey }.map(\.plan.part)
    }
}
