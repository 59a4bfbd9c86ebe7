import EmbeddedPostgres
import Foundation
import Glibc
import Subprocess
import SystemPackage

/// PgBouncer in front of a cluster, with transaction pooling.
enum Pooler {
    /// It ended before a client could connect.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// The file that it writes its log to.
    static func logFile(in folder: String) -> String { folder + "/pgbouncer.log" }

    /// Lends a connection string that leads through PgBouncer to the same database and role.
    static func run<Value: Sendable>(
        before server: EmbeddedPostgres.Server, database: String, role: String, in folder: String,
        _ body: @Sendable (String) async throws -> Value
    ) async throws -> Value {
        // The bound of a return: after a login that failed PgBouncer tries no other one, and tells all clients so, for
        // server_login_retry, which is 15 s unless it is set; we are at the door again every 150 ms (PoolStateMachine).
        let settings = """
            [databases]
            \(database) = host=\(server.folder) port=\(EmbeddedPostgres.Server.port) dbname=\(database) user=\(role)
            [pgbouncer]
            listen_addr =
            listen_port = 6432
            unix_socket_dir = \(folder)
            auth_type = any
            pool_mode = transaction
            default_pool_size = 12
            server_login_retry = 0.1
            logfile = \(logFile(in: folder))
            query_wait_timeout = 10
            """
        let file = folder + "/pgbouncer.ini"
        try settings.write(toFile: file, atomically: true, encoding: .utf8)
        let command =
            try Programs.withUs(asOwnerOf: server.folder) + [try Programs.installed("pgbouncer").string, file]
        let (ready, isReady) = AsyncStream.makeStream(of: Never.self)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { isReady.finish() }
                let run = try await Subprocess.run(
                    .path(FilePath(command[0])), arguments: Arguments(Array(command.dropFirst())), input: .none,
                    output: .discarded, error: .sequence
                ) { execution in
                    var log: [String] = []
                    for try await line in execution.standardError.strings() {
                        log = (log + [line]).suffix(20)
                        if line.contains("process up") { isReady.finish() }
                    }
                    return log
                }
                if !Task.isCancelled { throw Failure(description: run.closureResult.joined()) }
            }
            for await _ in ready {}
            let outcome: Result<Value, any Error>
            do {
                outcome = .success(
                    try await body("host=\(folder) port=6432 user=\(role) dbname=\(database)"))
            } catch {
                outcome = .failure(error)
            }
            // Ends PgBouncer: a cancelled Subprocess ends its child.
            group.cancelAll()
            _ = await group.nextResult()
            return try outcome.get()
        }
    }
}
