import Testing

@testable import OffersServer
@testable import Postgres

@Suite("OutcomeCheckDeadline")
struct OutcomeCheckDeadlineTests {
    /// Five seconds, in milliseconds after the clock's start; nil: they do not run yet.
    private struct FiveSeconds: Deadline {
        let began: Int64?

        var instant: MonotonicTime? { began.map { OutcomeCheckDeadlineTests.at($0 + 5000) } }

        func instant(from now: MonotonicTime) -> MonotonicTime? { now.advanced(byMilliseconds: 5000) }
    }

    fileprivate static func at(_ milliseconds: Int64) -> MonotonicTime {
        MonotonicTime(nanoseconds: 0).advanced(byMilliseconds: milliseconds)
    }

    @Test(
        "five seconds after the sending, but not before half a second of the claim's turn, nor after its end",
        arguments: [900: 5900, 1000: 6000, 1001: 6000, 5500: 6000, 5501: 6001, 9000: 9500])
    func instant(began: Int64, ends: Int64) {
        let deadline = OutcomeCheckDeadline(FiveSeconds(began: began), since: Self.at(1000))
        #expect(deadline.instant == Self.at(ends))
        #expect(OutcomeCheckDeadline(FiveSeconds(began: nil), since: Self.at(1000)).instant == nil)
        #expect(deadline.instant(from: Self.at(began)) == Self.at(ends))
    }

    @Test("one that never comes stays so")
    func never() {
        let deadline = OutcomeCheckDeadline(FixedDeadline(nil), since: Self.at(1000))
        #expect(deadline.instant == nil && deadline.instant(from: Self.at(5)) == nil)
    }
}
