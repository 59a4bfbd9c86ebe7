import ArgumentParser
import Deadlines
@preconcurrency import Glibc
import Postgres
import Subprocess

/// `torture cluster`: clusters that Patroni keeps, of two machines and of three, and what happens to such.
struct RunCluster: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster",
        abstract: "Clusters of Debian's Patroni and etcd, in namespaces of this machine, and a checker. Needs root.")

    @Option(help: "The seed of the first round.") var seed: UInt64 = 1
    @Option(help: "How many times all incidents come, each time in another order.") var passes = 1
    @Option(help: "How many machines have a Postgres, 2 or 3; both by default, one after the other.") var nodes: Int?
    @Option(
        help: "Only these incidents, separated by commas: \(Incident.allCases.map(\.rawValue).joined(separator: ", "))."
    )
    var incidents: String?
    @Option(help: "What a busy machine is given on top of each promise, in milliseconds.") var room: Int64 = 2000
    @Option(help: "How long clients work before and after each incident, in seconds.") var seconds = 1.5
    @Option(help: "The offersd to run; by default the one of this build.") var offersd: String?
    @Flag(help: .hidden) var inside = false

    func validate() throws {
        guard nodes == nil || nodes == 2 || nodes == 3 else { throw ValidationError("--nodes is 2 or 3") }
        _ = try chosen()
    }

    func run() async throws {
        setvbuf(stdout, nil, _IOLBF, 0)
        if inside { return try await runInside(nodes ?? 2) }
        var isBroken = false
        for nodes in nodes.map({ [$0] }) ?? [2, 3] {
            var arguments = [
                "cluster", "--inside", "--nodes", "\(nodes)", "--seed", "\(seed)", "--passes", "\(passes)", "--room",
                "\(room)", "--seconds", "\(seconds)",
            ]
            if let incidents { arguments += ["--incidents", incidents] }
            if let offersd { arguments += ["--offersd", offersd] }
            isBroken = try await !Laboratory.run(arguments).isSuccess || isBroken
        }
        if isBroken { throw ExitCode.failure }
    }

    private func chosen() throws -> [Incident] {
        guard let incidents else { return Incident.allCases }
        return try incidents.split(separator: ",").map {
            guard let incident = Incident(rawValue: String($0)) else {
                throw ValidationError("there is no incident '\($0)'")
            }
            return incident
        }
    }

    /// In the namespaces.
    private func runInside(_ nodes: Int) async throws {
        let chosen = try chosen()
        let began = MonotonicTime.now()
        let run = try await ClusterStage.run(nodes: nodes, seed: seed, offersd: offersd) { stage in
            print("\(nodes) machines with Postgres are up after \(began.duration(to: .now()).wholeMilliseconds) ms")
            var broken = 0
            var number: UInt64 = 0
            for _ in 0..<passes {
                var generator = SeededGenerator(seed: seed + number)
                for incident in chosen.count > 1 ? chosen.shuffled(using: &generator) : chosen {
                    broken += try await play(incident, seed: seed + number, on: stage)
                    number += 1
                }
            }
            return broken
        }
        for ending in run.endings where ending.status != .exited(0) {
            print("VIOLATION offersd ended with \(ending.status): \(ending.log.suffix(5).joined(separator: "\n"))")
        }
        print("\(run.value) violations on \(nodes) machines")
        if run.value > 0 || run.endings.contains(where: { $0.status != .exited(0) }) { throw ExitCode.failure }
    }

    private func play(_ incident: Incident, seed: UInt64, on stage: ClusterStage) async throws -> Int {
        print("\(incident.rawValue), seed \(seed), \(stage.cluster.nodes.count) machines")
        do {
            let round = ClusterRound(incident: incident, seed: seed, phase: .seconds(seconds))
            let report = try await round.run(on: stage)
            print(report.summary)
            let violations = report.violations(room: .milliseconds(room))
            for violation in violations.prefix(10) { print("  VIOLATION \(violation.prefix(1500))") }
            return violations.count
        } catch {
            print(stage.cluster.logs)
            throw error
        }
    }
}
