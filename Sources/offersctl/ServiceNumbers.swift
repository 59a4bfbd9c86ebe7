import JSONRPC
import Offers

/// The numbers of the service at one moment: a value, read from the result of `metrics`.
struct ServiceNumbers: Sendable {
    /// Calls of one method since the start.
    struct Method: Sendable {
        var name: String
        /// How many ended with each refusal.
        var refusals: [String: Int64] = [:]
        /// Calls by the bounds of the sample, each with those of the bounds below it; all of them last.
        var cumulative: [Int64]
        /// How many were slow enough for a line in the log.
        var slow: Int64 = 0
        /// Quantiles of all calls since the start, in microseconds.
        var p50: Int64 = 0
        var p99: Int64 = 0

        /// All calls.
        var calls: Int64 { cumulative.last ?? 0 }
        /// Those that were refused.
        var refused: Int64 { refusals.values.reduce(0, +) }
    }

    /// Database connections of one kind.
    struct Pool: Sendable {
        var name: String
        /// How many there are to be, are open, and work.
        var size: Int64
        var open: Int64
        var busy: Int64
        /// Requests that wait for one.
        var waiting: Int64
        /// Connections opened, and attempts that failed, since the start.
        var opened: Int64 = 0
        var failed: Int64 = 0
    }

    var version: String
    var processID: Int64
    /// Seconds since 1970.
    var startedAt: Int64
    /// The upper bounds of the buckets, in microseconds; beyond the last there is one more.
    var bounds: [Int64]
    var methods: [Method]
    /// What was refused before any method was called, since the start.
    var refusals: [String: Int64] = [:]
    /// Connections of clients that are open, by socket.
    var clients: [(name: String, count: Int64)] = []
    var pools: [Pool] = []
    /// Requests that wait for or use a database connection.
    var requests: Int64 = 0
    /// What was run again, and lines of the log that were dropped, since the start.
    var retries: Int64 = 0
    var droppedLogLines: Int64 = 0
    /// The status that is known without asking the database.
    var health: String

    /// Which process it is: another one counts from zero.
    private var identity: [Int64] { [processID, startedAt] }

    /// Whether a later sample is of another process, or of counters that began again.
    func isBefore(restart later: ServiceNumbers) -> Bool {
        identity != later.identity || bounds != later.bounds
            || methods.contains { method in
                (later.methods.first { $0.name == method.name }?.calls ?? 0) < method.calls
            }
    }

    /// The numbers of a process that has done nothing yet.
    var beginning: ServiceNumbers {
        var sample = self
        sample.methods = []
        sample.refusals = [:]
        (sample.retries, sample.droppedLogLines) = (0, 0)
        for index in sample.pools.indices { (sample.pools[index].opened, sample.pools[index].failed) = (0, 0) }
        return sample
    }
}

extension ServiceNumbers {
    /// Reads the result of `metrics`.
    ///
    /// - Throws: `UnexpectedResult`, for a service without histograms, too.
    init(json: JSONValue) throws(UnexpectedResult) {
        let numbers = Numbers(value: json, path: "metrics")
        health = try numbers.string("health")
        version = try numbers.string("version")
        processID = try numbers.integer("processId")
        startedAt = try numbers.integer("startTimeSeconds")
        bounds = try numbers.integers("latencyBoundsMicroseconds")
        methods = []
        for (name, numbers) in try numbers.objects("methods") {
            var refusals = try numbers.counts("outcomes")
            refusals["ok"] = nil
            let cumulative = try numbers.integers("cumulativeCounts")
            guard cumulative.count == bounds.count + 1 else {
                throw UnexpectedResult(path: "\(numbers.path).cumulativeCounts", expected: "a count for each bound")
            }
            methods.append(
                Method(
                    name: name, refusals: refusals, cumulative: cumulative, slow: try numbers.integer("slow"),
                    p50: numbers.value["latencyMicroseconds"]?["p50.0"]?.int64Value ?? 0,
                    p99: numbers.value["latencyMicroseconds"]?["p99.0"]?.int64Value ?? 0))
        }
        refusals = try numbers.counts("refusals")
        clients = try numbers.list("connections")
        for (name, numbers) in try numbers.objects("pool") {
            pools.append(
                Pool(
                    name: name, size: try numbers.integer("connections"), open: try numbers.integer("connected"),
                    busy: try numbers.integer("busy"), waiting: try numbers.integer("waiting"),
                    opened: try numbers.integer("opened"), failed: try numbers.integer("failedAttempts")))
        }
        requests = try numbers.integer("requests")
        retries =
            try numbers.integer("readRetries") + numbers.integer("claimRetries") + numbers.integer("claimSeparations")
        droppedLogLines = try numbers.integer("logLinesDropped")
    }

    /// An object of numbers, which knows where it stands.
    private struct Numbers {
        let value: JSONValue
        let path: String

        func integer(_ name: String) throws(UnexpectedResult) -> Int64 {
            guard let number = value[name]?.int64Value else {
                throw UnexpectedResult(path: "\(path).\(name)", expected: "an integer")
            }
            return number
        }

        func string(_ name: String) throws(UnexpectedResult) -> String {
            guard let text = value[name]?.stringValue else {
                throw UnexpectedResult(path: "\(path).\(name)", expected: "a string")
            }
            return text
        }

        func integers(_ name: String) throws(UnexpectedResult) -> [Int64] {
            let elements = value[name]?.elements ?? []
            let numbers = elements.compactMap(\.int64Value)
            guard !numbers.isEmpty, numbers.count == elements.count else {
                throw UnexpectedResult(path: "\(path).\(name)", expected: "an array of integers")
            }
            return numbers
        }

        func objects(_ name: String) throws(UnexpectedResult) -> [(String, Numbers)] {
            guard let members = value[name]?.members else {
                throw UnexpectedResult(path: "\(path).\(name)", expected: "an object")
            }
            return members.map { ($0.name, Numbers(value: $0.value, path: "\(path).\(name).\($0.name)")) }
        }

        func list(_ name: String) throws(UnexpectedResult) -> [(name: String, count: Int64)] {
            guard let members = value[name]?.members else {
                throw UnexpectedResult(path: "\(path).\(name)", expected: "an object")
            }
            return members.map { ($0.name, $0.value.int64Value ?? 0) }
        }

        func counts(_ name: String) throws(UnexpectedResult) -> [String: Int64] {
            Dictionary(try list(name)) { $0 + $1 }
        }
    }
}
