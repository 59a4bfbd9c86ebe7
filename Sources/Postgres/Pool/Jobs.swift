/// A query that writes nothing, as its connection sees it. Either what `answer` returns or `fail` is called, once.
protocol ReadJob: Sendable {
    var bound: BoundStatement { get }
    var deadline: any Deadline { get }
    /// Decodes the result, and returns what tells the caller.
    func answer(_ result: borrowing QueryResult) -> () -> Void
    func fail(_ error: PostgresError)
}

/// A transaction, as its connection sees it. Exactly one of `complete` and `fail` is called, once.
protocol TransactionJob: Sendable {
    /// The statements between BEGIN and COMMIT, for a transaction that may take that many milliseconds.
    func steps(boundMilliseconds: Int64) -> [BoundStatement]
    var deadline: any Deadline { get }
    /// The transaction is committed; `result` is that of the last step.
    func complete(_ result: borrowing QueryResult)
    func fail(_ error: PostgresError)
}

/// Turns the rows of a result into a value of its own, on the connection's thread.
package typealias Decoder<Value> = @Sendable (borrowing QueryResult) throws(ResultMismatch) -> Value

/// A job whose caller waits in a continuation.
struct Awaited<Value: Sendable>: Sendable {
    let name: String
    let decode: Decoder<Value>
    let continuation: CheckedContinuation<Result<Value, PostgresError>, Never>

    func answer(_ result: borrowing QueryResult) -> () -> Void {
        let outcome: Result<Value, PostgresError>
        do {
            outcome = .success(try decode(result))
        } catch {
            let problem = "column \(error.column) is not \(error.expected)"
            outcome = .failure(.unexpectedResult(statement: name, problem: problem))
        }
        return { continuation.resume(returning: outcome) }
    }

    func fail(_ error: PostgresError) {
        continuation.resume(returning: .failure(error))
    }
}

struct Read<Value: Sendable>: ReadJob {
    let bound: BoundStatement
    let deadline: any Deadline
    let awaited: Awaited<Value>

    func answer(_ result: borrowing QueryResult) -> () -> Void { awaited.answer(result) }
    func fail(_ error: PostgresError) { awaited.fail(error) }
}

struct Write<Value: Sendable>: TransactionJob {
    let transaction: Transaction<Value>
    let deadline: any Deadline
    let awaited: Awaited<Value>

    func steps(boundMilliseconds: Int64) -> [BoundStatement] { transaction.steps(boundMilliseconds) }
    func complete(_ result: borrowing QueryResult) { awaited.answer(result)() }
    func fail(_ error: PostgresError) { awaited.fail(error) }
}

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
