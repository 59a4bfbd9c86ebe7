import Synchronization

/// When the time of a request begins to run: its deadline counts from there.
///
/// On the wire that is when all earlier requests of the connection are answered, which may be long after the request
/// was read.
package final class DeadlineStart: Sendable {
    /// Nanoseconds of `MonotonicTime`; zero stands for "not yet".
    private let nanoseconds: Atomic<UInt64>

    /// The moment; nil before. Once there it never changes.
    package var began: MonotonicTime? {
        let value = nanoseconds.load(ordering: .acquiring)
        return value == 0 ? nil : MonotonicTime(nanoseconds: value)
    }

    /// One that began at `moment`, or has not begun.
    package init(began moment: MonotonicTime? = nil) {
        nanoseconds = Atomic(moment?.nanoseconds ?? 0)
    }

    /// The time runs from now on. Called once.
    package func begin(at moment: MonotonicTime) {
        nanoseconds.store(moment.nanoseconds, ordering: .releasing)
    }
}
