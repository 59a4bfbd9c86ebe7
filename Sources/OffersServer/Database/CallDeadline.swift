import JSONRPC
import NIOCore
import Postgres

/// The deadline of a call: so many milliseconds after its turn began (DESIGN.md section 3).
struct CallDeadline: Deadline {
    let turn: Turn
    let milliseconds: Int64

    var instant: MonotonicTime? {
        turn.began.flatMap { instant(from: MonotonicTime(nanoseconds: $0.uptimeNanoseconds)) }
    }

    func instant(from now: MonotonicTime) -> MonotonicTime? { now.advanced(byMilliseconds: milliseconds) }
}
