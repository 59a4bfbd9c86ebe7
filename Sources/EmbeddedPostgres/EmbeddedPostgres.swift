import Subprocess

/// A private Postgres cluster in a temporary folder, for the demo, tests and benchmarks only.
///
/// The cluster uses the server binaries installed on the machine (``Installation``), listens on a Unix socket in
/// its own folder and nowhere else, and trusts every client that can reach that socket: the folder has mode 0700.
/// Any number of clusters can run at the same time.
///
/// Nothing is left behind on any way out. The server is a child of a small shell script (``Supervisor``) that holds
/// the other end of a pipe of this process: when it ends, for whatever reason, SIGKILL included, the script stops the
/// server and removes the folder. The script leads a session of its own, so Ctrl-C in a terminal reaches this process
/// alone, and the server stays until the last use of it ends.
package enum EmbeddedPostgres {
    /// Makes a cluster, starts it, and runs `body` with it; afterwards stops it and removes its folder.
    ///
    /// Started as root, everything runs as the user `postgres`, or `nobody` if there is no such user, because
    /// Postgres refuses root.
    ///
    /// Cancellation reaches `body`, not the server: the server runs until `body` has returned, so that a cancelled
    /// body can still clean up. A body that ignores its cancellation for a minute loses the server.
    ///
    /// - Returns: What `body` returned, once the server has ended and the folder is gone.
    /// - Throws: ``Failure`` if Postgres is not installed or the cluster does not start; otherwise what `body` threw.
    package static func withServer<Value: Sendable>(
        _ options: Options = Options(),
        _ body: (Server) async throws -> Value
    ) async throws -> Value {
        let installation = try Installation.find()
        let run = try await Subprocess.run(
            try Supervisor.configuration(installation: installation, options: options),
            input: .inputWriter,
            output: .sequence,
            error: .combinedWithOutput
        ) { script in
            let supervisor = Supervisor(writer: script.standardInputWriter)
            let output = script.standardOutput
            return await withTaskGroup(of: Void.self) { group in
                group.addTask { await supervisor.readReplies(output) }
                let outcome: Result<Value, any Error>
                do {
                    let server = Server(
                        installation: installation, folder: try await supervisor.folder(), supervisor: supervisor)
                    try await server.initialize()
                    try await server.start()
                    outcome = .success(try await body(server))
                } catch {
                    outcome = .failure(error)
                }
                // End of file is the script's order to stop the server and remove the folder.
                await supervisor.finish()
                await group.waitForAll()
                return outcome
            }
        }
        return try run.closureResult.get()
    }

    /// Why a cluster could not be made, started or used.
    package struct Failure: Error, CustomStringConvertible {
        /// What was tried and what it said, with the last lines of the server's log where there is one.
        package let description: String

        init(_ summary: String, details: String = "") {
            self.description = details.isEmpty ? summary : "\(summary)\n\(details)"
        }
    }
}
