/// What the server said when it refused something. For the log only: its text is never given to a client.
package struct ServerMessage: Sendable, Equatable, CustomStringConvertible {
    /// The error's code.
    package let sqlState: SQLState
    /// The primary message, in the server's language.
    package let text: String
    /// The name of the statement that was refused.
    package let statement: String

    package init(sqlState: SQLState, text: String, statement: String) {
        self.sqlState = sqlState
        self.text = text
        self.statement = statement
    }

    package var description: String { "\(sqlState) in \(statement): \(text)" }
}

/// Why a query or a transaction gave no result, in terms of what is known about its effect.
package enum PostgresError: Error, Sendable, Equatable {
    /// There is no connection to a database; nothing was sent.
    case unavailable
    /// Too many requests wait already; nothing was sent.
    case overloaded
    /// The pool is closing; nothing was written.
    case shuttingDown
    /// The deadline came before anything was sent, while a query that writes nothing was running, or while a transaction
    /// waited, which was rolled back; nothing was written.
    case timedOut
    /// The connection broke, and nothing can have been written: it was a read, or COMMIT had not been sent.
    case connectionLost
    /// The server refused a statement or COMMIT itself; whatever belonged to it is rolled back.
    case refused(ServerMessage)
    /// COMMIT was answered by ROLLBACK: nothing was written, although no statement failed.
    case rolledBack
    /// COMMIT was sent and its end was not heard: perhaps written, perhaps not.
    /// `sent` is when the transaction began to be sent. The backend that ran it, when it is known, so that one can find
    /// out whether it has ended.
    case unknownOutcome(Backend?, sent: MonotonicTime)
    /// Written here, but the server warned while it committed: a standby has not confirmed it, and may take over.
    case unconfirmed(sent: MonotonicTime)
    /// The answer does not have the columns that were expected; nothing is known to be wrong with the data.
    case unexpectedResult(statement: String, problem: String)
}

extension PostgresError {
    /// The rows of a statement were not what its decoder expects.
    package init(_ mismatch: ResultMismatch, in statement: String) {
        self = .unexpectedResult(
            statement: statement, problem: "column \(mismatch.column) is not \(mismatch.expected)")
    }
}

/// One server process, named so that it cannot be taken for a later one with the same process id.
package struct Backend: Sendable, Hashable {
    /// The operating system's process id, as in `pg_stat_activity.pid`.
    package let processID: Int32
    /// `pg_stat_activity.backend_start`, in microseconds since 2000-01-01 UTC.
    package let started: Int64
    /// `pg_postmaster_start_time()`, in microseconds since 2000-01-01 UTC: another one is another server.
    package let serverStarted: Int64
}
