import JSONRPC
import NIOCore
import Postgres

/// The deadline of a call: so many milliseconds after its turn began.
struct CallDeadline: Deadline {
    let deadlineStart: DeadlineStart
    let milliseconds: Int64

    var instant: MonotonicTime? {
        deadlineStart.moment.flatMap { instant(from: $0) }
    }

    func instant(from now: MonotonicTime) -> MonotonicTime? { now.advanced(byMilliseconds: milliseconds) }
}

extension DeadlineStart {
    /// When it began, by the pool's clock, which is NIO's; nil before.
    var moment: MonotonicTime? { began.map { MonotonicTime(nanoseconds: $0.uptimeNanoseconds) } }
}
