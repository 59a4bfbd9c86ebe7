import Offers

/// What happened between two moments: a value. After a restart of the service the counters begin at zero, and so does
/// the interval.
struct TopInterval {
    /// Calls of one method within the interval.
    struct Method {
        let name: String
        let calls: Int64
        let refused: Int64
        let slow: Int64
        let p50: Latency?
        let p99: Latency?
        /// Calls since the start.
        let total: Int64
    }

    /// Refusals for one reason within the interval.
    struct Refusal {
        /// Nil: it was refused before any method was called.
        let method: String?
        let reason: String
        let count: Int64
        /// Since the start.
        let total: Int64
    }

    /// A quantile as far as buckets tell it.
    enum Latency: Equatable {
        /// In microseconds: not above the first bound, and not told more exactly.
        case atMost(Int64)
        /// In microseconds, interpolated within a bucket.
        case about(Int64)
        /// In microseconds: above the last bound.
        case above(Int64)

        /// The number, for comparisons.
        var microseconds: Int64 {
            switch self {
            case .atMost(let number), .about(let number), .above(let number): number
            }
        }
    }

    let before: ServiceNumbers
    let after: ServiceNumbers
    /// What the service said of its health at the end.
    let health: HealthResult
    let elapsed: Duration
    /// Whether the service was started again within it.
    let isRestart: Bool
    /// Those that were called, the slowest first.
    let methods: [Method]
    /// Those that there were since the start, the most frequent of the interval first.
    let refusals: [Refusal]

    init(from before: ServiceNumbers, to after: ServiceNumbers, health: HealthResult, elapsed: Duration) {
        let isRestart = before.isBefore(restart: after)
        let base = isRestart ? after.beginning : before
        self.before = base
        self.after = after
        self.health = health
        self.elapsed = elapsed
        self.isRestart = isRestart
        methods = after.methods.compactMap { name, method in
            Self.method(name, method, since: base.methods[name], bounds: after.latencyBoundsMicroseconds)
        }
        .sorted { ($1.p99?.microseconds ?? 0, $0.name) < ($0.p99?.microseconds ?? 0, $1.name) }
        let ofMethods = after.methods.flatMap { name, method in
            let earlier = base.methods[name]?.outcomes ?? [:]
            return method.refusals.map { reason, count in
                Refusal(method: name, reason: reason, count: count - (earlier[reason] ?? 0), total: count)
            }
        }
        let others = after.refusals.map { reason, count in
            Refusal(method: nil, reason: reason, count: count - (base.refusals[reason] ?? 0), total: count)
        }
        refusals = (ofMethods + others).filter { $0.total > 0 }.sorted {
            ($1.count, $1.total, $0.method ?? "", $0.reason) < ($0.count, $0.total, $1.method ?? "", $1.reason)
        }
    }

    private static func method(
        _ name: String, _ method: ServiceNumbers.Method, since earlier: ServiceNumbers.Method?, bounds: [Int64]
    ) -> Method? {
        let earlierCounts = earlier?.cumulativeCounts ?? []
        let cumulative = method.cumulativeCounts.enumerated().map { index, count in
            count - (index < earlierCounts.count ? earlierCounts[index] : 0)
        }
        guard let calls = cumulative.last, calls > 0 else { return nil }
        return Method(
            name: name, calls: calls, refused: method.refused - (earlier?.refused ?? 0),
            slow: method.slow - (earlier?.slow ?? 0), p50: quantile(50, of: cumulative, bounds: bounds),
            p99: quantile(99, of: cumulative, bounds: bounds), total: method.calls)
    }

    /// The quantile of cumulative counts, as Prometheus interpolates it: within a bucket all values are as likely.
    ///
    /// - Parameter percent: Which one, from 0 to 100.
    static func quantile(_ percent: Int64, of cumulative: [Int64], bounds: [Int64]) -> Latency? {
        guard let calls = cumulative.last, calls > 0, let last = bounds.last else { return nil }
        // The first bucket in which so many calls have ended.
        let rank = Double(calls * percent) / 100
        guard let bucket = cumulative.firstIndex(where: { Double($0) >= rank && $0 > 0 }) else { return nil }
        if bucket == 0 { return .atMost(bounds[0]) }
        guard bucket < bounds.count else { return .above(last) }
        let (low, high) = (Double(bounds[bucket - 1]), Double(bounds[bucket]))
        let (below, within) = (cumulative[bucket - 1], cumulative[bucket] - cumulative[bucket - 1])
        return .about(Int64(low + (high - low) * (rank - Double(below)) / Double(max(1, within))))
    }

    /// How long it was.
    var milliseconds: Int64 {
        elapsed.components.seconds * 1000 + elapsed.components.attoseconds / 1_000_000_000_000_000
    }

    /// How often a second; none in an interval of no length.
    func perSecond(_ count: Int64) -> Double {
        milliseconds > 0 ? Double(count) * 1000 / Double(milliseconds) : 0
    }

    /// All calls, and all refusals, of the interval.
    var calls: Int64 { methods.reduce(0) { $0 + $1.calls } }
    var refused: Int64 { refusals.reduce(0) { $0 + $1.count } }
    var retries: Int64 { after.retries - before.retries }
    var droppedLogLines: Int64 { after.logLinesDropped - before.logLinesDropped }
}
