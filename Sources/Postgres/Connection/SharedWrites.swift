import Deadlines

/// The writes that share a transaction, and what its end means for each of them: a value without I/O.
struct SharedWrites {
    /// How many parts each write has in the transaction, in their order.
    let counts: [Int]
    /// How the transaction is to end.
    let ending: Ending
    /// The server process that runs it, if it is known.
    let backend: Backend?
    /// When it began to be sent.
    let sent: MonotonicTime
    /// Its last step, which gives a row for each part.
    let lastStep: Statement

    /// What becomes of the writes.
    enum Outcome<Rows> {
        /// The transaction has ended as it should. For each write the rows of its parts that were done, which are its
        /// first ones; without any the write is to be run again by itself.
        case done(Rows, [Range<Int>])
        /// All parts are told this error.
        case failed(PostgresError)
        /// Nothing was written. What the server has against it need not concern all parts: each is to be run by itself.
        case rolledBack
    }

    /// What becomes of the writes at this end of their transaction.
    ///
    /// - Parameter leftOut: For each row of the last step, whether it says that its part was left out. It is not asked
    ///   for a part that has the transaction for itself.
    func outcome<Rows>(of end: TransactionAnswers<Rows>.End, leftOut: (Rows) -> [Bool]) -> Outcome<Rows> {
        switch end {
        case .done(let rows, true): return done(rows, leftOut)
        case .done(_, false): return .failed(.unconfirmed(sent: sent))
        // An early timeout is a time limit of the role's, until the transaction's is set.
        case .refused(let message, let isEarly) where message.isTimeout:
            return undone(isEarly ? .connectionLost : .timedOut)
        case .refused(let message, _): return undone(.refused(message))
        case .rolledBack: return undone(.rolledBack)
        case .unknown: return .failed(unheard)
        }
    }

    /// What is known when the end is not heard.
    private var unheard: PostgresError {
        switch ending {
        case .commit: .unknownOutcome(backend, sent: sent)
        case .rollback: .connectionLost
        }
    }

    private var total: Int { counts.reduce(0, +) }

    private func undone<Rows>(_ error: PostgresError) -> Outcome<Rows> { total == 1 ? .failed(error) : .rolledBack }

    private func done<Rows>(_ rows: Rows, _ leftOut: (Rows) -> [Bool]) -> Outcome<Rows> {
        if total == 1 { return .done(rows, [0..<1]) }
        let leftOut = leftOut(rows)
        guard leftOut.count == total else {
            return .failed(
                .unexpectedResult(statement: lastStep.name, problem: "\(leftOut.count) rows for \(total) parts"))
        }
        var start = 0
        let shares = counts.map { count in
            let own = start..<start + count
            start = own.upperBound
            return own.lowerBound..<(own.first { leftOut[$0] } ?? own.upperBound)
        }
        return .done(rows, shares)
    }
}
