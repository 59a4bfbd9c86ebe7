import Deadlines

/// What the server answers to a transaction that was sent as one pipeline: a value without I/O. Answers go in as they
/// come; what is known then is asked.
///
/// `Rows` are those that the transaction is about: of its last step, which comes before the statement that ends it.
struct TransactionAnswers<Rows> {
    /// What is known of the transaction.
    enum End {
        /// It has ended as it should. It is not confirmed if a standby has not, and may take over.
        case done(Rows, isConfirmed: Bool)
        /// It is rolled back for this error. It is early if no step was run: it is one of what comes before the steps.
        case refused(ServerMessage, isEarly: Bool)
        /// COMMIT was answered by ROLLBACK, although no statement failed.
        case rolledBack
        /// It may have been committed or not.
        case unknown
    }

    /// The number of statements.
    private let count: Int
    /// How many statements come before the steps.
    private let leadCount: Int
    private let ending: Ending

    private var index = 0
    private var failure: (message: ServerMessage, isEarly: Bool)?
    private var rows: Rows?
    private var unconfirmedBefore = 0
    private var tag: String?
    private var isConfirmed = false

    /// - Parameter count: The number of statements, at least two: the last step, and the one that ends the transaction.
    init(count: Int, leadCount: Int, ending: Ending) {
        self.count = count
        self.leadCount = leadCount
        self.ending = ending
    }

    /// The number of the statement that the next answer is about; nil if there is none.
    var nextNumber: Int? { index < count ? index : nil }

    /// Whether the next answer has the tag of the statement that ends the transaction.
    var expectsEnd: Bool { index == count - 1 }

    /// Takes the next answer. Returns false if there is one too many: nothing on this connection can be believed.
    ///
    /// - Parameters:
    ///   - tag: What the server says it did. Only that of the last statement is used.
    ///   - unconfirmedCommits: How often the server has warned on this connection, by then, that a standby has not
    ///     confirmed a COMMIT.
    mutating func take(_ answer: ServerAnswer<Rows>, tag: String, unconfirmedCommits: Int) -> Bool {
        guard index < count else { return false }
        if case .refused(let message) = answer, failure == nil { failure = (message, index < leadCount) }
        switch index {
        case count - 2:
            if case .done(let rows) = answer { self.rows = rows }
            unconfirmedBefore = unconfirmedCommits
        case count - 1:
            self.tag = tag
            // SyncRepWaitForLSN gives up waiting for a standby with a warning, and commits all the same. It comes
            // before the tag; what comes after it is none of this commit's: a server that is stopped says farewell so.
            isConfirmed = ending == .rollback || unconfirmedCommits == unconfirmedBefore
        default:
            break
        }
        index += 1
        return true
    }

    /// What is known when the server has answered all.
    var end: End {
        if let failure { return .refused(failure.message, isEarly: failure.isEarly) }
        if tag == ending.tag, let rows { return .done(rows, isConfirmed: isConfirmed) }
        // It is the way to the server, or something in it, that does that.
        return tag == Ending.rollback.tag ? .rolledBack : .unknown
    }

    /// What is known when the connection breaks. The tag says all, whatever becomes of the connection after it. An
    /// error does not: it may be the farewell of a server that had committed.
    var endOfConnection: End {
        if case .done(let rows, let isConfirmed) = end { .done(rows, isConfirmed: isConfirmed) } else { .unknown }
    }
}

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

extension Ending {
    /// The statement that ends a transaction so.
    var statement: Statement {
        switch self {
        case .commit: Ending.commitStatement
        case .rollback: Ending.rollbackStatement
        }
    }

    private static let commitStatement = Statement("offersd_commit", sql: "COMMIT")
    private static let rollbackStatement = Statement("offersd_rollback", sql: "ROLLBACK")

    /// The server's word for it. A failed transaction's COMMIT has the tag ROLLBACK.
    var tag: String {
        switch self {
        case .commit: "COMMIT"
        case .rollback: "ROLLBACK"
        }
    }
}
