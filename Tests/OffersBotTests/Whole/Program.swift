import FoundationEssentials
import Glibc
import Subprocess
import SystemPackage

/// A program of this package as a process.
struct Program: Sendable {
    /// Its process id.
    let processID: Int32

    /// How a process ended, and what it said on stderr.
    struct Ending: Sendable {
        let status: TerminationStatus
        let errors: [String]
    }

    /// The program `name`, which the build put next to the tests.
    static func path(_ name: String) throws -> FilePath {
        let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return FilePath(tests).removingLastComponent().appending(name)
    }

    /// Starts a program, waits for a line on stderr that contains `ready`, lends it to `body`, and ends it with
    /// SIGTERM.
    @discardableResult
    static func run<Value: Sendable>(
        _ name: String, _ arguments: [String], environment: [Environment.Key: String] = [:], ready: String,
        _ body: @Sendable (Program) async throws -> Value
    ) async throws -> (value: Value, ending: Ending) {
        let result = try await Subprocess.run(
            .path(try path(name)), arguments: Arguments(arguments),
            environment: .inherit.updating(environment.mapValues { Optional($0) }),
            input: .none, output: .discarded, error: .sequence
        ) { execution in
            let (started, didStart) = AsyncStream.makeStream(of: Void.self)
            return try await withThrowingTaskGroup(of: [String].self) { group -> (Value, [String]) in
                group.addTask {
                    var lines: [String] = []
                    for try await line in execution.standardError.strings() {
                        lines.append(line)
                        if line.contains(ready) { didStart.finish() }
                    }
                    didStart.finish()
                    return lines
                }
                for await _ in started {}
                let outcome: Result<Value, any Error>
                do {
                    outcome = .success(try await body(Program(processID: execution.processIdentifier.value)))
                } catch {
                    outcome = .failure(error)
                }
                kill(execution.processIdentifier.value, SIGTERM)
                let lines = try await group.next() ?? []
                return (try outcome.get(), lines)
            }
        }
        let (value, lines) = result.closureResult
        return (value, Ending(status: result.terminationStatus, errors: lines))
    }

    /// Sends the process a signal.
    func send(_ signal: Int32) {
        kill(processID, signal)
    }
}
