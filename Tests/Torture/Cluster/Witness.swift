import Deadlines
import Postgres
import Synchronization

/// The harness's own writes, one after the other to each machine, without offersd: when the cluster took writes, where,
/// and whether it lost what it had confirmed.
final class Witness: Sendable {
    /// A write that was confirmed.
    struct Write: Sendable {
        let number: Int
        /// The number of the machine that confirmed it.
        let machine: Int
        let span: Span
    }

    private struct State {
        var last = 0
        var writes: [Write] = []
    }

    private let state = Mutex(State())

    /// The pause between two writes to a machine.
    private static let pause = Duration.milliseconds(15)

    static let sql = "CREATE TABLE audit.witness (number bigint PRIMARY KEY)"

    /// Writes until the task is cancelled.
    func write(to machine: Machine, through session: SQLSession) async {
        while !Task.isCancelled {
            let number = state.withLock { state in
                state.last += 1
                return state.last
            }
            let began = MonotonicTime.now()
            if case .rows = await session.run("INSERT INTO audit.witness VALUES (\(number))") {
                let span = Span(began: began, ended: .now())
                state.withLock {
                    $0.writes.append(Write(number: number, machine: machine.number, span: span))
                }
            }
            try? await Task.sleep(for: Witness.pause)
        }
    }

    /// The confirmed writes, in the order of their ends.
    var writes: [Write] { state.withLock { $0.writes }.sorted { $0.span.ended < $1.span.ended } }

    /// The last write's machine.
    var machine: Int? { writes.last?.machine }

    /// Returns when a write has been confirmed that began at `moment` or later, by a machine that `isRight` says.
    func confirms(since moment: MonotonicTime, by isRight: (Int) -> Bool = { _ in true }) async throws {
        while !state.withLock({ $0.writes.contains { $0.span.began >= moment && isRight($0.machine) } }) {
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    /// The times in which nothing was confirmed for longer than that, or until another machine did.
    func outages(longerThan limit: Duration = .milliseconds(300)) -> [Span] {
        var found: [Span] = []
        var last: Write?
        for next in writes {
            guard let before = last else {
                last = next
                continue
            }
            let isOther = before.machine != next.machine
            // A frozen machine that wakes up confirms at last what the new primary has already.
            if isOther, next.span.began < before.span.ended { continue }
            if isOther || before.span.ended.duration(to: next.span.ended) > limit {
                found.append(Span(began: before.span.ended, ended: next.span.ended))
            }
            last = next
        }
        return found
    }

    /// The confirmed writes that are not there.
    func lost(_ session: SQLSession) async throws -> [Write] {
        let there = Set(
            try await session.rows("SELECT number FROM audit.witness").compactMap { $0[0].flatMap { Int($0) } })
        return writes.filter { !there.contains($0.number) }
    }
}
