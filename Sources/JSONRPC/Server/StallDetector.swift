import NIOCore

/// Whether a client takes the output that waits for it. A pure value; the times are the caller's.
struct StallDetector {
    private let timeout: TimeAmount
    private var written = 0
    /// Bytes taken at the last progress, and when that was seen.
    private var progress: (taken: Int, at: NIODeadline)?

    init(timeout: TimeAmount) {
        self.timeout = timeout
    }

    /// Notes output. What is taken is what was written less what is unsent, so that more output is no progress.
    mutating func wrote(_ bytes: Int) {
        written += bytes
    }

    /// Judges by the bytes that are unsent `now`, at least one. Returns after what time to ask again; nil when nothing
    /// was taken for as long as the timeout.
    mutating func check(unsent: Int, now: NIODeadline) -> TimeAmount? {
        let taken = written - unsent
        guard let progress, progress.taken == taken else {
            self.progress = (taken, now)
            return interval
        }
        return now - progress.at >= timeout ? nil : interval
    }

    /// A quarter of the timeout: a stall is seen at most that much late.
    private var interval: TimeAmount { .nanoseconds(max(1, timeout.nanoseconds / 4)) }
}
