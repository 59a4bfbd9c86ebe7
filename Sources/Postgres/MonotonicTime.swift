import Glibc

/// A moment of the machine's monotonic clock, in nanoseconds; `CLOCK_MONOTONIC` of clock_gettime(2).
///
/// Sixteen-byte `Duration` arithmetic is not needed where a deadline is compared a few times per request.
package struct MonotonicTime: Comparable, Hashable, Sendable {
    /// Nanoseconds since an arbitrary start that does not change while the machine runs.
    package var nanoseconds: UInt64

    /// The moment `nanoseconds` after the clock's start.
    package init(nanoseconds: UInt64) {
        self.nanoseconds = nanoseconds
    }

    /// The present moment.
    package static func now() -> MonotonicTime {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicTime(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
    }

    /// Whole milliseconds from this moment to `later`, rounded down; 0 when `later` is not later.
    package func milliseconds(until later: MonotonicTime) -> Int64 {
        later > self ? Int64(clamping: (later.nanoseconds - nanoseconds) / 1_000_000) : 0
    }

    /// This moment, `milliseconds` later (earlier when negative); never before the clock's start.
    package func advanced(byMilliseconds milliseconds: Int64) -> MonotonicTime {
        let distance = milliseconds.magnitude * 1_000_000
        return MonotonicTime(
            nanoseconds: milliseconds >= 0
                ? nanoseconds &+ distance : (distance > nanoseconds ? 0 : nanoseconds - distance))
    }

    package static func < (one: MonotonicTime, other: MonotonicTime) -> Bool {
        one.nanoseconds < other.nanoseconds
    }
}

/// When a request must be given up.
///
/// It is asked again and again rather than once, because a request's time may start to run after the request was
/// handed over: on the wire it does so only when all earlier requests of the same connection are answered.
package protocol Deadline: Sendable {
    /// The moment, or nil while the time does not run yet. Once given it never changes.
    var instant: MonotonicTime? { get }

    /// The moment if the time begins to run now; nil: it never comes. Of no interest when `instant` is known.
    func instant(from now: MonotonicTime) -> MonotonicTime?
}

/// A deadline that was known from the beginning.
package struct FixedDeadline: Deadline {
    package let instant: MonotonicTime?

    package func instant(from now: MonotonicTime) -> MonotonicTime? { nil }

    /// The deadline at `instant`; nil means that it never comes.
    package init(_ instant: MonotonicTime?) {
        self.instant = instant
    }

    /// The deadline `milliseconds` from now.
    package init(milliseconds: Int64) {
        self.instant = MonotonicTime.now().advanced(byMilliseconds: milliseconds)
    }
}

extension Deadline {
    /// The moment if the time begins to run now at the latest; nil: it never comes.
    package func instant(startedBy now: MonotonicTime) -> MonotonicTime? { instant ?? instant(from: now) }

    /// Whether the deadline has come at `now`.
    package func hasPassed(at now: MonotonicTime) -> Bool {
        if let instant { instant <= now } else { false }
    }
}
