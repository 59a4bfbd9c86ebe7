/// How work counts against the limit of requests.
enum Admission: Sendable {
    /// As a request.
    case limited
    /// As a request, but it bypasses the limit.
    case exempt
    /// Not at all, and its failures are not told either: the pool's own.
    case unseen
}

/// An attempt to run a query that writes nothing; whoever carries it out calls `end` of its item, once.
struct Read: Sendable {
    let bound: BoundStatement
    /// Where it runs.
    let pool: ConnectionPool<ReadPipeline>
    /// How it counts.
    let admission: Admission
    /// Whose attempt it is, and which: 1, 2…
    let client: PostgresClient
    var number = 1
    /// Who is told of the end of the last attempt, once.
    let caller: @Sendable (Result<QueryResult, PostgresError>) -> Void
}

extension WorkItem<Read> {
    /// The attempt after this one. It is made by itself: what it was taken with may be what took too long.
    var next: WorkItem {
        var read = job
        read.number += 1
        return WorkItem(batchKey: nil, deadline: deadline, job: read, trace: trace)
    }

    func end(_ result: Result<QueryResult, PostgresError>) { job.client.ended(self, result) }

    func fail(_ error: PostgresError) { end(.failure(error)) }
}

/// One caller's part of a transaction. Exactly one of `complete` and `fail` is called, once.
struct Write: Sendable {
    /// The caller's parameters.
    let part: [Int64?]
    let steps: Steps
    /// Whether a row of a shared transaction says that its part was left out.
    let isLeftOut: @Sendable (QueryResult, _ row: Int) -> Bool
    let attempt: Attempt
    var ending = Ending.commit
    let caller: CheckedContinuation<Result<Answer, PostgresError>, Never>

    /// What the caller is told: the rows of the transaction's last step, and which of them is the part's own.
    struct Answer: Sendable {
        let rows: QueryResult
        let row: Int
    }

    /// The transaction is committed.
    func complete(_ answer: Answer) { caller.resume(returning: .success(answer)) }
    func fail(_ error: PostgresError) { caller.resume(returning: .failure(error)) }
}

/// Why a transaction is run.
package enum Attempt: Sendable {
    /// It has not been run before. It may share a transaction.
    case first
    /// An earlier attempt was rolled back or lost. That may have been for its own sake: it is never batched.
    case another
    /// An earlier attempt may have committed: this one is to find out, by itself and almost to the deadline, because there
    /// is no other way to a certain answer.
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
package typealias Decoder<Value> = @Sendable (QueryResult) throws(ResultMismatch) -> Value

/// The statements of a transaction between BEGIN and COMMIT, given its parts and the milliseconds that the server may
/// spend on its locks: the same number that is set as `statement_timeout`, which counts anew for every statement.
package typealias Steps = @Sendable (BatchParameters, Int64) -> [BoundStatement]

/// The parameters of all who take part in a transaction.
package struct BatchParameters: Sendable {
    private let rows: [[Int64?]]
    private let callers: [Int64]

    /// - Parameter callers: A number for each part. Those with the same number take effect in their order; nil: each has
    ///   a number of its own.
    package init(_ rows: [[Int64?]], callers: [Int64]? = nil) {
        self.rows = rows
        self.callers = callers ?? rows.indices.map { Int64($0) }
    }

    /// Whether there are several.
    package var areShared: Bool { rows.count > 1 }

    /// The parameters with this number, in the order of the parts.
    package func column(_ number: Int) -> Parameter { .int8Array(rows.map { $0[number] }) }

    /// The numbers of the callers, in the order of the parts.
    package var callerColumn: Parameter { .int8Array(callers) }
}

/// What a caller wants to happen in a transaction, which is sent as one pipeline: the steps in order, then COMMIT.
package struct Transaction<Value: Sendable>: Sendable {
    /// For the log.
    package let name: String
    /// Transactions of the same batch key that wait at the same time may become parts of one; nil: it is never shared.
    /// Their steps are alike, and carry out all parts; the last one returns a row for each, in their order.
    package let batchKey: String?
    /// The caller's parameters.
    package let part: [Int64?]
    package let steps: Steps
    /// Whether a row of a shared transaction says that its part was left out: it had no effect, nor had those of the same
    /// caller behind it, and it is run by itself.
    package let isLeftOut: @Sendable (QueryResult, _ row: Int) -> Bool
    package let ending: Ending
    /// Reads the caller's row of the last step's result, once the transaction has ended as it should.
    package let decode: @Sendable (QueryResult, _ row: Int) throws(ResultMismatch) -> Value

    /// A transaction that others may share.
    package init(
        name: String, batchKey: String, part: [Int64?], steps: @escaping Steps,
        isLeftOut: @escaping @Sendable (QueryResult, _ row: Int) -> Bool = { _, _ in false },
        decode: @escaping @Sendable (QueryResult, _ row: Int) throws(ResultMismatch) -> Value
    ) {
        self.name = name
        self.batchKey = batchKey
        self.part = part
        self.steps = steps
        self.isLeftOut = isLeftOut
        ending = .commit
        self.decode = decode
    }

    /// A transaction of its own.
    package init(
        name: String, ending: Ending = .commit, steps: @escaping @Sendable (Int64) -> [BoundStatement],
        decode: @escaping Decoder<Value>
    ) {
        self.name = name
        batchKey = nil
        part = []
        self.ending = ending
        isLeftOut = { _, _ in false }
        self.steps = { _, milliseconds in steps(milliseconds) }
        self.decode = { rows, _ throws(ResultMismatch) in try decode(rows) }
    }
}
