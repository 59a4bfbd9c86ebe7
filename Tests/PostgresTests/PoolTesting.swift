import Deadlines
import Postgres

/// What becomes of new work.
enum PoolOutcome: Equatable {
    case waits, wakes(Int), begins(on: Int), unavailable, shuttingDown
}

/// What tests of the pool's state have in common.
protocol PoolTesting {}

extension PoolTesting {
    var forever: Deadline { Deadline(at: MonotonicTime(nanoseconds: .max)) }
    var start: MonotonicTime { MonotonicTime(nanoseconds: 1_000_000_000) }

    func item(_ job: Int, keys: [ExclusionKey] = []) -> WorkItem<Int> {
        WorkItem(keys: keys, deadline: forever, job: job)
    }

    func jobs(_ step: PoolStateMachine<Int>.Step) -> [Int]? {
        if case .work(let group) = step { group.map(\.item.job) } else { nil }
    }

    func outcome(_ submission: PoolStateMachine<Int>.Submission) -> PoolOutcome {
        switch submission {
        case .queued(let index): index.map { .wakes($0) } ?? .waits
        case .begin(_, let index): .begins(on: index)
        case .unavailable: .unavailable
        case .shuttingDown: .shuttingDown
        }
    }

    func isSleep(_ step: PoolStateMachine<Int>.Step) -> Bool {
        if case .sleep = step { true } else { false }
    }

    /// A pool whose one connection has just been opened.
    func openPool(maximumGroup: Int) -> PoolStateMachine<Int> {
        var pool = PoolStateMachine<Int>(connections: 1, maximumGroup: maximumGroup)
        _ = pool.step(of: 0, at: start)
        pool.connected(0)
        return pool
    }

    /// A pool whose connections are open and have nothing to do.
    func idlePool(connections: Int, maximumGroup: Int, parallelism: Int? = nil) -> PoolStateMachine<Int> {
        var pool = PoolStateMachine<Int>(connections: connections, maximumGroup: maximumGroup, parallelism: parallelism)
        for index in 0..<connections {
            _ = pool.step(of: index, at: start)
            pool.connected(index)
            _ = pool.step(of: index, at: start)
        }
        return pool
    }
}

/// Parts with these keys.
func workParts(_ keys: [[ExclusionKey]]) -> [WorkPart] { keys.map { WorkPart(keys: $0) } }
