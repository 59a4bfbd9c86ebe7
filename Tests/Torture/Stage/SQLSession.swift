import CLibPQ
import NIOCore

/// A plain libpq connection, as other programs of the company have one: not through offersd's own code, which is what
/// is being examined. It connects again by itself when it is used after it was lost.
///
/// libpq blocks, so each session has an event loop for itself, which nothing else runs on.
actor SQLSession {
    /// What the database said.
    enum Answer: Sendable {
        /// The rows of the last statement, as text.
        case rows([[String?]])
        /// It refused a statement; what was begun is rolled back.
        case refused(String)
        /// There is no connection. What became of the statements is not known.
        case lost(String)
    }

    /// What ``rows(_:)`` throws.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    nonisolated let unownedExecutor: UnownedSerialExecutor
    private let loop: any EventLoop
    private let connectionString: String
    private var connection: Connection?

    private final class Connection {
        let pointer: OpaquePointer?
        init(_ text: String) {
            pointer = PQconnectdb(text)
            // What the server remarks is not for our standard error.
            PQsetNoticeProcessor(pointer, { _, _ in }, nil)
        }
        deinit { PQfinish(pointer) }
    }

    /// A session that has not connected yet.
    init(_ connectionString: String, on loop: any EventLoop) {
        self.connectionString = connectionString + " application_name=writer connect_timeout=2"
        self.loop = loop
        // Unowned is sound: the loop is kept.
        self.unownedExecutor = loop.executor.asUnownedSerialExecutor()
    }

    /// Runs statements in one go.
    func run(_ sql: String) -> Answer {
        let connection = connection ?? Connection(connectionString)
        self.connection = connection
        guard PQstatus(connection.pointer) == CONNECTION_OK else { return lose() }
        let result = PQexec(connection.pointer, sql)
        defer { PQclear(result) }
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK:
            return .rows(
                (0..<PQntuples(result)).map { row in
                    (0..<PQnfields(result)).map { column in
                        PQgetisnull(result, row, column) == 1
                            ? nil : String(cString: PQgetvalue(result, row, column))
                    }
                })
        default:
            let message = String(cString: PQresultErrorMessage(result))
            // What has no SQLSTATE comes from libpq, not from a server.
            guard PQstatus(connection.pointer) == CONNECTION_OK,
                PQresultErrorField(result, Int32(UInt8(ascii: "C"))) != nil
            else { return lose() }
            PQclear(PQexec(connection.pointer, "ROLLBACK"))
            return .refused(message)
        }
    }

    /// The rows of the last statement, on a new connection if the old one was lost.
    ///
    /// - Throws: ``Failure`` when there are none.
    func rows(_ sql: String) throws -> [[String?]] {
        var answer = run(sql)
        if case .lost = answer { answer = run(sql) }
        switch answer {
        case .rows(let rows): return rows
        case .refused(let message), .lost(let message): throw Failure(description: message)
        }
    }

    private func lose() -> Answer {
        let message = connection.map { String(cString: PQerrorMessage($0.pointer)) } ?? ""
        connection = nil
        return .lost(message)
    }
}
