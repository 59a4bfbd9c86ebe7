import Glibc
import Subprocess
import SystemPackage

extension EmbeddedPostgres {
    /// A running cluster, as ``withServer(_:_:)`` lends it. Safe to use from several tasks; commands that change the
    /// server's state are carried out one after the other.
    package struct Server: Sendable {
        /// The name of the superuser, the only role of a new cluster.
        package static let superuser = "postgres"

        /// The port that is part of the socket's name.
        package static let port = 5432

        /// How the server ends: two of Postgres's own ways.
        package enum StopMode: String, Sendable {
            /// Rolls back and disconnects clients. Every commit stays.
            case fast = "INT"
            /// Like a crash: recovery follows at the next start.
            case immediate = "QUIT"
        }

        /// The programs the cluster runs with.
        package let installation: Installation

        /// The cluster's folder, which holds the socket. Its owner is the server's user, its mode 0700.
        package let folder: String

        private let supervisor: Supervisor

        init(installation: Installation, folder: String, supervisor: Supervisor) {
            self.installation = installation
            self.folder = folder
            self.supervisor = supervisor
        }

        /// The libpq connection string of a database, as the superuser. It names host, port, user and database and so
        /// depends on no `PG*` variable for them.
        package func connectionString(database: String = "postgres") -> String {
            "host=\(Options.quoted(folder)) port=\(Self.port) user=\(Self.superuser) "
                + "dbname=\(Options.quoted(database))"
        }

        /// Makes the cluster's files.
        func initialize() async throws {
            try await perform("initialize", or: "initdb failed")
        }

        /// Starts the server and returns when it accepts connections, also if it was running.
        ///
        /// - Throws: ``Failure`` with the end of the server's log if it ended instead or was not ready in a minute.
        package func start() async throws {
            try await perform("start", or: "the server did not start")
        }

        /// Stops the server and returns when all its processes have ended, also if it was not running.
        ///
        /// - Throws: ``Failure`` if it has not ended within a minute.
        package func stop(_ mode: StopMode = .fast) async throws {
            try await perform("stop \(mode.rawValue)", or: "the server did not stop")
        }

        /// Stops the server and starts it again.
        package func restart(_ mode: StopMode = .fast) async throws {
            try await stop(mode)
            try await start()
        }

        /// Freezes the postmaster and all its processes with SIGSTOP: connections stay open and get no answer, as
        /// when a machine hangs. New connections are still taken by the kernel, up to the length of its queue.
        package func pause() async throws {
            try await perform("pause", or: "the server could not be frozen")
        }

        /// Lets a frozen server go on.
        package func resume() async throws {
            try await perform("resume", or: "the server could not be resumed")
        }

        /// Runs SQL through `psql`, each statement in its own transaction, up to the first error.
        ///
        /// - Returns: The rows of all statements as psql prints them: unaligned, columns separated by `|`, NULL empty.
        ///   A line break in a value makes two rows of one.
        /// - Throws: ``Failure`` with psql's message if a statement fails or the server cannot be reached.
        @discardableResult
        package func sql(_ text: String, database: String = "postgres") async throws -> [String] {
            // Not through a pipe: Subprocess traps when a psql that cannot connect has gone before it read the text.
            let script = FilePath("\(folder)/\(UInt64.random(in: 0...UInt64.max)).sql")
            let file = try FileDescriptor.open(
                script, .writeOnly, options: [.create, .exclusiveCreate], permissions: .ownerReadWrite)
            defer { unlink(script.string) }
            try file.closeAfter { _ = try file.writeAll(text.utf8) }
            let psql = try await Subprocess.run(
                .path(FilePath(installation.path("psql"))),
                arguments: [
                    "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--no-align", "--tuples-only",
                    "--dbname=\(connectionString(database: database))", "--file=\(script.string)",
                ],
                environment: .custom(["PATH": "/usr/bin:/bin", "LC_ALL": "C", "PGCLIENTENCODING": "UTF8"]),
                output: .string(limit: 64 << 20),
                error: .string(limit: 1 << 20))
            guard psql.terminationStatus.isSuccess else {
                throw Failure("psql: \(psql.terminationStatus)", details: psql.standardError)
            }
            return psql.standardOutput.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
                .map(String.init)
        }

        private func perform(_ command: String, or failure: String) async throws {
            let status = try await supervisor.perform(command)
            guard status == 0 else { throw Failure(failure, details: lastLinesOfLog()) }
        }

        /// The last lines of the log of `initdb` and the server.
        package func lastLinesOfLog(_ count: Int = 30) -> String {
            guard let log = try? FileDescriptor.open(FilePath("\(folder)/log"), .readOnly) else { return "" }
            defer { try? log.close() }
            let tail = 16_384
            let text = String(unsafeUninitializedCapacity: tail) { buffer in
                let size = (try? log.seek(offset: 0, from: .end)) ?? 0
                let bytes = UnsafeMutableRawBufferPointer(buffer)
                return (try? log.read(fromAbsoluteOffset: max(0, size - Int64(tail)), into: bytes)) ?? 0
            }
            return text.split(separator: "\n").suffix(count).joined(separator: "\n")
        }
    }
}
