/// Why a transaction is run.
package enum Attempt: Sendable {
    /// It has not been run before. It may share a transaction.
    case first
    /// An earlier attempt was rolled back or lost. That may have been for its own sake: it is never batched.
    case another
    /// An earlier attempt may have committed: this one is to find out, by itself and almost to the deadline, because
    /// there is no other way to a certain answer.
    case outcomeCheck
}

/// How a transaction ends when none of its steps fails.
package enum Ending: Sendable {
    /// What it wrote stays.
    case commit
    /// It was a trial: nothing that it wrote stays, whatever becomes of the connection.
    case rollback
}

/// Turns the rows of a result into a value.
package typealias RowDecoder<Value> = @Sendable (QueryResult) throws(ResultMismatch) -> Value

/// The statements of a transaction between BEGIN and COMMIT, given its parts and the time that the server may spend on
/// its locks: the same that is set as `statement_timeout`, which counts anew for every statement.
package typealias Steps = @Sendable (BatchParameters, Duration) -> [BoundStatement]

/// The parameters of all parts of a transaction.
package struct BatchParameters: Sendable {
    /// Whether there are several.
    package let areShared: Bool
    /// The parameters of each number, in the order of the parts.
    package let columns: [Parameter]
    /// The numbers of the callers, in the order of the parts.
    package let callerColumn: Parameter

    /// - Parameter callers: A number for each part. Those with the same number take effect in their order; nil: each
    ///   has a number of its own.
    package init(_ rows: [[Int64?]], callers: [Int64]? = nil) {
        areShared = rows.count > 1
        columns = (rows.first ?? []).indices.map { number in .int8Array(rows.map { $0[number] }) }
        callerColumn = .int8Array(callers ?? rows.indices.map { Int64($0) })
    }
}

/// What a caller wants to happen in a transaction, which is sent as one pipeline: the steps in order, then COMMIT. An
/// object, because it is handed on so often on its way.
package final class TransactionPlan: Sendable {
    /// For the log.
    package let name: String
    /// Transactions of the same batch key that wait at the same time may become parts of one; nil: it is never shared.
    /// Their steps are alike, and carry out all parts; the last one returns a row for each, in their order.
    package let batchKey: String?
    /// The caller's part. At most one transaction of the pool runs for each of its keys at a time; others wait in order.
    package let part: WorkPart
    package let steps: Steps
    /// Whether a row of a shared transaction says that its part was left out: it had no effect, nor had those of the
    /// same caller behind it. It is to be run by itself.
    package let isLeftOut: @Sendable (QueryResult, _ row: Int) -> Bool
    package let ending: Ending

    fileprivate init(
        name: String, batchKey: String?, part: WorkPart, steps: @escaping Steps,
        isLeftOut: @escaping @Sendable (QueryResult, _ row: Int) -> Bool, ending: Ending
    ) {
        self.name = name
        self.batchKey = batchKey
        self.part = part
        self.steps = steps
        self.isLeftOut = isLeftOut
        self.ending = ending
    }
}

/// A plan, and how its result is read.
package struct Transaction<Value: Sendable>: Sendable {
    package let plan: TransactionPlan
    /// Reads the caller's row of the last step's result, once the transaction has ended as it should.
    package let decode: @Sendable (QueryResult, _ row: Int) throws(ResultMismatch) -> Value

    /// A transaction that others may share.
    package init(
        name: String, batchKey: String, part: [Int64?], keys: [ExclusionKey] = [], steps: @escaping Steps,
        isLeftOut: @escaping @Sendable (QueryResult, _ row: Int) -> Bool = { _, _ in false },
        decode: @escaping @Sendable (QueryResult, _ row: Int) throws(ResultMismatch) -> Value
    ) {
        plan = TransactionPlan(
            name: name, batchKey: batchKey, part: WorkPart(keys: keys, parameters: part), steps: steps,
            isLeftOut: isLeftOut, ending: .commit)
        self.decode = decode
    }

    /// A transaction of its own.
    package init(
        name: String, keys: [ExclusionKey] = [], ending: Ending = .commit,
        steps: @escaping @Sendable (Duration) -> [BoundStatement], decode: @escaping RowDecoder<Value>
    ) {
        plan = TransactionPlan(
            name: name, batchKey: nil, part: WorkPart(keys: keys), steps: { _, limit in steps(limit) },
            isLeftOut: { _, _ in false }, ending: ending)
        self.decode = { rows, _ throws(ResultMismatch) in try decode(rows) }
    }
}
