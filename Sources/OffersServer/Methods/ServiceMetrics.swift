import Glibc
import Histogram
import JSONRPC
import Offers
import Postgres
import Synchronization

/// The numbers of the service since its start, and their two forms. Names of the exposition are stable:
/// Prometheus conventions, all beginning with `offersd_`.
final class ServiceMetrics: Sendable {
    /// Calls of one method.
    private struct MethodCalls {
        /// How many ended with `ok`, and how many with each refusal.
        var succeeded = 0
        var refusals: [String: Int] = [:]
        /// Microseconds from a call's start to its result.
        var latency = Histogram<UInt32>(
            highestTrackableValue: 60_000_000, numberOfSignificantValueDigits: .two)
        var totalMicroseconds: UInt64 = 0
        var buckets = LatencyBuckets()
        var slow = 0

        /// Those that there were, by name.
        var outcomes: [(name: String, count: Int)] {
            (refusals.map { ($0.key, $0.value) } + (succeeded > 0 ? [("ok", succeeded)] : [])).sorted { $0.0 < $1.0 }
        }
    }

    private let postgres: PostgresClient
    private let distributionMetrics: DistributionMetrics
    private let methods: [(name: String, calls: Counter)]
    private let sockets: [String]
    private let droppedLogLines: @Sendable () -> Int
    private let health: @Sendable () -> HealthResult.Status
    private let refusals = Mutex<[String: Int]>([:])
    private let retries = Atomic<Int>(0)
    private let server = Mutex<Server?>(nil)
    private let started = time(nil)

    /// A method's numbers behind a lock of their own.
    private final class Counter: Sendable {
        let calls = Mutex(MethodCalls())
    }

    /// - Parameters:
    ///   - sockets: The names of the sockets.
    ///   - droppedLogLines: Lines of the log that were dropped since the start.
    ///   - health: The status that is known without asking the database.
    init(
        postgres: PostgresClient, distributionMetrics: DistributionMetrics, sockets: [String],
        droppedLogLines: @escaping @Sendable () -> Int, health: @escaping @Sendable () -> HealthResult.Status
    ) {
        self.postgres = postgres
        self.sockets = sockets
        self.droppedLogLines = droppedLogLines
        self.health = health
        self.distributionMetrics = distributionMetrics
        self.methods = Contract.methods.map { ($0.name, Counter()) }
    }

    /// The server whose connections are counted. It is made after the methods, which have these numbers.
    func watch(_ server: Server) {
        self.server.withLock { $0 = server }
    }

    /// The server refused something before any method was called.
    func count(refusal reason: String) {
        refusals.withLock { $0[reason, default: 0] += 1 }
    }

    /// A write was run again.
    func countRetry() {
        retries.add(1, ordering: .relaxed)
    }

    /// A call of `method` has ended: `outcome` is `ok` or the reason of its refusal.
    func count(method: String, outcome: String, microseconds: UInt64, isSlow: Bool) {
        guard let counter = methods.first(where: { $0.name == method })?.calls else { return }
        counter.calls.withLock { calls in
            if outcome == "ok" { calls.succeeded += 1 } else { calls.refusals[outcome, default: 0] += 1 }
            calls.totalMicroseconds += microseconds
            if isSlow { calls.slow += 1 }
            calls.buckets.count(microseconds: microseconds)
            calls.latency.record(min(microseconds, 60_000_000))
        }
    }

