import Foundation
import Glibc
import Subprocess
import SystemPackage

/// A real `offersd serve` process, on sockets in a folder of its own, for the time of a test.
struct OffersdProcess: Sendable {
    /// A short folder that is removed afterwards.
    let folder: String
    /// The socket with all methods.
    var socket: String { folder + "/offers.sock" }
    /// The operators' socket.
    var opsSocket: String { folder + "/ops.sock" }
    /// Its process id.
    let processID: Int32

    /// How a process ended, and what it said on stderr.
    struct Ending: Sendable {
        let status: TerminationStatus
        let errors: [String]
    }

    /// A folder for sockets, removed afterwards; the path is short enough for a Unix socket.
    @discardableResult
    static func withFolder<Value: Sendable>(_ body: (String) async throws -> Value) async throws -> Value {
        let folder = "/tmp/offersd-\(UInt32.random(in: 0...UInt32.max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        return try await body(folder)
    }

    /// Starts the process, waits until it says that it listens, and lends it to `body`; then ends it with SIGTERM
    /// unless it has ended, and returns how.
    @discardableResult
    static func run(
        in folder: String, on connectionString: String, _ arguments: [String] = [],
        environment: [Environment.Key: String] = [:], _ body: @Sendable (OffersdProcess) async throws -> Void
    ) async throws -> Ending {
        let serve = ["serve", "--socket", folder + "/offers.sock", "--ops-socket", folder + "/ops.sock"]
        return try await run(
            in: folder, serve + ["--database", connectionString] + arguments, environment: environment, sockets: 2, body
        )
    }

    /// As above, with nothing but these arguments; `sockets` is the number of sockets that it listens on.
    @discardableResult
    static func run(
        in folder: String, _ arguments: [String], environment: [Environment.Key: String] = [:], sockets: Int,
        _ body: @Sendable (OffersdProcess) async throws -> Void
    ) async throws -> Ending {
        // What takes its time on a busy machine is not given up. A test that is about a deadline sets it.
        let patient: [Environment.Key: String] = [
            "OFFERSD_READ_DEADLINE_MS": "60000", "OFFERSD_WRITE_DEADLINE_MS": "60000",
        ]
        let result = try await Subprocess.run(
            .path(try BuiltProgram.path("offersd")), arguments: Arguments(arguments),
            environment: .inherit.updating(patient.merging(environment) { $1 }.mapValues { Optional($0) }),
            workingDirectory: nil, platformOptions: PlatformOptions(),
            input: .none, output: .discarded, error: .sequence
        ) { execution in
            let (listening, didListen) = AsyncStream.makeStream(of: Void.self)
            return try await withThrowingTaskGroup(of: [String].self) { group in
                group.addTask {
                    var lines: [String] = []
                    for try await line in execution.standardError.strings() {
                        lines.append(line.trimmingCharacters(in: .newlines))
                        if lines.count(where: { $0.hasPrefix("listening on ") }) == sockets { didListen.finish() }
                    }
                    didListen.finish()
                    return lines
                }
                for await _ in listening {}
                let outcome: Result<Void, any Error>
                do {
                    outcome = .success(
                        try await body(OffersdProcess(folder: folder, processID: execution.processIdentifier.value)))
                } catch {
                    outcome = .failure(error)
                }
                kill(execution.processIdentifier.value, SIGTERM)
                let lines = try await group.next() ?? []
                try outcome.get()
                return lines
            }
        }
        return Ending(status: result.terminationStatus, errors: result.closureResult)
    }

    /// Sends the process a signal.
    func send(_ signal: Int32) {
        kill(processID, signal)
    }

    /// Runs offersctl against `$S`; what it printed ends with its exit status.
    func offersctl(_ arguments: String) async throws -> String {
        let program = try BuiltProgram.path("offersctl").string
        return try await shell("'\(program)' --socket $S --deadline 100 \(arguments); echo $?")
    }

    /// Runs a line of a shell with `$S` and `$OPS` set to the two sockets.
    func shell(_ script: String) async throws -> String {
        let run = try await BuiltProgram.shell("S=$1 OPS=$2; " + script, socket, opsSocket)
        return run.output
    }
}
