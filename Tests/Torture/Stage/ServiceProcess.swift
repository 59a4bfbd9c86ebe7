import Deadlines
import Foundation
import Glibc
import Postgres
import Subprocess
import Synchronization
import SystemPackage

/// A real `offersd serve` process, started again whenever it ends, as systemd would do it, until it is no longer
/// needed.
final class ServiceProcess: Sendable {
    /// How a process ended.
    struct Ending: Sendable {
        let status: TerminationStatus
        /// From the last signal that was sent to it; nil if none was.
        let time: Duration?
        /// The last lines of its log.
        let log: [String]
    }

    /// It ended before it could serve.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private struct State {
        var process: Int32?
        var started = MonotonicTime.now()
        var signalled: MonotonicTime?
        var isNeeded = true
        var endings: [Ending] = []
    }

    /// Where it serves.
    let socket: String
    private let arguments: [String]
    private let environment: [String: String]
    /// The path of offersd; nil: the one of this build.
    private let program: String?
    private let state = Mutex(State())

    private init(socket: String, arguments: [String], environment: [String: String], program: String?) {
        self.socket = socket
        self.program = program
        self.arguments = arguments
        self.environment = environment
    }

    /// Lends a process that serves on `socket`; ends it by SIGTERM afterwards.
    ///
    /// - Returns: What `body` returned, and how its processes ended, the last one by our SIGTERM.
    static func run<Value: Sendable>(
        socket: String, database: String, _ arguments: [String] = [], environment: [String: String] = [:],
        program: String? = nil, _ body: @Sendable (ServiceProcess) async throws -> Value
    ) async throws -> (value: Value, endings: [Ending]) {
        let service = ServiceProcess(
            socket: socket,
            arguments: ["serve", "--socket", socket, "--database", database, "--log-level", "warning"] + arguments,
            environment: environment, program: program)
        let (listening, didListen) = AsyncStream.makeStream(of: Never.self)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { didListen.finish() }
                try await service.keepRunning(didListen)
            }
            for await _ in listening {}
            let outcome: Result<Value, any Error>
            do { outcome = .success(try await body(service)) } catch { outcome = .failure(error) }
            service.end()
            try await group.waitForAll()
            return (try outcome.get(), service.state.withLock { $0.endings })
        }
    }

    /// The process that runs now.
    var processID: Int32? { state.withLock { $0.process } }

    /// When the process that runs now was started.
    var started: MonotonicTime { state.withLock { $0.started } }

    /// How often a process has ended.
    var endings: Int { state.withLock { $0.endings.count } }

    /// Sends the process a signal, if one runs.
    func send(_ signal: Int32) {
        state.withLock { state in
            state.signalled = .now()
            if let process = state.process { kill(process, signal) }
        }
    }

    private func end() {
        state.withLock { $0.isNeeded = false }
        send(SIGTERM)
    }

    private func keepRunning(_ didListen: AsyncStream<Never>.Continuation) async throws {
        repeat {
            let command = try Programs.withUs() + [try program ?? Programs.built("offersd").string] + arguments
            state.withLock { state in
                state.started = .now()
                state.signalled = nil
            }
            let run = try await Subprocess.run(
                .path(FilePath(command[0])), arguments: Arguments(Array(command.dropFirst())),
                environment: .inherit.updating(
                    Dictionary(uniqueKeysWithValues: environment.map { (.init(stringLiteral: $0), $1) })),
                input: .none, output: .discarded, error: .sequence
            ) { execution in
                let process = execution.processIdentifier.value
                let isNeeded = state.withLock { state in
                    state.process = process
                    return state.isNeeded
                }
                // It may have been told to end when there was nothing to be told.
                if !isNeeded { kill(process, SIGTERM) }
                var log: [String] = []
                var hasListened = false
                for try await line in execution.standardError.strings() {
                    if line.hasPrefix("listening on ") {
                        hasListened = true
                        didListen.finish()
                    } else {
                        log = (log + [line.trimmingCharacters(in: .newlines)]).suffix(50)
                    }
                }
                return (log, hasListened)
            }
            let (log, hasListened) = run.closureResult
            let isNeeded = state.withLock { state in
                state.process = nil
                state.endings.append(
                    Ending(
                        status: run.terminationStatus,
                        time: state.signalled.map { $0.duration(to: .now()) }, log: log))
                return state.isNeeded
            }
            guard hasListened || !isNeeded else {
                throw Failure(description: "offersd \(run.terminationStatus): \(log.joined(separator: "\n"))")
            }
        } while state.withLock { $0.isNeeded }
    }
}
