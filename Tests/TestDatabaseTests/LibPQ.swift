import CLibPQ
import Dispatch

/// A bare libpq connection, for the protocol's sake. Its calls block, so each takes a thread of Dispatch for itself.
struct LibPQ {
    struct Lost: Error {}

    private let queue = DispatchQueue(label: "libpq")
    // The pointer is used on the queue only.
    private let connection: Box

    private final class Box: @unchecked Sendable {
        // Unchecked: only the serial queue touches the pointer.
        let pointer: OpaquePointer?
        init(_ text: String) { pointer = PQconnectdb(text) }
        deinit { PQfinish(pointer) }
    }

    init(_ connectionString: String) async throws {
        connection = await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: Box(connectionString)) }
        }
        guard PQstatus(connection.pointer) == CONNECTION_OK else { throw Lost() }
    }

    /// Prepares a statement without a name, or with one if given, and executes it. Returns its command tag.
    func execute(_ sql: String) async throws -> String {
        try await onQueue { connection in
            let result = PQexecParams(connection, sql, 0, nil, nil, nil, nil, 0)
            defer { PQclear(result) }
            return PQstatus(connection) == CONNECTION_OK ? String(cString: PQcmdStatus(result)) : nil
        }
    }

    /// Prepares a statement under a name.
    func prepare(_ name: String, _ sql: String) async throws {
        _ = try await onQueue { connection in
            PQclear(PQprepare(connection, name, sql, 0, nil))
            return ""
        }
    }

    /// Executes a prepared statement and returns its command tag.
    func execute(prepared name: String) async throws -> String {
        try await onQueue { connection in
            let result = PQexecPrepared(connection, name, 0, nil, nil, nil, 0)
            defer { PQclear(result) }
            return PQstatus(connection) == CONNECTION_OK ? String(cString: PQcmdStatus(result)) : nil
        }
    }

    private func onQueue(_ work: @escaping @Sendable (OpaquePointer?) -> String?) async throws -> String {
        let answer = await withCheckedContinuation { continuation in
            queue.async { [connection] in continuation.resume(returning: work(connection.pointer)) }
        }
        guard let answer else { throw Lost() }
        return answer
    }
}
