import ArgumentParser
import EmbeddedPostgres
import FoundationEssentials
import Glibc
import OffersServer
import SystemPackage
import UnixSignals

/// offersd beside pgbench, or beside another offersd, on a private Postgres.
@main
struct Benchmark: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "offersd-benchmark",
        abstract: "Measure offersd beside pgbench, on a private Postgres with made-up data.",
        discussion: """
            It starts a Postgres in a temporary folder, durable as in production, loads the data, and lets offersd and \
            pgbench (prepared statements) do the same work in turns. The tables have the medians of all rounds; × is \
            the median of the ratios of each round. Tables go to standard output, progress to standard error. Nothing \
            stays afterwards.
            """)

    @Argument(
        help:
            "What to measure: \(Mode.allCases.map(\.rawValue).joined(separator: ", ")). Without it, all but capacity and instructions."
    )
    var modes: [Mode] = []

    @Option(help: "How often each subject is measured.")
    var rounds = 5

    @Option(help: "Seconds of each measurement.")
    var seconds = 5

    @Option(help: "The scale: masters, each with 20 orders and 96 offers.")
    var masters = 10_000

    @Option(help: "Accepts a second beside the lists of 'mixed'.")
    var acceptRate = 100

    @Option(help: "The offersd to measure. Default: the one that was built next to this program.")
    var offersd: String?

    @Option(help: "Flags for its 'serve', in one word.")
    var args = ""

    @Option(help: "Another offersd, which takes the place of pgbench. The ratios are those of this one to the first.")
    var vs: String?

    @Option(help: "Flags for the other one's 'serve'; without --vs it is the same program with these flags.")
    var vsArgs: String?

    @Option(help: "Where Postgres's folder is made. fsync means nothing on a tmpfs.")
    var folder = "/tmp"

    @Flag(help: "Print all samples and medians as JSON instead of the tables.")
    var json = false

    @Option(help: "Draw throughput and latency by connections into this file; needs the mode 'connections'.")
    var svg: String?

    @Option(help: "A file with the instructions that a list and an accept may take; 3 % more or less is a failure.")
    var limits: String?

    func validate() throws {
        guard rounds > 0, seconds > 0, acceptRate > 0 else {
            throw ValidationError("rounds, seconds and accepts must be above 0")
        }
        guard masters >= 100 else { throw ValidationError("there must be at least 100 masters") }
        if limits != nil, !modes.contains(.instructions) {
            throw ValidationError("--limits needs the mode 'instructions'")
        }
        if svg != nil, !modes.isEmpty, !modes.contains(.connections) {
            throw ValidationError("--svg needs the mode 'connections'")
        }
    }

    func run() async throws {
        try Self.raiseDescriptorLimit()
        var subjects = [Subject.offersd(OffersdBuild(name: "offersd", binary: try binary(), arguments: words(args)))]
        if vs != nil || vsArgs != nil {
            let other = OffersdBuild(name: "other", binary: try vs ?? binary(), arguments: words(vsArgs ?? args))
            subjects.append(.offersd(other))
        } else {
            subjects.insert(.pgbench, at: 0)
        }
        let order = subjects
        let report = try await Interruption.ends { try await measure(order) }
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            print(String(decoding: try encoder.encode(report), as: UTF8.self))
        } else {
            print(report.table)
        }
        if let svg {
            try Chart(report).svg.write(toFile: svg, atomically: true, encoding: .utf8)
        }
        if let limits { try check(report, against: limits) }
    }

    private func measure(_ subjects: [Subject]) async throws -> Report {
        let options = EmbeddedPostgres.Options(
            settings: [
                ("shared_buffers", "512MB"), ("max_connections", "200"), ("max_wal_size", "8GB"),
                ("checkpoint_timeout", "1h"), ("autovacuum", "off"),
            ],
            durable: true, parentFolder: folder)
        var report = Report(circumstances: [
            "processors": "\(ProcessInfo.processInfo.activeProcessorCount)", "masters": "\(masters)",
            "rounds": "\(rounds)", "seconds": "\(seconds)", "offersd": args, "other": "\(vs ?? "") \(vsArgs ?? "")",
        ])
        let chosen = modes.isEmpty ? Mode.usual : modes
        try await EmbeddedPostgres.withServer(options) { server in
            Progress.show("loading \(masters) masters, \(masters * 20) orders, some \(masters * 96) offers ...")
            try await server.sql(Schema.sql)
            try await server.sql(Seed.sql(masters: masters))
            let pairs = try await server.sql(Seed.pairs).compactMap { line -> AcceptablePair? in
                let numbers = line.split(separator: " ").compactMap { Int($0) }
                return numbers.count == 2 ? AcceptablePair(master: numbers[0], order: numbers[1]) : nil
            }
            let bench = Bench(
                server: server, masters: masters, rounds: rounds, seconds: seconds, acceptRate: acceptRate,
                subjects: subjects, lists: .lists(masters: masters), accepts: .accepts(pairs))
            for mode in chosen { report.add(try await bench.samples(of: mode)) }
        }
        return report
    }

    private func check(_ report: Report, against file: String) throws {
        var counts: [String: Double] = [:]
        for row in report.rows where row.mode == Mode.instructions.rawValue && row.subject.hasPrefix("offersd, ") {
            counts[String(row.subject.dropFirst("offersd, ".count))] = row.medians[.instructions]
        }
        let complaints = InstructionLimits(try String(contentsOfFile: file, encoding: .utf8)).complaints(about: counts)
        guard complaints.isEmpty else {
            throw LoadFailure(
                description: complaints.joined(separator: "\n")
                    + "\nIf that is meant, write the new number into \(file).")
        }
    }

    private func binary() throws -> String {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let path = offersd ?? FilePath(own).removingLastComponent().appending("offersd").string
        guard access(path, X_OK) == 0 else {
            throw ValidationError("\(path) is not there; build it: swift build -c release --product offersd")
        }
        return path
    }

    private func words(_ text: String) -> [String] {
        text.split(separator: " ").map(String.init)
    }

    /// A thousand connections have two ends, and one of them is ours.
    private static func raiseDescriptorLimit() throws {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}

/// Ctrl-C or SIGTERM: no process and no file stays.
struct Interruption: Error, CustomStringConvertible {
    let description = "interrupted"

    /// Runs `body`, and cancels it when a signal comes.
    ///
    /// - Throws: ``Interruption`` once everything that `body` started has ended; what `body` throws.
    static func ends<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) { throw Interruption() }
                return nil
            }
            defer { group.cancelAll() }
            while let value = try await group.next() {
                if let value { return value }
            }
            throw Interruption()
        }
    }
}

/// What goes on, for a reader who waits.
enum Progress {
    /// Writes a line to standard error.
    static func show(_ line: String) {
        _ = try? FileDescriptor.standardError.writeAll((line + "\n").utf8)
    }
}
