import EmbeddedPostgres
import FoundationEssentials
import Glibc
import Subprocess
import SystemPackage

/// pgbench(1) on the benchmark's database, statements prepared.
struct PgBench: Sendable {
    let server: EmbeddedPostgres.Server
    let masters: Int

    /// What pgbench did and how long its transactions took.
    struct Outcome: Sendable {
        var transactions: Int
        var values: [Quantity: Double]
    }

    /// Runs the script for `seconds` with `clients` clients on one thread; with a rate, so many transactions a second,
    /// whose time runs from when they should have begun. A quarter of the transactions is timed.
    ///
    /// - Throws: ``LoadFailure`` with what pgbench printed when it fails or a transaction does.
    func run(_ script: PgBenchScript, clients: Int, seconds: Int, perSecond rate: Double? = nil) async throws -> Outcome
    {
        let prefix = "pgbench-\(UInt32.random(in: 0...UInt32.max))"
        let file = "\(server.folder)/\(prefix).sql"
        try script.text.write(toFile: file, atomically: false, encoding: .utf8)
        defer { unlink(file) }
        let run = try await Subprocess.run(
            .path(FilePath("\(server.installation.programs)/pgbench")),
            arguments: Arguments(
                [
                    "--no-vacuum", "--protocol=prepared", "--client=\(clients)", "--jobs=1", "--time=\(seconds)",
                    "--define=masters=\(masters)", "--define=clients=\(clients)", "--define=i=0", "--file=\(file)",
                    "--log", "--sampling-rate=0.25", "--log-prefix=\(server.folder)/\(prefix)",
                ] + (rate.map { ["--rate=\(Int($0))"] } ?? []) + [server.connectionString()]),
            environment: .custom(["PATH": "/usr/bin:/bin", "LC_ALL": "C"]),
            output: .string(limit: 1 << 20), error: .combinedWithOutput)
        let output = run.standardOutput
        guard run.terminationStatus.isSuccess, let summary = PgBenchText.summary(of: output) else {
            throw LoadFailure(description: "pgbench: \(run.terminationStatus)\n\(output)")
        }
        var log = ""
        for name in try FileManager.default.contentsOfDirectory(atPath: server.folder)
        where name.hasPrefix(prefix + ".") {
            guard name != "\(prefix).sql" else { continue }
            log += try String(contentsOfFile: "\(server.folder)/\(name)", encoding: .utf8)
            unlink("\(server.folder)/\(name)")
        }
        var values = PgBenchText.percentiles(ofLog: log)
        values[.perSecond] = summary.perSecond
        return Outcome(transactions: summary.transactions, values: values)
    }
}

/// What pgbench prints and writes, as values.
enum PgBenchText {
    /// Nil if the text has no result, or one with failed transactions.
    static func summary(of output: String) -> (transactions: Int, perSecond: Double)? {
        func number(after title: String) -> Double? {
            let line = output.split(separator: "\n").first { $0.hasPrefix(title) }
            return line.flatMap { Double($0.dropFirst(title.count).prefix { $0.isNumber || $0 == "." }) }
        }
        guard let transactions = number(after: "number of transactions actually processed: "),
            let perSecond = number(after: "tps = "),
            number(after: "number of failed transactions: ") ?? 0 == 0
        else { return nil }
        return (Int(transactions), perSecond)
    }

    /// Of the log's lines the third word is the latency in microseconds.
    static func percentiles(ofLog log: String) -> [Quantity: Double] {
        let latencies = log.utf8.split(separator: UInt8(ascii: "\n")).compactMap { line -> Double? in
            let words = line.split(separator: UInt8(ascii: " "), maxSplits: 3)
            return words.count > 2 ? Double(Substring(words[2])) : nil
        }
        guard let p50 = latencies.percentile(50), let p99 = latencies.percentile(99) else { return [:] }
        return [.p50: p50, .p99: p99]
    }
}
