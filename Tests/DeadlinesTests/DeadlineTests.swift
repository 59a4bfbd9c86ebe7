import Deadlines
import Testing

@Suite("Deadline")
struct DeadlineTests {
    private static func at(_ milliseconds: Int64) -> MonotonicTime {
        MonotonicTime(nanoseconds: 0).advanced(by: .milliseconds(milliseconds))
    }

    @Test("Its time runs from when the request's turn begins; until then it does not pass")
    func start() {
        let start = DeadlineStart()
        let deadline = Deadline(.seconds(5), from: start)
        #expect(deadline.instant == nil && !deadline.hasPassed(at: Self.at(100_000)))
        #expect(deadline.instant(startedBy: Self.at(7)) == Self.at(5007))
        start.begin(at: Self.at(3))
        #expect(deadline.instant == Self.at(5003))
        #expect(deadline.instant(startedBy: Self.at(7)) == Self.at(5003))
        #expect(!deadline.hasPassed(at: Self.at(5002)) && deadline.hasPassed(at: Self.at(5003)))
    }

    @Test("A moment that was known from the beginning stays as it is")
    func moment() {
        let deadline = Deadline(at: Self.at(9))
        #expect(deadline.instant == Self.at(9) && deadline.instant(startedBy: Self.at(50)) == Self.at(9))
        #expect(deadline.forOutcomeCheck(since: Self.at(1)).instant == Self.at(9))
    }

    @Test(
        "An outcome is checked until five seconds after the sending, but for half a second of the request's own turn, and at most until its end",
        arguments: [900: 5900, 1000: 6000, 1001: 6000, 5500: 6000, 5501: 6001, 9000: 9500])
    func outcomeCheck(began: Int64, ends: Int64) {
        let start = DeadlineStart()
        let deadline = Deadline(.seconds(5), from: start).forOutcomeCheck(since: Self.at(1000))
        #expect(deadline.instant == nil)
        #expect(deadline.instant(startedBy: Self.at(began)) == Self.at(ends))
        start.begin(at: Self.at(began))
        #expect(deadline.instant == Self.at(ends))
    }

    @Test("Durations between moments, and their whole units")
    func durations() {
        #expect(Self.at(3).duration(to: Self.at(5)) == .milliseconds(2))
        #expect(Self.at(5).duration(to: Self.at(3)) == .milliseconds(-2))
        let end = MonotonicTime(nanoseconds: .max)
        #expect(Self.at(0).duration(to: end) > .seconds(1_000_000_000))
        #expect(end.duration(to: Self.at(0)) < .seconds(-1_000_000_000))
        #expect(Self.at(3).advanced(by: .milliseconds(-5)) == MonotonicTime(nanoseconds: 0))
        #expect(Duration.microseconds(2999).wholeMilliseconds == 2)
        #expect(Duration.nanoseconds(2999).wholeMicroseconds == 2)
        for (duration, timeout) in [
            (Duration.zero, 0), (.nanoseconds(1), 1), (.milliseconds(3), 3), (.microseconds(3001), 4),
            (.seconds(-1), 0),
            (.seconds(10_000_000), .max), (.nanoseconds(Int64.max), .max), (.milliseconds(-3), 0),
        ] as [(Duration, Int32)] { #expect(duration.pollTimeout == timeout) }
    }
}
