internal import CLibPQ

/// The rows that one statement returned, in Postgres's binary format; freed with the last reference to it.
///
/// A column's value is read by its number, from 0. NULL is nil; a column that does not hold the type asked for throws.
///
/// Unchecked, because Swift cannot know that nothing changes a `PGresult` once libpq has handed it out ("normally
/// read-only after creation, and so can be passed around freely between threads": libpq manual, section 34.20).
@safe package final class QueryResult: @unchecked Sendable {
    private let pointer: OpaquePointer

    /// Takes ownership of a `PGresult`.
    init(owning pointer: OpaquePointer) {
        unsafe self.pointer = unsafe pointer
    }

    deinit {
        unsafe PQclear(pointer)
    }

    /// The number of rows.
    package var rowCount: Int { unsafe Int(PQntuples(pointer)) }

    var status: ExecStatusType { unsafe PQresultStatus(pointer) }

    /// What the server says it did: `COMMIT`, `ROLLBACK`, `SELECT 1`, …
    var commandTag: String { unsafe String(cString: PQcmdStatus(pointer)) }

    /// The error that this result is, and whether the server said it of a statement (severity ERROR),
    /// rather than with its last breath or not at all.
    func serverMessage(statement: String) -> (message: ServerMessage, isStatementError: Bool) {
        func field(_ code: Character) -> String? {
            unsafe PQresultErrorField(pointer, Int32(code.asciiValue ?? 0)).map { unsafe String(cString: $0) }
        }
        // An error of libpq's own has no fields.
        guard field("C") != nil else {
            let text = unsafe String(cString: PQresultErrorMessage(pointer))
            return (ServerMessage(sqlState: SQLState(rawValue: ""), text: text, statement: statement), false)
        }
        return (ServerMessage(statement: statement, field: field), field("V") == "ERROR")
    }

    /// The bytes of a value, valid as long as this object; nil for NULL.
    package func bytes(row: Int, column: Int) -> UnsafeRawBufferPointer? {
        let (row, column) = (Int32(truncatingIfNeeded: row), Int32(truncatingIfNeeded: column))
        let count = unsafe Int(PQgetlength(pointer, row, column))
        // NULL has the length 0, too.
        guard unsafe count > 0 || PQgetisnull(pointer, row, column) == 0 else { return nil }
        return unsafe UnsafeRawBufferPointer(start: PQgetvalue(pointer, row, column), count: count)
    }

    /// Whether a value is NULL.
    package func isNull(row: Int, column: Int) -> Bool {
        unsafe PQgetisnull(pointer, Int32(row), Int32(column)) != 0
    }

    /// An `int2`, `int4` or `int8`.
    package func integer(row: Int, column: Int) throws(ResultMismatch) -> Int64? {
        guard let bytes = unsafe bytes(row: row, column: column) else { return nil }
        switch bytes.count {
        case 2: return unsafe Int64(Int16(bigEndian: bytes.loadUnaligned(as: Int16.self)))
        case 4: return unsafe Int64(Int32(bigEndian: bytes.loadUnaligned(as: Int32.self)))
        case 8: return unsafe Int64(bigEndian: bytes.loadUnaligned(as: Int64.self))
        default: throw ResultMismatch(column: column, expected: "integer")
        }
    }

    /// An `int2`, `int4` or `int8` that cannot be NULL.
    package func requiredInteger(row: Int, column: Int) throws(ResultMismatch) -> Int64 {
        guard let value = try integer(row: row, column: column) else {
            throw ResultMismatch(column: column, expected: "integer, not null")
        }
        return value
    }

    /// A `timestamptz`, in microseconds since 2000-01-01 UTC; ±infinity are `Int64.max` and `Int64.min`.
    package func timestamp(row: Int, column: Int) throws(ResultMismatch) -> Int64? {
        try integer(row: row, column: column)
    }

    /// A `timestamptz` that cannot be NULL.
    package func requiredTimestamp(row: Int, column: Int) throws(ResultMismatch) -> Int64 {
        try requiredInteger(row: row, column: column)
    }

    /// A `boolean`; NULL is nil.
    package func bool(row: Int, column: Int) throws(ResultMismatch) -> Bool? {
        let value: UInt8?? = unsafe bytes(row: row, column: column).map { unsafe $0.count == 1 ? $0[0] : nil }
        guard let value else { return nil }
        guard let value else { throw ResultMismatch(column: column, expected: "boolean") }
        return value != 0
    }

    /// A `text`, `varchar` or enum label; bytes that are not UTF-8 are repaired to U+FFFD.
    package func text(row: Int, column: Int) -> String? {
        unsafe bytes(row: row, column: column).map { unsafe String(decoding: $0, as: UTF8.self) }
    }

    /// A `text`, `varchar` or enum label that cannot be NULL.
    package func requiredText(row: Int, column: Int) throws(ResultMismatch) -> String {
        guard let value = text(row: row, column: column) else {
            throw ResultMismatch(column: column, expected: "text, not null")
        }
        return value
    }
}

/// A column did not hold what the decoder asked for: the statement and its decoder do not belong together.
package struct ResultMismatch: Error, Sendable, Equatable {
    /// The column's number, from 0.
    package let column: Int
    /// What was expected there.
    package let expected: String

    package init(column: Int, expected: String) {
        self.column = column
        self.expected = expected
    }
}

extension QueryResult {
    /// Whether this is the answer of a statement that returns rows.
    var hasRows: Bool { status == PGRES_TUPLES_OK }

    /// What it says of the statement with this name.
    ///
    /// - Throws: When it is the end of the connection rather than of the statement: nothing is known of COMMIT then.
    func answer(to statement: @autoclosure () -> String) throws(LibPQConnection.Broken) -> ServerAnswer<QueryResult> {
        switch kind {
        case .success: return .done(self)
        case .skipped: return .skipped
        case .failure:
            let (message, isStatementError) = serverMessage(statement: statement())
            guard isStatementError else { throw LibPQConnection.Broken(reason: message.description) }
            return .refused(message)
        }
    }

    /// What it says, without its text.
    var kind: PreparedStatements.AnswerKind {
        switch status {
        case PGRES_FATAL_ERROR, PGRES_BAD_RESPONSE: .failure
        case PGRES_PIPELINE_ABORTED: .skipped
        default: .success
        }
    }
}

/// What the server answers to a statement in a pipeline.
enum ServerAnswer<Rows> {
    case done(Rows)
    case refused(ServerMessage)
    /// It has not run, as one before it in its unit was refused.
    case skipped
}
