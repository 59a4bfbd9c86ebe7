/// A query that writes nothing, and who is told of its end, once.
/// An object, because it is handed on so often on its way.
final class Read: Sendable {
    let bound: BoundStatement
    let deadline: any Deadline
    let end: @Sendable (Result<QueryResult, PostgresError>) -> Void

    init(
        bound: BoundStatement, deadline: any Deadline,
        end: @escaping @Sendable (Result<QueryResult, PostgresError>) -> Void
    ) {
        self.bound = bound
        self.deadline = deadline
        self.end = end
    }

    func fail(_ error: PostgresError) { end(.failure(error)) }
}

/// A transaction, and the caller who waits for it. Exactly one of `complete` and `fail` is called, once.
struct Write: Sendable {
    /// The statements between BEGIN and COMMIT, for a transaction that may take that many milliseconds.
    let steps: @Sendable (Int64) -> [BoundStatement]
    let deadline: any Deadline
    let caller: CheckedContinuation<Result<QueryResult, PostgresError>, Never>

    /// The transaction is committed; `rows` are those of its last step.
    func complete(_ rows: QueryResult) { caller.resume(returning: .success(rows)) }
    func fail(_ error: PostgresError) { caller.resume(returning: .failure(error)) }
}

/// Turns the rows of a result into a value.
package typealias Decoder<Value> = @Sendable (QueryResult) throws(ResultMismatch) -> Value

/// What is to happen in one transaction, sent as one pipeline: the steps in order, then COMMIT.
package struct Transaction<Value: Sendable>: Sendable {
    /// For the log.
    package let name: String
    /// The statements, given the milliseconds that the server may spend on the transaction's locks: the same number
    /// that is set as `statement_timeout`, which counts anew for every statement.
    package let steps: @Sendable (Int64) -> [BoundStatement]
    /// Reads the result of the last step, once the transaction is committed.
    package let decode: Decoder<Value>

    package init(
        name: String, steps: @escaping @Sendable (Int64) -> [BoundStatement], decode: @escaping Decoder<Value>
    ) {
        self.name = name
        self.steps = steps
        self.decode = decode
    }
}
