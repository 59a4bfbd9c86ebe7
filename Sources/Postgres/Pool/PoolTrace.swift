import Deadlines
import Synchronization

/// Where the time of one request goes in the pool. Its reads and transactions are handed over with it. Without one
/// nothing is measured.
package final class PoolTrace: Sendable {
    /// What was measured.
    package struct Times: Sendable, Equatable {
        /// Reads and transactions that were handed over, repeated ones included.
        package var calls = 0
        /// Nanoseconds until they were sent, for the last time if they were skipped.
        package var waiting: UInt64 = 0
        /// Nanoseconds from then until they ended.
        package var working: UInt64 = 0
    }

    private struct State {
        var times = Times()
        var since: UInt64 = 0
        var isSent = false
    }

    private let state = Mutex(State())

    /// A trace with nothing in it.
    package init() {}

    /// The sums so far.
    package var times: Times { state.withLock { $0.times } }

    /// A read or transaction begins to wait. A request makes one at a time.
    func handedOver() {
        state.withLock { state in
            state.times.calls += 1
            state.isSent = false
            state.since = MonotonicTime.now().nanoseconds
        }
    }

    /// It is sent.
    func sent() {
        state.withLock { state in
            let now = MonotonicTime.now().nanoseconds
            state.times.waiting += now - state.since
            state.since = now
            state.isSent = true
        }
    }

    /// It has ended.
    func ended() {
        state.withLock { state in
            let passed = MonotonicTime.now().nanoseconds - state.since
            if state.isSent { state.times.working += passed } else { state.times.waiting += passed }
        }
    }
}
