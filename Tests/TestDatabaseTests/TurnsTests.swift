import Synchronization
import Testing

@testable import Turns

/// The order in which tests run.
struct TurnsTests {
    @Test("No more run at once than may, and none beside another company")
    func company() async {
        let turns = Turns()
        let census = Census()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<300 {
                group.addTask {
                    let company = Company.allCases[number % Company.allCases.count]
                    await turns.begin(company)
                    let now = census.enter(company)
                    #expect(now.count == 1 && now[company, default: 0] <= company.rawValue)
                    await Task.yield()
                    census.leave(company)
                    await turns.end()
                }
            }
        }
        #expect(census.entered == 300)
    }
}

/// Who runs.
private final class Census: Sendable {
    private let running = Mutex<[Company: Int]>([:])
    private let all = Atomic(0)

    var entered: Int { all.load(ordering: .relaxed) }

    /// Returns how many run, by their company.
    func enter(_ company: Company) -> [Company: Int] {
        all.add(1, ordering: .relaxed)
        return running.withLock { running in
            running[company, default: 0] += 1
            return running.filter { $0.value > 0 }
        }
    }

    func leave(_ company: Company) {
        running.withLock { $0[company, default: 0] -= 1 }
    }
}
