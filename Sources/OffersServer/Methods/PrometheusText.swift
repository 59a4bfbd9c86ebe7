import JSONRPC
import Offers
import Postgres

/// The text exposition format 0.0.4 of Prometheus, as one JSON string. The names are part of the contract: base units,
/// counters that end with `_total`, each family with its HELP and TYPE, also while it has no sample.
struct PrometheusText: JSONEncodable {
    let snapshot: ServiceMetrics.Snapshot

    func encode(to writer: inout JSONWriter) {
        writer.string(text)
    }

    var text: String {
        var lines = Lines()
        calls(&lines)
        histogram(&lines)
        lines.family(
            "offersd_refused_total", .counter, "Requests that were refused before any method was called, by reason.",
            snapshot.refusals.map { (["reason": $0.name], "\($0.count)") })
        lines.family(
            "offersd_connections", .gauge, "Connections of clients that are open, by socket.",
            snapshot.connections.map { (["socket": $0.name], "\($0.count)") })
        pools(&lines)
        lines.figures(ServiceMetrics.Snapshot.figures) { [($0.labels, $0.value(snapshot))] }
        lines.family(
            "offersd_health", .gauge,
            "1 for the status that is known without asking the database, 0 for the others; as in the method health.",
            HealthResult.Status.allCases.map { (["status": $0.rawValue], $0 == snapshot.health ? "1" : "0") })
        lines.single(
            "offersd_start_time_seconds", .gauge, "When the service started, in seconds since 1970.",
            snapshot.startedAt)
        lines.family(
            "offersd_build_info", .gauge, "Always 1; the label is the version of the program.",
            [(["version": Release.version], "1")])
        return lines.text
    }

    private func calls(_ lines: inout Lines) {
        lines.family(
            "offersd_requests_total", .counter, "Finished requests by method and outcome.",
            snapshot.methods.flatMap { method in
                method.outcomes.map { (["method": method.name, "outcome": $0.name], "\($0.count)") }
            })
        lines.family(
            "offersd_slow_requests_total", .counter, "Finished requests that were slow enough for a line in the log.",
            snapshot.methods.map { (["method": $0.name], "\($0.slow)") })
        lines.family(
            "offersd_request_duration_seconds", .summary, "Time from a request's start to its result.",
            snapshot.methods.filter { $0.count > 0 }.flatMap { method in
                method.quantiles.map {
                    (["method": method.name, "quantile": "\($0.quantile)"], "\(Double($0.microseconds) / 1e6)")
                }
            })
        for method in snapshot.methods where method.count > 0 {
            lines.sample(
                "offersd_request_duration_seconds_sum", ["method": method.name],
                "\(Double(method.totalMicroseconds) / 1e6)")
            lines.sample("offersd_request_duration_seconds_count", ["method": method.name], "\(method.count)")
        }
    }

    /// Intervals need them: the quantiles of the summary are since the start. Each method is there from the start on,
    /// so that its first call is a difference, too.
    private func histogram(_ lines: inout Lines) {
        let name = "offersd_request_seconds"
        lines.family(name, .histogram, "Time from a request's start to its result, in buckets.", [])
        let bounds = LatencyBuckets.boundsMicroseconds.map { "\(Double($0) / 1e6)" } + ["+Inf"]
        for method in snapshot.methods {
            for (bound, count) in zip(bounds, method.cumulativeCounts) {
                lines.sample("\(name)_bucket", ["method": method.name, "le": bound], "\(count)")
            }
            lines.sample("\(name)_sum", ["method": method.name], "\(Double(method.totalMicroseconds) / 1e6)")
            lines.sample("\(name)_count", ["method": method.name], "\(method.count)")
        }
    }

    private func pools(_ lines: inout Lines) {
        lines.single(
            "offersd_database_up", .gauge, "1 if a connection for reads is open, else 0.",
            snapshot.pool.reads.connected > 0 ? 1 : 0)
        lines.figures(PoolStatus.Connections.figures) { figure in
            snapshot.pools.map { (["lane": $0.name], figure.value($0.connections)) }
        }
    }

    /// The type of a family.
    enum Kind: String {
        case counter, gauge, summary, histogram
    }

    /// Lines of the exposition. Names, labels and their values are words of this program, with nothing to be escaped.
    private struct Lines {
        private var lines: [String] = []

        var text: String { lines.map { $0 + "\n" }.joined() }

        mutating func family(
            _ name: String, _ kind: Kind, _ help: String,
            _ samples: [(labels: KeyValuePairs<String, String>, value: String)]
        ) {
            lines += ["# HELP \(name) \(help)", "# TYPE \(name) \(kind.rawValue)"]
            for (labels, value) in samples { sample(name, labels, value) }
        }

        /// Figures of one family follow each other.
        mutating func figures<Source>(
            _ figures: [Figure<Source>],
            _ samples: (Figure<Source>) -> [(labels: KeyValuePairs<String, String>, value: Int)]
        ) {
            var latest = ""
            for figure in figures {
                if figure.family != latest { family(figure.family, figure.kind, figure.help, []) }
                latest = figure.family
                for (labels, value) in samples(figure) { sample(figure.family, labels, "\(value)") }
            }
        }

        mutating func single(_ name: String, _ kind: Kind, _ help: String, _ value: Int) {
            family(name, kind, help, [([:], "\(value)")])
        }

        mutating func sample(_ name: String, _ labels: KeyValuePairs<String, String>, _ value: String) {
            let list = labels.map { "\($0.key)=\"\($0.value)\"" }.joined(separator: ",")
            lines.append("\(name)\(labels.isEmpty ? "" : "{\(list)}") \(value)")
        }
    }
}
