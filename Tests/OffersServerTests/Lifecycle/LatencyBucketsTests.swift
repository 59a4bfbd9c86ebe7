import Testing

@testable import OffersServer

@Suite struct LatencyBucketsTests {
    @Test("A bound belongs to its bucket, what is beyond the last counts at the end, and each has those below it")
    func bounds() {
        var buckets = LatencyBuckets()
        #expect(buckets.cumulative == [Int](repeating: 0, count: 15))
        for microseconds: UInt64 in [0, 500, 501, 1000, 10_000_000, 10_000_001, .max] {
            buckets.count(microseconds: microseconds)
        }
        #expect(buckets.cumulative == [2, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 5, 7])
        #expect(LatencyBuckets.boundsMicroseconds == LatencyBuckets.boundsMicroseconds.sorted())
    }
}
