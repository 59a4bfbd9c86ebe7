import Glibc

/// A moment of the machine's monotonic clock, in nanoseconds; `CLOCK_MONOTONIC` of clock_gettime(2), which is also
/// that of `NIODeadline`.
package struct MonotonicTime: InstantProtocol {
    /// Nanoseconds since an arbitrary start that does not change while the machine runs.
    package var nanoseconds: UInt64

    /// The moment `nanoseconds` after the clock's start.
    @inlinable package init(nanoseconds: UInt64) {
        self.nanoseconds = nanoseconds
    }

    /// The present moment.
    package static func now() -> MonotonicTime {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicTime(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
    }

    /// The time from this moment to `later`; negative when `later` is earlier.
    @inlinable package func duration(to later: MonotonicTime) -> Duration {
        later >= self
            ? .nanoseconds(Int64(clamping: later.nanoseconds - nanoseconds))
            : .nanoseconds(-Int64(clamping: nanoseconds - later.nanoseconds))
    }

    /// This moment, `duration` later (earlier when negative); never before the clock's start.
    @inlinable package func advanced(by duration: Duration) -> MonotonicTime {
        let distance = duration.wholeNanoseconds
        return MonotonicTime(
            nanoseconds: distance >= 0
                ? nanoseconds &+ distance.magnitude : nanoseconds - min(distance.magnitude, nanoseconds))
    }

    @inlinable package static func < (one: MonotonicTime, other: MonotonicTime) -> Bool {
        one.nanoseconds < other.nanoseconds
    }
}

extension Duration {
    package static prefix func - (duration: Duration) -> Duration { .zero - duration }

    /// In nanoseconds, rounded towards zero. Right for less than 292 years.
    @inlinable package var wholeNanoseconds: Int64 {
        // Up to nine seconds it is no division of 128 bits.
        if let short = Int64(exactly: attoseconds) { return short / 1_000_000_000 }
        return Int64(truncatingIfNeeded: attoseconds / 1_000_000_000)
    }

    /// In microseconds, rounded towards zero.
    package var wholeMicroseconds: Int64 { wholeNanoseconds / 1000 }

    /// In milliseconds, rounded towards zero.
    package var wholeMilliseconds: Int64 { wholeNanoseconds / 1_000_000 }

    /// For poll(2): milliseconds, rounded up so that the time is over when it returns; 0 when negative.
    package var pollTimeout: Int32 {
        let (milliseconds, rest) = wholeNanoseconds.quotientAndRemainder(dividingBy: 1_000_000)
        return Int32(clamping: max(0, milliseconds + (rest > 0 ? 1 : 0)))
    }
}