    /// The result of `metrics`.
    func report(_ format: MetricsParams.Format) -> any JSONEncodable {
        let server = server.withLock { $0 }
        let snapshot = Snapshot(
            startedAt: started, processID: Int(getpid()), health: health(),
            methods: methods.map { name, counter in
                counter.calls.withLock { calls in
                    Snapshot.Method(
                        name: name, outcomes: calls.outcomes,
                        quantiles: Snapshot.quantiles.map { ($0, calls.latency.valueAtPercentile($0 * 100)) },
                        cumulativeCounts: calls.buckets.cumulative, count: calls.latency.totalCount,
                        totalMicroseconds: calls.totalMicroseconds, slow: calls.slow)
                }
            },
            refusals: refusals.withLock { $0 }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) },
            connections: sockets.map { ($0, server?.openConnections(on: $0) ?? 0) },
            writeRetries: retries.load(ordering: .relaxed),
            pool: postgres.status, distributionMetricsWritten: distributionMetrics.written,
            distributionMetricsFailures: distributionMetrics.failures, droppedLogLines: droppedLogLines())
        return switch format {
        case .json: snapshot
        case .prometheus: PrometheusText(snapshot: snapshot)
        }
    }

    /// The numbers at one moment; as JSON for people.
    struct Snapshot: JSONEncodable {
        struct Method: Sendable {
            let name: String
            let outcomes: [(name: String, count: Int)]
            /// Microseconds by quantile.
            let quantiles: [(quantile: Double, microseconds: UInt64)]
            /// Calls by ``LatencyBuckets/boundsMicroseconds``, each with those of the bounds below it; all of them
            /// last.
            let cumulativeCounts: [Int]
            let count: UInt64
            let totalMicroseconds: UInt64
            let slow: Int
        }

        static let quantiles = [0.5, 0.9, 0.99, 0.999]

        /// Seconds since 1970.
        let startedAt: Int
        let processID: Int
        let health: HealthResult.Status
        let methods: [Method]
        /// What the server refused before any method was called.
        let refusals: [(name: String, count: Int)]
        /// Connections of clients that are open.
        let connections: [(name: String, count: Int)]
        let writeRetries: Int
        let pool: PoolStatus
        let distributionMetricsWritten: Int
        let distributionMetricsFailures: Int
        let droppedLogLines: Int

        /// The pools with their names.
        var pools: [(name: String, connections: PoolStatus.Connections)] {
            [("reads", pool.reads), ("writes", pool.writes), ("control", pool.control)]
        }

        func encode(to writer: inout JSONWriter) {
            writer.beginObject()
            writer.member("health", health.rawValue)
            writer.member("version", Release.version)
            writer.member("processId", Int64(processID))
            writer.member("startTimeSeconds", Int64(startedAt))
            writer.numbers("latencyBoundsMicroseconds", LatencyBuckets.boundsMicroseconds.map(Int64.init))
            writer.key("methods")
            writer.beginObject()
            for method in methods {
                writer.key(named: method.name)
                writer.beginObject()
                writer.counts("outcomes", method.outcomes)
                writer.key("latencyMicroseconds")
                writer.beginObject()
                for quantile in method.quantiles {
                    writer.key(named: "p\(quantile.quantile * 100)")
                    writer.integer(Int64(clamping: quantile.microseconds))
                }
                writer.endObject()
                writer.numbers("cumulativeCounts", method.cumulativeCounts.map(Int64.init))
                writer.member("totalMicroseconds", Int64(clamping: method.totalMicroseconds))
                writer.member("slow", Int64(method.slow))
                writer.endObject()
            }
            writer.endObject()
            writer.counts("refusals", refusals)
            writer.counts("connections", connections)
            writer.key("pool")
            writer.beginObject()
            for (name, connections) in pools {
                writer.key(named: name)
                writer.beginObject()
                writer.figures(PoolStatus.Connections.figures, of: connections)
                writer.endObject()
            }
            writer.endObject()
            writer.figures(Self.figures, of: self)
            writer.endObject()
        }
    }
}

extension JSONWriter {
    /// Writes a member for each figure.
    fileprivate mutating func figures<Source>(_ figures: [Figure<Source>], of source: Source) {
        for figure in figures { member(figure.member, Int64(figure.value(source))) }
    }

    /// Writes a member that is an array of numbers.
    fileprivate mutating func numbers(_ name: StaticString, _ numbers: [Int64]) {
        key(name)
        beginArray()
        for number in numbers { integer(number) }
        endArray()
    }

    /// Writes a member that is an object of numbers by name.
    fileprivate mutating func counts(_ name: StaticString, _ counts: [(name: String, count: Int)]) {
        key(name)
        beginObject()
        for (name, count) in counts {
            key(named: name)
            integer(Int64(count))
        }
        endObject()
    }
}
