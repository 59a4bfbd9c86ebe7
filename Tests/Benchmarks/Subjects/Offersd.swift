import FoundationEssentials
import Glibc
import Subprocess
import SystemPackage

/// A build of offersd with its settings.
struct OffersdBuild: Sendable {
    /// What it is called in the report.
    let name: String
    let binary: String
    /// Flags of `offersd serve`, besides socket and database.
    let arguments: [String]
    /// What comes before `serve`, when the program is one that runs offersd.
    var before: [String] = []
}

/// An `offersd serve` that listens.
struct Offersd: Sendable {
    let socket: String
    let process: ProcessFigures
    /// Milliseconds from its start until it said that it listens.
    let readyMilliseconds: Double

    /// Starts it, lends it to `body`, and ends it.
    ///
    /// - Throws: ``LoadFailure`` with its last words when it ended instead of listening or did not end with 0; what
    ///   `body` threw.
    static func run<Value: Sendable>(
        _ build: OffersdBuild, folder: String, database: String, _ body: @Sendable (Offersd) async throws -> Value
    ) async throws -> Value {
        let socket = "\(folder)/offers-\(UInt32.random(in: 0...UInt32.max)).sock"
        let begin = Clock.monotonic()
        let result = try await Subprocess.run(
            .path(FilePath(build.binary)),
            arguments: Arguments(
                build.before + ["serve", "--socket", socket, "--database", database, "--log-level", "warning"]
                    + build.arguments),
            input: .none, output: .discarded, error: .sequence
        ) { execution -> (Value, [String]) in
            let (listening, isListening) = AsyncStream.makeStream(of: UInt64.self)
            return try await withThrowingTaskGroup(of: [String].self) { group in
                group.addTask {
                    var lines: [String] = []
                    for try await line in execution.standardError.strings() {
                        if line.hasPrefix("listening on ") { isListening.yield(Clock.monotonic()) }
                        lines = lines.suffix(20) + [line]
                    }
                    isListening.finish()
                    return lines
                }
                guard let ready = await listening.first(where: { _ in true }) else {
                    let lines = try await group.next() ?? []
                    throw LoadFailure(description: "\(build.binary) did not listen:\n\(lines.joined())")
                }
                let offersd = Offersd(
                    socket: socket, process: ProcessFigures(processID: execution.processIdentifier.value),
                    readyMilliseconds: Double(ready - begin) / 1e6)
                let outcome: Result<Value, any Error>
                do { outcome = .success(try await body(offersd)) } catch { outcome = .failure(error) }
                kill(execution.processIdentifier.value, SIGTERM)
                let lines = try await group.next() ?? []
                return (try outcome.get(), lines)
            }
        }
        guard result.terminationStatus.isSuccess else {
            throw LoadFailure(
                description: "\(build.binary): \(result.terminationStatus)\n\(result.closureResult.1.joined())")
        }
        return result.closureResult.0
    }
}
