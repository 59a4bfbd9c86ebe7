/// How many calls of a method took how long, by fixed bounds, since the start: a value. Differences of two moments are
/// an interval's, which those of quantiles are not.
struct LatencyBuckets: Sendable {
    /// The upper bounds, each with what is equal to it; beyond the last there is one bucket without an end.
    static let boundsMicroseconds: [UInt64] = [
        500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
        10_000_000,
    ]

    private var counts = [Int](repeating: 0, count: boundsMicroseconds.count + 1)

    /// A call took so long.
    mutating func count(microseconds: UInt64) {
        // Most calls are in the first buckets.
        var bucket = 0
        while bucket < Self.boundsMicroseconds.count, microseconds > Self.boundsMicroseconds[bucket] { bucket += 1 }
        counts[bucket] += 1
    }

    /// Calls that took at most each bound, in order; all of them last.
    var cumulative: [Int] {
        var sum = 0
        return counts.map { count in
            sum += count
            return sum
        }
    }
}
