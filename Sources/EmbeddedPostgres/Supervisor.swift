import Subprocess
import Synchronization
import SystemPackage

extension EmbeddedPostgres {
    /// Our side of the shell script that owns the server (``script``): sends it commands and reads its replies.
    ///
    /// The script works on one command at a time, so a command that has been sent is finished even if this process dies
    /// at once; only then does the script see the end of its input and cleans up.
    final class Supervisor: Sendable {
        private struct State {
            var lastID = 0
            var waiting: [Int: AsyncStream<Int32>.Continuation] = [:]
            var hasEnded = false
            /// Lines that are no replies: the script's complaints before it has a log.
            var complaints: [String] = []
        }

        private let writer: StandardInputWriter
        private let state = Mutex(State())
        private let folders = AsyncStream.makeStream(of: String.self)

        init(writer: StandardInputWriter) {
            self.writer = writer
        }

        /// How the script is started: in its own session, as the server's user.
        static func configuration(installation: Installation, options: Options) throws -> Configuration {
            var platform = PlatformOptions()
            platform.createSession = true
            // Used when the task is cancelled: a minute of grace for the body, marked by a signal that does nothing
            // to a running process; then the script's own orderly end; SIGKILL, which would orphan the server, is last.
            platform.teardownSequence = [
                .send(signal: .resume, allowedDurationToNextStep: .seconds(60)),
                .send(signal: .terminate, allowedDurationToNextStep: .seconds(60)),
            ]
            let shell = try shell
            return Configuration(
                executable: shell.executable,
                arguments: Arguments(shell.arguments + arguments(installation: installation, options: options)),
                // Nothing of PG* from outside, messages in English.
                environment: .custom(["PATH": "/usr/bin:/bin", "LC_ALL": "C"]),
                workingDirectory: "/",
                platformOptions: platform)
        }

        /// A shell as the server's user: `/bin/sh`, through setpriv(1) as root.
        ///
        /// Not through `PlatformOptions.userID`: Subprocess's child comes from a bare clone3(2), in which glibc's
        /// setuid and setgroups still expect the parent's other threads, and hang for ever if one was just starting.
        static var shell: (executable: Executable, arguments: [String]) {
            get throws {
                guard let account = try ServerAccount.forServer() else { return (.path("/bin/sh"), []) }
                let options = ["--reuid=\(account.userID)", "--regid=\(account.groupID)", "--clear-groups"]
                return (.name("setpriv"), options + ["/bin/sh"])
            }
        }

        /// The arguments of the shell: the script and its own.
        static func arguments(installation: Installation, options: Options) -> [String] {
            [
                "-c", script, "embedded-postgres", installation.programs, options.parentFolder,
                options.configurationText(folder: folderMark),
            ] + options.makingArguments
        }

        /// The cluster's folder, which the script makes first of all.
        func folder() async throws -> String {
            for await folder in folders.stream { return folder }
            try Task.checkCancellation()
            let complaints = state.withLock { $0.complaints.joined(separator: "\n") }
            throw Failure("the folder of the cluster could not be made", details: complaints)
        }

        /// Has the script carry out `command` and returns its exit status, 0 if all went well.
        ///
        /// - Throws: ``Failure`` if the script has ended; `CancellationError` if the task is cancelled, while the
        ///   command may still be carried out.
        func perform(_ command: String) async throws -> Int32 {
            let (replies, reply) = AsyncStream.makeStream(of: Int32.self)
            let id = state.withLock { state in
                state.lastID += 1
                // With no script left there would be no answer.
                if state.hasEnded { reply.finish() } else { state.waiting[state.lastID] = reply }
                return state.lastID
            }
            _ = try await writer.write("\(id) \(command)\n")
            for await status in replies { return status }
            try Task.checkCancellation()
            throw Failure("the supervisor of the cluster ended during '\(command)'")
        }

        /// Closes the script's input: its order to stop the server, remove the folder and end.
        func finish() async {
            // It fails only if the descriptor is gone, and then the script has seen its end of file already.
            try? await writer.finish()
        }

        /// Hands replies to the callers that wait for them, until the script ends.
        func readReplies(_ output: SubprocessOutputSequence) async {
            do {
                for try await line in output.strings() { receive(line) }
            } catch {
                // Our task was cancelled. The script goes on; those who wait are told below.
            }
            folders.continuation.finish()
            let abandoned = state.withLock { state in
                state.hasEnded = true
                defer { state.waiting = [:] }
                return state.waiting.values
            }
            for reply in abandoned { reply.finish() }
        }

        private func receive(_ line: String) {
            let words = line.split(separator: " ", maxSplits: 1).map(String.init)
            if words.count == 2, words[0] == "folder" {
                folders.continuation.yield(words[1])
            } else if words.count == 2, let id = Int(words[0]), let status = Int32(words[1]) {
                let reply = state.withLock { $0.waiting.removeValue(forKey: id) }
                reply?.yield(status)
            } else {
                state.withLock { $0.complaints.append(line) }
            }
        }
    }
}
