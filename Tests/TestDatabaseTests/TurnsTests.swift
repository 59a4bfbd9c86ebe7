import Synchronization
import Testing

@testable import Turns

/// The order in which tests run.
struct TurnsTests {
    @Test("No more run at once than may, and none beside one of another parallelism")
    func parallelism() async {
        let turns = Turns()
        let census = Census()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<300 {
                group.addTask {
                    let parallelism = Parallelism.allCases[number % Parallelism.allCases.count]
                    await turns.begin(parallelism)
                    let now = census.enter(parallelism)
                    #expect(now.count == 1 && now[parallelism, default: 0] <= parallelism.rawValue)
                    await Task.yield()
                    census.leave(parallelism)
                    await turns.end()
                }
            }
        }
        #expect(census.entered == 300)
    }
}

/// Who runs.
private final class Census: Sendable {
    private let running = Mutex<[Parallelism: Int]>([:])
    private let all = Atomic(0)

    var entered: Int { all.load(ordering: .relaxed) }

    /// Returns how many run, by their parallelism.
    func enter(_ parallelism: Parallelism) -> [Parallelism: Int] {
        all.add(1, ordering: .relaxed)
        return running.withLock { running in
            running[parallelism, default: 0] += 1
            return running.filter { $0.value > 0 }
        }
    }

    func leave(_ parallelism: Parallelism) {
        running.withLock { $0[parallelism, default: 0] -= 1 }
    }
}
