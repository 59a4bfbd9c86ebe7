import Offers

/// The numbers of a service for a reader: a table of the methods that were called, and a line for the rest. A value
/// without I/O.
enum MetricsText {
    /// The lines, each with its end.
    ///
    /// - Parameters:
    ///   - width: Columns of the terminal; at least 80 are used.
    ///   - now: This machine's clock.
    static func of(_ numbers: ServiceNumbers, width: Int, now: Timestamp) -> String {
        let width = max(80, width)
        let started = Timestamp(secondsSince1970: numbers.startTimeSeconds)
        var lines = [
            "offersd \(numbers.version), pid \(numbers.processId): \(numbers.health), "
                + "started \(HumanTime.text(of: started, from: now))", "",
        ]
        let called = numbers.methods.filter { $0.value.calls > 0 }.sorted { $0.key < $1.key }
        let rows = called.map { name, method in
            let quantiles = ["p50.0", "p99.0"].map { method.latencyMicroseconds?[$0] ?? 0 }
            return [name, "\(method.calls)", "\(method.refused)"] + quantiles.map(HumanTime.latency)
                + ["\(method.slow)"]
        }
        lines +=
            rows.isEmpty
            ? ["No method was called."]
            : TextTable.lines([["method", "calls", "refused", "p50", "p99", "slow"]] + rows, left: 1, width: width)
        let refusals =
            called.flatMap { name, method in
                method.refusals.sorted { $0.key < $1.key }.map { [name, $0.key, "\($0.value)"] }
            } + numbers.refusals.sorted { $0.key < $1.key }.map { ["(no method)", $0.key, "\($0.value)"] }
        if !refusals.isEmpty {
            lines += [""] + TextTable.lines([["refusals", "reason", "count"]] + refusals, left: 2, width: width)
        }
        lines.append("")
        let pools = numbers.pool.sorted { $0.key < $1.key }.map { name, pool in
            "\(name) \(pool.connected)/\(pool.connections), \(pool.busy) busy"
                + (pool.waiting > 0 ? ", \(pool.waiting) waiting" : "")
        }
        for sentence in [
            "database: \(pools.joined(separator: "; "))",
            "clients:  \(numbers.connections.isEmpty ? "none" : numbers.connections.list)",
            "run again \(numbers.retries), lines of the log dropped \(numbers.logLinesDropped)",
        ] { lines += TextTable.wrapped(sentence, width: width, indent: 0) }
        return lines.map { HumanText.printable($0) + "\n" }.joined()
    }
}

extension Timestamp {
    /// A moment of the system's clock.
    init(secondsSince1970 seconds: Int64) {
        let secondsTo2000: Int64 = 946_684_800
        self.init(microseconds: (seconds - secondsTo2000) * 1_000_000)
    }
}
