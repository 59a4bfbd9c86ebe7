/// What the server answers to a transaction that was sent as one pipeline: a value without I/O. Answers go in as they
/// come; what is known then is asked.
///
/// `Rows` are those that the transaction is about: of its last step, which comes before the statement that ends it.
struct TransactionAnswers<Rows> {
    typealias Answer = ServerAnswer<Rows>

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
    mutating func take(_ answer: Answer) -> Bool {
        guard index < count else { return false }
        if let message = answer.failure, failure == nil { failure = (message, index < leadCount) }
        switch index {
        case count - 2:
            rows = answer.rows
            unconfirmedBefore = answer.unconfirmedCommits
        case count - 1:
            tag = answer.tag
            // SyncRepWaitForLSN gives up waiting for a standby with a warning, and commits all the same. It comes
            // before the tag; what comes after it is none of this commit's: a server that is stopped says farewell so.
            isConfirmed = ending == .rollback || answer.unconfirmedCommits == unconfirmedBefore
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
