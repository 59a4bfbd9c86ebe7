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
        var outcomes: [String: Int] = [:]
        /// Microseconds from a call's start to its result.
        var latency = Histogram<UInt32>(
            highestTrackableValue: 60_000_000, numberOfSignificantValueDigits: .two)
        var totalMicroseconds: UInt64 = 0
    }

    private let pool: PostgresPool
    private let distributionMetrics: DistributionMetrics
    private let methods: [(name: String, calls: Counter)]

    /// A method's numbers behind a lock of their own.
    private final class Counter: Sendable {
        let calls = Mutex(MethodCalls())
    }

    init(pool: PostgresPool, distributionMetrics: DistributionMetrics) {
        self.pool = pool
        self.distributionMetrics = distributionMetrics
        self.methods = Contract.methods.map { ($0.name, Counter()) }
    }

    /// A call of `method` has ended: `outcome` is `ok` or the reason of its refusal.
    func count(method: String, outcome: String, microseconds: UInt64) {
        guard let counter = methods.first(where: { $0.name == method })?.calls else { return }
        counter.calls.withLock { calls in
            calls.outcomes[outcome, default: 0] += 1
            calls.totalMicroseconds += microseconds
            calls.latency.record(min(microseconds, 60_000_000))
        }
    }

    /// The result of `metrics`.
    func report(_ format: MetricsParams.Format) -> any JSONEncodable {
        let snapshot = Snapshot(
            methods: methods.map { name, counter in
                counter.calls.withLock { calls in
                    Snapshot.Method(
                        name: name, outcomes: calls.outcomes.sorted { $0.key < $1.key }.map { ($0.key, $0.value) },
                        quantiles: Snapshot.quantiles.map { ($0, calls.latency.valueAtPercentile($0 * 100)) },
                        count: calls.latency.totalCount, totalMicroseconds: calls.totalMicroseconds)
                }
            },
            pool: pool.status, distributionMetricsWritten: distributionMetrics.written,
            distributionMetricsFailures: distributionMetrics.failures)
        return switch format {
        case .json: snapshot
        case .prometheus: PrometheusText(snapshot: snapshot)
        }
    }

    /// The numbers at one moment; as JSON for people.
    struct Snapshot: JSONEncodable {
        struct Method: Sendable {
            let name: String
            let outcomes: [(reason: String, count: Int)]
            /// Microseconds by quantile.
            let quantiles: [(quantile: Double, microseconds: UInt64)]
            let count: UInt64
            let totalMicroseconds: UInt64
        }

        static let quantiles = [0.5, 0.9, 0.99, 0.999]

        let methods: [Method]
        let pool: PoolStatus
        let distributionMetricsWritten: Int
        let distributionMetricsFailures: Int

        /// The lanes with their names.
        var lanes: [(name: String, lane: PoolStatus.Lane)] {
            [("reads", pool.reads), ("writes", pool.writes), ("control", pool.control)]
        }

        func encode(to writer: inout JSONWriter) {
            writer.beginObject()
            writer.key("methods")
            writer.beginObject()
            for method in methods {
                writer.key(method.name)
                writer.beginObject()
                writer.key("outcomes")
                writer.beginObject()
                for outcome in method.outcomes { writer.member(outcome.reason, Int64(outcome.count)) }
                writer.endObject()
                writer.key("latencyMicroseconds")
                writer.beginObject()
                for quantile in method.quantiles {
                    writer.member("p\(quantile.quantile * 100)", Int64(clamping: quantile.microseconds))
                }
                writer.endObject()
                writer.endObject()
            }
            writer.endObject()
            writer.key("pool")
            writer.beginObject()
            for (name, lane) in lanes {
                writer.key(name)
                writer.beginObject()
                writer.member("connections", Int64(lane.connections))
                writer.member("connected", Int64(lane.connected))
                writer.member("busy", Int64(lane.busy))
                writer.member("waiting", Int64(lane.waiting))
                writer.member("opened", Int64(lane.opened))
                writer.endObject()
            }
            writer.endObject()
            writer.member("requests", Int64(pool.requests))
            writer.member("distributionMetricsWritten", Int64(distributionMetricsWritten))
            writer.member("distributionMetricsFailures", Int64(distributionMetricsFailures))
            writer.endObject()
        }
    }
}

/// The text exposition format 0.0.4 of Prometheus, as one JSON string.
struct PrometheusText: JSONEncodable {
    let snapshot: ServiceMetrics.Snapshot

    func encode(to writer: inout JSONWriter) {
        writer.string(text)
    }

    var text: String {
        var lines: [String] = []
        func family(_ name: String, _ kind: String, _ help: String) {
            lines += ["# HELP \(name) \(help)", "# TYPE \(name) \(kind)"]
        }
        family("offersd_requests_total", "counter", "Finished requests by method and outcome.")
        for method in snapshot.methods {
            for outcome in method.outcomes {
                lines.append(
                    "offersd_requests_total{method=\"\(method.name)\",outcome=\"\(outcome.reason)\"} \(outcome.count)")
            }
        }
        let duration = "offersd_request_duration_seconds"
        family(duration, "summary", "Time from a request's start to its result.")
        for method in snapshot.methods where method.count > 0 {
            for quantile in method.quantiles {
                let seconds = Double(quantile.microseconds) / 1e6
                lines.append(
                    "\(duration){method=\"\(method.name)\",quantile=\"\(quantile.quantile)\"} \(seconds)")
            }
            lines.append("\(duration)_sum{method=\"\(method.name)\"} \(Double(method.totalMicroseconds) / 1e6)")
            lines.append("\(duration)_count{method=\"\(method.name)\"} \(method.count)")
        }
        func perLane(
            _ name: String, _ kind: String, _ help: String, _ value: (PoolStatus.Lane) -> Int
        ) {
            family(name, kind, help)
            for (lane, status) in snapshot.lanes { lines.append("\(name){lane=\"\(lane)\"} \(value(status))") }
        }
        perLane("offersd_pool_connections", "gauge", "Database connections that are open.") { $0.connected }
        perLane("offersd_pool_connections_busy", "gauge", "Database connections that are working.") { $0.busy }
        perLane("offersd_pool_waiting", "gauge", "Requests that wait for a database connection.") { $0.waiting }
        perLane("offersd_pool_opened_total", "counter", "Database connections opened.") { $0.opened }
        family("offersd_distribution_metrics_written_total", "counter", "Optional rows that were written.")
        lines.append("offersd_distribution_metrics_written_total \(snapshot.distributionMetricsWritten)")
        family("offersd_distribution_metrics_failures_total", "counter", "Optional rows that could not be written.")
        lines.append("offersd_distribution_metrics_failures_total \(snapshot.distributionMetricsFailures)")
        return lines.joined(separator: "\n") + "\n"
    }
}
