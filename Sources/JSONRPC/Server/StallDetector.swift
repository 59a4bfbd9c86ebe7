import NIOCore

/// Whether a client takes the output that waits for it. A pure value; the times are the caller's.
struct StallDetector {
    /// What is to be done.
    enum Verdict: Equatable {
        /// All output was taken.
        case nothingToWatch
        /// Some waits; ask again after the delay.
        case checkAgain(TimeAmount)
        /// Nothing was taken for as long as the timeout.
        case stalled
    }

    private let timeout: TimeAmount
    private var written = 0
    /// Bytes taken at the last progress, and when that was seen; nil while nothing waits.
    private var progress: (taken: Int, at: NIODeadline)?

    init(timeout: TimeAmount) {
        self.timeout = timeout
    }

    /// Notes output. What is taken is what was written less what is unsent, so that more output is no progress.
    mutating func wrote(_ bytes: Int) {
        written += bytes
    }

    /// Judges by the bytes that are unsent `now`.
    mutating func check(unsent: Int, now: NIODeadline) -> Verdict {
        guard unsent > 0 else {
            progress = nil
            return .nothingToWatch
        }
        let taken = written - unsent
        guard let progress, progress.taken == taken else {
            self.progress = (taken, now)
            // A quarter of the timeout: a stall is seen at most that much late.
            return .checkAgain(interval)
        }
        return now - progress.at >= timeout ? .stalled : .checkAgain(interval)
    }

    private var interval: TimeAmount { .nanoseconds(max(1, timeout.nanoseconds / 4)) }
}
