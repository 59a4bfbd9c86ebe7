import JSONRPC
import NIOCore
import Postgres

/// The deadline of a call: so many milliseconds after its turn began (DESIGN.md section 3).
struct CallDeadline: Deadline {
    let turn: Turn
    let milliseconds: Int64

    var instant: MonotonicTime? {
        turn.began.map { MonotonicTime(nanoseconds: $0.uptimeNanoseconds).advanced(byMilliseconds: milliseconds) }
    }
}
