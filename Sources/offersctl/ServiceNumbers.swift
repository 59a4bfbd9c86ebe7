import JSONRPC
import Offers

/// The numbers of the service at one moment: a value. Names are those of the result of `metrics`.
struct ServiceNumbers: Decodable, Sendable {
    /// Calls of one method since the start.
    struct Method: Decodable, Sendable {
        /// How many ended with `ok`, and how many with each refusal.
        var outcomes: [String: Int64] = [:]
        /// Calls by the bounds of the sample, each with those of the bounds below it; all of them last.
        var cumulativeCounts: [Int64]
        /// How many were slow enough for a line in the log.
        var slow: Int64 = 0
        /// Quantiles of all calls since the start, such as `p99.0`.
        var latencyMicroseconds: [String: Int64]?

        /// All calls.
        var calls: Int64 { cumulativeCounts.last ?? 0 }
        /// How many were refused, by reason.
        var refusals: [String: Int64] { outcomes.filter { $0.key != "ok" } }
        /// All that were refused.
        var refused: Int64 { refusals.values.reduce(0, +) }
    }

    /// Database connections of one kind.
    struct Pool: Decodable, Sendable {
        /// How many there are to be, are open, and work.
        var connections: Int64
        var connected: Int64
        var busy: Int64
        /// Requests that wait for one.
        var waiting: Int64
        /// Connections opened, and attempts that failed, since the start.
        var opened: Int64 = 0
        var failedAttempts: Int64 = 0
    }

    /// The status that is known without asking the database.
    var health: String
    var version: String
    var processId: Int64
    /// Seconds since 1970.
    var startTimeSeconds: Int64
    /// The upper bounds of the buckets; beyond the last there is one more.
    var latencyBoundsMicroseconds: [Int64]
    var methods: [String: Method]
    /// What was refused before any method was called, since the start.
    var refusals: [String: Int64] = [:]
    /// Connections of clients that are open, by socket.
    var connections: [String: Int64] = [:]
    var pool: [String: Pool] = [:]
    /// What was run again, and lines of the log that were dropped, since the start.
    var readRetries: Int64 = 0
    var claimRetries: Int64 = 0
    var claimSeparations: Int64 = 0
    var logLinesDropped: Int64 = 0

    /// All that was run again.
    var retries: Int64 { readRetries + claimRetries + claimSeparations }
    /// Which process it is: another one counts from zero.
    private var identity: [Int64] { [processId, startTimeSeconds] }

    /// Whether a later sample is of another process, or of counters that began again.
    func isBefore(restart later: ServiceNumbers) -> Bool {
        identity != later.identity || latencyBoundsMicroseconds != later.latencyBoundsMicroseconds
            || methods.contains { name, method in (later.methods[name]?.calls ?? 0) < method.calls }
    }

    /// The numbers of a process that has done nothing yet.
    var beginning: ServiceNumbers {
        var sample = self
        (sample.methods, sample.refusals) = ([:], [:])
        (sample.readRetries, sample.claimRetries, sample.claimSeparations, sample.logLinesDropped) = (0, 0, 0, 0)
        for name in pool.keys {
            sample.pool[name]?.opened = 0
            sample.pool[name]?.failedAttempts = 0
        }
        return sample
    }
}

extension ServiceNumbers {
    /// Decodes the result of `metrics`.
    ///
    /// - Throws: `UnexpectedResult`, for a service without histograms, too.
    init(metrics: JSONValue) throws(UnexpectedResult) {
        try self.init(json: metrics)
        for (name, method) in methods where method.cumulativeCounts.count != latencyBoundsMicroseconds.count + 1 {
            throw UnexpectedResult(path: "methods.\(name).cumulativeCounts", expected: "a count for each bound")
        }
    }
}

extension [String: Int64] {
    /// The counts in the order of their names, each behind its name.
    var list: String { sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ") }
}
