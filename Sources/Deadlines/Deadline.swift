/// When a request must be given up: so long after its time began to run.
///
/// It is asked again and again rather than once, because the time may begin after the request was handed over.
package struct Deadline: Sendable {
    private enum Start {
        case at(MonotonicTime)
        case with(DeadlineStart)
    }

    private let start: Start
    /// How long after the start it is, in nanoseconds: a request asks for its end some twenty times.
    private let limit: UInt64
    /// The end of the time for what is found out about a request that was sent already.
    private var checkEnd: MonotonicTime?
    private static let leastCheck = Duration.milliseconds(500)

    /// The deadline `limit` after `start`.
    package init(_ limit: Duration, from start: DeadlineStart) {
        self.start = .with(start)
        self.limit = UInt64(max(0, limit.wholeNanoseconds))
    }

    /// The deadline at `moment`.
    package init(at moment: MonotonicTime) {
        start = .at(moment)
        limit = 0
    }

    /// The deadline `limit` from now.
    package init(in limit: Duration) {
        self.init(at: .now().advanced(by: limit))
    }

    /// The moment, or nil while the time does not run yet. Once given it never changes.
    package var instant: MonotonicTime? {
        switch start {
        case .at(let moment): instant(from: moment)
        case .with(let start): start.began.map { instant(from: $0) }
        }
    }

    /// The moment if the time begins to run at `now` at the latest.
    package func instant(startedBy now: MonotonicTime) -> MonotonicTime {
        switch start {
        case .at(let moment): instant(from: moment)
        case .with(let start): instant(from: start.began ?? now)
        }
    }

    /// Whether the deadline has come at `now`.
    package func hasPassed(at now: MonotonicTime) -> Bool {
        if let instant { instant <= now } else { false }
    }

    /// The deadline for finding out what became of a request that was sent and not heard of. Several requests of a
    /// connection may have shared that, and the time of each runs only when the one before is answered: if each of them
    /// took all of it to find nothing out, the last would be answered after a minute. So it ends as if its time had
    /// begun with the sending; but a request whose time begins later than that still has half a second of its own.
    package func forOutcomeCheck(since sent: MonotonicTime) -> Deadline {
        var deadline = self
        if case .with = start { deadline.checkEnd = MonotonicTime(nanoseconds: sent.nanoseconds &+ limit) }
        return deadline
    }

    private func instant(from start: MonotonicTime) -> MonotonicTime {
        let end = MonotonicTime(nanoseconds: start.nanoseconds &+ limit)
        guard let checkEnd else { return end }
        return min(end, max(checkEnd, start.advanced(by: Self.leastCheck)))
    }
}
