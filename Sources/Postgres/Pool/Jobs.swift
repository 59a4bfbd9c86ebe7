/// An attempt to run a query that writes nothing. The connection that runs it calls `end` of its item, once.
struct Read: Sendable {
    let bound: BoundStatement
    let purpose: PostgresClient.Purpose
    /// The client that makes the attempt, and which it is: 1, 2…
    let client: PostgresClient
    var number = 1
    /// Called with the end of the last attempt, once.
    let tell: @Sendable (Result<QueryResult, PostgresError>) -> Void
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

/// An attempt to run the first of a caller's writes, with those that its connection takes along.
struct Write: Sendable {
    /// The first of them.
    let plan: TransactionPlan
    let attempt: Attempt
    /// Called with the end, once.
    let tell: @Sendable (Performed) -> Void
}

extension WorkItem<Write> {
    /// The first writes have ended.
    ///
    /// - Parameters:
    ///   - own: Which rows of the result are theirs. Of an error only their number counts.
    ///   - separated: How many behind them are to be run each by itself, besides those that were rolled back.
    func end(_ result: Result<QueryResult, PostgresError>, own: Range<Int> = 0..<1, separated count: Int = 0) {
        job.tell(Performed(result: result, own: own, separated: rolledBackBehind + count))
    }

    func fail(_ error: PostgresError) { end(.failure(error)) }
}

/// What has become of the first writes of those that were handed over. The others are as if they had not been.
package struct Performed: Sendable {
    /// The rows of the transaction's last step.
    package let result: Result<QueryResult, PostgresError>
    /// Which of the rows are those of the writes that it is about, at least one. Of an error only their number counts.
    package let own: Range<Int>
    /// How many writes behind those are to be run each by itself: they shared the attempt, had no effect, and it may be
    /// for their sake.
    package let separated: Int
}
