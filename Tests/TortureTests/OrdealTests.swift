import Offers
import Subprocess
import Testing
import Turns

@testable import torture

/// What `torture ordeal` does for as long as one likes, for a few seconds each.
///
/// What depends on the speed of the machine has bounds here that only a hanging service breaks. The command holds it to
/// 200 ms and 1 s.
@Suite("Ordeals", .serialized, .alone)
struct OrdealTests {
    private func expectSurvived(_ ordeal: Ordeal, accepts: Int = 21) async throws {
        var ordeal = ordeal
        ordeal.accepts = accepts
        let report = try await ordeal.run()
        let violations = report.violations(lateness: .seconds(20), recovery: .seconds(20))
        #expect(violations.isEmpty, "seed \(ordeal.seed): \(violations.prefix(5)), \(violations.count) in all")
        // There was something to judge.
        #expect(report.accepts >= accepts, "\(report.summary)")
        #expect(report.evidence.acts.contains { $0.name == "manual assignment" })
        for ending in report.endings where ending.status != .signaled(9) {
            #expect(ending.status == .exited(0), "\(ending)")
            #expect(ending.time.map { $0 < .seconds(30) } ?? false, "\(ending)")
        }
    }

    @Test("races of clients on two services and of other writers")
    func races() async throws {
        try await expectSurvived(Ordeal(seed: 5, phase: .seconds(6)), accepts: 101)
    }

    @Test(
        "faults while all are at work",
        arguments: [
            [Fault.terminatedBackends, .conflicts], [.stopped, .readOnly, .refusedConnections],
            [.serviceKilled, .serviceStopped],
        ])
    func faults(faults: [Fault]) async throws {
        try await expectSurvived(Ordeal(seed: 11, phase: .milliseconds(1500), faults: faults))
    }

    @Test("a database that stands still for longer than every deadline")
    func frozen() async throws {
        let stage = Stage.Options(readDeadline: .seconds(1), writeDeadline: .milliseconds(2500))
        // On a busy machine a list may need its second: then it times out, which is honest.
        try await expectSurvived(Ordeal(seed: 3, phase: .milliseconds(1500), faults: [.frozen], stage: stage))
    }

    @Test(
        "other ways to the database",
        arguments: [
            (Stage.Way.pooler, [Fault.stopped]), (.standby, [.terminatedBackends, .failover]),
            (.rolledBackCommits, []), (.orphans, []), (.serializable, [.conflicts]),
        ])
    func ways(way: Stage.Way, faults: [Fault]) async throws {
        try await expectSurvived(Ordeal(seed: 7, phase: .milliseconds(2500), faults: faults, stage: .init(way: way)))
    }
}
