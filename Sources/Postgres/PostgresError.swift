package import Deadlines

/// What the server said when it refused something. For logs and operators: nothing of it is given to a client but
/// ``summary``.
///
/// DETAIL and CONTEXT are not here, because they quote rows. So does the text of a function or trigger: of an error
/// that comes from one only the code is kept.
package struct ServerMessage: Sendable, Equatable, CustomStringConvertible {
    /// The error's code.
    package let sqlState: SQLState
    /// The primary message, in the server's language; nil if it may quote a value of a row.
    package let text: String?
    /// The names of what the error is about: `table orders`, `constraint …`. Names of the schema, never values.
    package let objects: [String]
    /// The name of the statement that was refused.
    package var statement: String
    /// The function of the server's sources that reported it, such as `ExecConstraints`.
    package let routine: String
    /// Whether it happened inside a function or a trigger of the database.
    package let isFromFunction: Bool

    package init(
        sqlState: SQLState, text: String?, statement: String, objects: [String] = [], routine: String = "",
        isFromFunction: Bool = false
    ) {
        self.sqlState = sqlState
        self.text = isFromFunction ? nil : text
        self.objects = isFromFunction ? [] : objects
        self.statement = statement
        self.routine = routine
        self.isFromFunction = isFromFunction
    }

    /// The code, the statement and the objects, without a word of the server: `23514 in offersd_accept (table orders)`.
    package var summary: String {
        let about = isFromFunction ? ["raised by a function or trigger of the database"] : objects
        return "\(sqlState) in \(statement)" + (about.isEmpty ? "" : " (\(about.joined(separator: ", ")))")
    }

    package var description: String { text.map { "\(summary): \($0)" } ?? summary }

    /// What was prepared on this connection does not hold; a new connection will prepare it anew. Of the many errors
    /// with the code 0A000 only that of `RevalidateCachedQuery` means this: "cached plan must not change result type".
    package var isStalePreparation: Bool {
        !isRaised && sqlState == .invalidSQLStatementName
            || sqlState == .featureNotSupported && routine == "RevalidateCachedQuery"
    }

    /// The connection is of no further use after this error.
    package var closesConnection: Bool { !isRaised && sqlState.closesConnection || isStalePreparation }

    /// The transaction lost against another one and can simply be run again. That is what the code asks for, also when
    /// a function raises it.
    package var isConflict: Bool { sqlState.isConflict }

    /// The statement ran into `statement_timeout`, `lock_timeout` or a cancel request.
    package var isTimeout: Bool { !isRaised && sqlState.isTimeout }

    /// The database lacks something that the statement names, or this role may not use it.
    package var isMissingObject: Bool { !isRaised && sqlState.isMissingObject }

    /// The server cannot do it at present.
    package var isInability: Bool { !isRaised && sqlState.isInability }

    /// Whether the server finds it when it plans the statement, whatever rows there are: something is missing, not
    /// allowed or not supported. The rights of a sequence and the policies for rows are looked at when rows are
    /// written.
    package var isFoundWhenPlanned: Bool {
        !isFromFunction && !isRaised && ["42", "3F", "0A"].contains(sqlState.errorClass)
            && !["nextval_internal", "ExecWithCheckOptions"].contains(routine)
    }

    /// A function or a trigger made this error by itself (RAISE and its like), or had it from another server. It chose
    /// the code, which then says nothing of this server. An error of the server's own inside a function, such as a
    /// deadlock, has the server's routine, whatever its CONTEXT is.
    package var isRaised: Bool {
        ServerMessage.raisingRoutines.contains(routine)
            || ServerMessage.raisingPrefixes.contains { routine.hasPrefix($0) }
    }

    /// The routines of PL/pgSQL's RAISE and ASSERT, and of postgres_fdw and dblink, which repeat another server's
    /// errors.
    private static let raisingRoutines: Set = [
        "exec_stmt_raise", "exec_stmt_assert", "pgfdw_report_error", "connect_pg_server", "dblink_res_error",
        "dblink_get_conn", "throw_tcl_error",
    ]
    /// Those of PL/Python, PL/Perl and PL/Tcl.
    private static let raisingPrefixes = ["PLy_", "plperl_", "pltcl_"]
}

extension ServerMessage {
    /// Reads the fields of an error; libpq manual, section 34.3.2, and the codes of section 55.8.
    ///
    /// - Parameter field: The field with this code: C is the SQLSTATE, M the primary message, W the CONTEXT, P the
    ///   position in the statement, R the routine, and s, t, c, d, n name schema, table, column, data type and
    ///   constraint.
    init(statement: String, field: (Character) -> String?) {
        let sqlState = SQLState(rawValue: field("C") ?? "")
        let routine = field("R") ?? ""
        // The names of procedural languages are the same in all languages of the server.
        let isFromFunction = field("W")?.contains("PL/") == true || routine == "exec_stmt_raise"
        // With a position it is about the text of the statement, which is a constant of this program.
        let mayQuote = sqlState.quotesValues && field("P") == nil
        let names: [(code: Character, kind: String)] = [
            ("t", "table"), ("c", "column"), ("n", "constraint"), ("d", "type"),
        ]
        self.init(
            sqlState: sqlState, text: mayQuote ? nil : field("M"), statement: statement,
            objects: names.compactMap { name in field(name.code).map { "\(name.kind) \($0)" } }, routine: routine,
            isFromFunction: isFromFunction)
    }
}

/// Why a query or a transaction gave no result, in terms of what is known about its effect.
package enum PostgresError: Error, Sendable, Equatable {
    /// There is no connection to a database; nothing was sent.
    case unavailable
    /// Too many requests wait already; nothing was sent.
    case overloaded
    /// The pool is closing; nothing was written.
    case shuttingDown
    /// The deadline came before anything was sent, while a query that writes nothing was running, or while a
    /// transaction waited, which was rolled back; nothing was written.
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
