import Postgres

/// The deadline of a write whose transaction was sent and not heard of. Several writes of a connection may have shared
/// that, and the time of each runs only when the one before is answered: if each of them took all of it to find nothing
/// out, the last would be answered after a minute. So it ends as if its time had begun with the sending; but a write
/// whose turn comes later than that still has half a second.
struct OutcomeCheckDeadline: Deadline {
    private let own: any Deadline
    private let sent: MonotonicTime
    private static let least: Int64 = 500

    /// - Parameter own: The deadline of the write itself, which this one is never later than.
    init(_ own: any Deadline, since sent: MonotonicTime) {
        self.own = own
        self.sent = sent
    }

    var instant: MonotonicTime? {
        guard let end = own.instant else { return nil }
        guard let first = own.instant(from: sent) else { return end }
        let began = end.advanced(byMilliseconds: -sent.milliseconds(until: first))
        return min(end, max(first, began.advanced(byMilliseconds: OutcomeCheckDeadline.least)))
    }

    func instant(from now: MonotonicTime) -> MonotonicTime? {
        guard let end = own.instant(from: now), let first = own.instant(from: sent) else { return nil }
        return min(end, max(first, now.advanced(byMilliseconds: OutcomeCheckDeadline.least)))
    }
}
