package import NIOCore
import Synchronization

/// When the time of a request begins to run: its deadline counts from there.
package final class DeadlineStart: Sendable {
    /// Nanoseconds of `NIODeadline`; zero stands for "not yet".
    private let nanoseconds: Atomic<UInt64>

    /// The moment when the request was read and every earlier request of its connection was answered; nil before.
    package var began: NIODeadline? {
        let value = nanoseconds.load(ordering: .acquiring)
        return value == 0 ? nil : .uptimeNanoseconds(value)
    }

    /// One that began at `moment`, or has not begun.
    package init(began moment: NIODeadline? = nil) {
        nanoseconds = Atomic(moment?.uptimeNanoseconds ?? 0)
    }

    /// The time runs from now on. Called once, by the connection.
    func begin(at moment: NIODeadline) {
        nanoseconds.store(moment.uptimeNanoseconds, ordering: .releasing)
    }
}
