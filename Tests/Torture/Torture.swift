import ArgumentParser
import Deadlines
import Postgres

/// Long runs of what the tests do for a short time.
@main
struct Torture: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "torture",
        abstract: "Races, faults, overload, shutdown and clusters against real processes of offersd, with a checker.",
        subcommands: [
            RunOrdeals.self, MeasureOverload.self, RunTakeover.self, RunCluster.self, RunCrowd.self, RunStorm.self,
        ], defaultSubcommand: RunOrdeals.self)
}

/// `torture ordeal`: one ordeal after the other, each with the next seed, on a new database.
struct RunOrdeals: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ordeal", abstract: "Clients, other writers and faults, and a checker over all of it (default).")

    @Option(help: "How long, in minutes; what has begun is finished.") var minutes = 5.0
    @Option(help: "The seed of the first ordeal.") var seed: UInt64 = 1
    @Option(help: "How long clients work before and after each fault, in seconds.") var seconds = 3.0
    @Option(help: "Only these faults, separated by commas; 'none' for races alone.") var faults: String?
    @Option(help: "Only this way to the database: \(Stage.Way.allCases.map(\.rawValue).joined(separator: ", ")).")
    var way: String?

    func run() async throws {
        let end = MonotonicTime.now().advanced(by: .seconds(60) * minutes)
        var number: UInt64 = 0
        var broken = 0
        repeat {
            let ordeal = try ordeal(number: number)
            print("seed \(ordeal.seed), \(ordeal.stage.way), \(ordeal.faults.map(\.rawValue).joined(separator: " "))")
            let report = try await ordeal.run()
            print(report.summary)
            let violations = report.violations()
            for violation in violations.prefix(20) { print("VIOLATION \(violation)") }
            broken += violations.count
            number += 1
        } while MonotonicTime.now() < end
        print("\(number) ordeals, \(broken) violations")
        if broken > 0 { throw ExitCode.failure }
    }

    private func ordeal(number: UInt64) throws -> Ordeal {
        let seed = seed + number
        var generator = SeededGenerator(seed: seed)
        let ways = Stage.Way.allCases
        guard let way = way.map({ Stage.Way(rawValue: $0) }) ?? ways[Int(number) % ways.count] else {
            throw ValidationError("there is no way '\(self.way ?? "")'")
        }
        var chosen: [Fault]
        if let faults {
            chosen = try faults.split(separator: ",").filter { $0 != "none" }.map {
                guard let fault = Fault(rawValue: String($0)) else {
                    throw ValidationError("there is no fault '\($0)'")
                }
                return fault
            }
        } else {
            chosen = way == .standby ? [.terminatedBackends, .failover] : Fault.allCases.filter { $0 != .failover }
            if way != .standby { chosen.shuffle(using: &generator) }
        }
        var stage = Stage.Options(way: way)
        if chosen.contains(.frozen) { (stage.readDeadline, stage.writeDeadline) = (.seconds(2), .seconds(5)) }
        return Ordeal(seed: seed, phase: .seconds(seconds), faults: chosen, stage: stage)
    }
}

/// `torture overload`: what a well-behaved client notices of others.
struct MeasureOverload: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "overload", abstract: "Latencies of a well-behaved client and the service's memory beside others.")

    @Option(help: "How long each misbehaviour is measured, in seconds.") var seconds = 5.0
    @Option(help: "Arguments of offersd serve, separated by blanks.") var serve = ""
    @Flag(help: "Only what 200 clients in a process of their own notice of a storm of connections.") var storm = false
    @Flag(help: "Only what accepts of free orders notice of other orders that another program has locked.")
    var locks = false

    func run() async throws {
        if !storm { try await measureLocks() }
        if locks { return }
        let measures = try await OverloadByStorm(
            duration: .seconds(seconds), arguments: serve.split(separator: " ").map(String.init)
        ).run()
        for measure in measures {
            let times = latencies(measure.crowd.median, measure.crowd.p99, longest: measure.crowd.longest)
            print("\(measure.name): \(measure.crowd.calls) lists, \(times), \(measure.perSecond) connections a second")
        }
        if !storm { try await misbehaviours() }
    }

    private func measureLocks() async throws {
        let arguments = serve.split(separator: " ").map(String.init)
        for measure in try await OverloadByLocks(duration: .seconds(seconds), arguments: arguments).run() {
            let times = latencies(measure.median, measure.p99, longest: measure.longest)
            print("\(measure.name): \(measure.accepts) accepts, \(times)")
        }
    }

    private func misbehaviours() async throws {
        let measures = try await Overload(duration: .seconds(seconds)).run()
        for measure in measures {
            let times = latencies(measure.median, measure.p99)
            print("\(measure.name): \(measure.calls) calls, \(times), resident \(measure.resident / 1024) MiB")
        }
    }

    private func latencies(_ median: Duration, _ p99: Duration, longest: Duration? = nil) -> String {
        "median \(median.wholeMicroseconds) µs, p99 \(p99.wholeMicroseconds) µs"
            + (longest.map { ", longest \($0.wholeMicroseconds) µs" } ?? "")
    }
}

/// `torture takeover`: instances that follow each other on one socket.
struct RunTakeover: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "takeover", abstract: "Instances take over from each other on one listening socket.")

    @Option(help: "How many times.") var rounds = 20
    @Flag(help: "The next one starts before the one before ends. Only for a release build of offersd.")
    var overlap = false
    @Option(help: "The offersd to run; by default the one of this build.") var offersd: String?

    func run() async throws {
        let takeover = Takeover(rounds: rounds, order: overlap ? .overlap : .restart, offersd: offersd)
        let outcome = try await takeover.run()
        print("\(outcome.answered) answered, \(outcome.closed) closed unanswered, statuses \(outcome.statuses)")
        for failure in outcome.failures.prefix(20) { print("FAILURE \(failure)") }
        guard outcome.failures.isEmpty, outcome.statuses.allSatisfy({ $0 == "0" }), outcome.isMostlyAnswered else {
            throw ExitCode.failure
        }
    }
}
