import Deadlines
import Subprocess
import SystemPackage
import TestDatabase

/// 200 clients with a list a second each, beside one that opens connections as fast as it can. Both are processes of
/// their own, so that only the service and the database stand between them.
struct OverloadByStorm: Sendable {
    /// What was measured.
    struct Measure: Sendable {
        let name: String
        let crowd: Crowd.Measure
        /// Connections of the storm in a second.
        let perSecond: Int
    }

    /// How long each measure takes.
    var duration: Duration
    /// Whether to measure clients that connect for each list, too.
    var reconnects = false
    /// Further arguments of `offersd serve`.
    var arguments: [String] = []

    /// Each crowd alone, beside a storm, and beside one that waits for its replies; then alone again.
    func run() async throws -> [Measure] {
        try await Stage.run(Stage.Options(services: 1, arguments: arguments)) { stage in
            let master = stage.masters[0]
            let orders = try await stage.database.insert((0..<10).map { _ in OrderRow(cityID: 1) })
            try await stage.database.insert(orders.map { OfferRow(orderID: $0, masterID: master) })
            let common = [
                "--socket", stage.services[0].socket, "--master", "\(master)",
                "--milliseconds", "\(duration.wholeMilliseconds)",
            ]
            var measures: [Measure] = []
            for (name, flags) in crowds {
                for (storm, stormFlags) in [
                    ("alone", nil), ("beside a storm", []), ("beside a storm that reads", ["--reads"]),
                    ("alone again", nil),
                ] as [(String, [String]?)] {
                    let (crowdIsReady, isReady) = AsyncStream.makeStream(of: Never.self)
                    async let line = crowd(common + flags) { isReady.finish() }
                    for await _ in crowdIsReady {}
                    var count = 0
                    if let stormFlags { count = Int(try await child(["storm"] + common + stormFlags)) ?? 0 }
                    guard let measure = Crowd.Measure(try await line) else { throw Programs.Missing(description: name) }
                    measures.append(
                        Measure(
                            name: "\(name), \(storm)", crowd: measure,
                            perSecond: count * 1000 / Int(duration.wholeMilliseconds)))
                }
            }
            return measures
        }.value
    }

    private var crowds: [(String, [String])] {
        [("200 clients", [])] + (reconnects ? [("200 clients that connect for each list", ["--reconnects"])] : [])
    }

    /// Runs a crowd in a process of its own. Returns the line of its measure.
    private func crowd(_ arguments: [String], ready: @Sendable () -> Void) async throws -> String {
        defer { ready() }
        let command = try Programs.withUs() + [Programs.built("torture").string, "crowd"] + arguments
        let run = try await Subprocess.run(
            .path(FilePath(command[0])), arguments: Arguments(Array(command.dropFirst())), input: .none,
            output: .sequence, error: .discarded
        ) { execution in
            var last = ""
            for try await line in execution.standardOutput.strings() {
                last = String(line.filter { !$0.isNewline })
                if last == Crowd.ready { ready() }
            }
            return last
        }
        return run.closureResult
    }

    /// Runs this program with other arguments, and returns what it printed.
    private func child(_ arguments: [String]) async throws -> String {
        let command = try Programs.withUs() + [Programs.built("torture").string] + arguments
        return String(try await Programs.run(command).prefix { !$0.isNewline })
    }
}
