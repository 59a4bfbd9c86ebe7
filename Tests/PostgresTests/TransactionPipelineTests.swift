import Deadlines
import Logging
import Synchronization
import TestDatabase
import Testing

@testable import Postgres

/// What a connection does with writes when it is not known that its server is still the one in use.
@Suite("The pipeline of transactions")
struct TransactionPipelineTests {
    /// What each write was told, in the order in which that happened.
    private final class Told: Sendable {
        let ends = Mutex<[String]>([])

        func tell(_ name: String) -> @Sendable (Performed) -> Void {
            { performed in self.ends.withLock { $0.append("\(name): \(performed.result)") } }
        }
    }

    /// A connection of a watch that has ended: its server is not fresh, and never proven.
    private func pipeline(on database: borrowing TestDatabase) async throws -> TransactionPipeline {
        let configuration = PostgresConfiguration(
            connectionInfo: database.connectionString + TestDatabase.longConnectTimeout)
        let watch = ServerWatch(configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        watch.start(ask: {}, onNewTerm: {})
        defer { watch.stop() }
        let session = try watch.open(.init(workload: .lookups, needsPrimary: true))
        while session.isFresh { try await Task.sleep(for: .milliseconds(10)) }
        return TransactionPipeline(session, configuration)
    }

    /// Writes with so many milliseconds left, as a connection takes them.
    private func writes(_ left: [Int], _ told: Told) -> [WorkQueue<Write>.Taken] {
        var queue = WorkQueue<Write>()
        for milliseconds in left {
            let plan = Transaction<Int>(name: "test", batchKey: "test", part: [], steps: { _, _ in [] }) { _, _ in 0 }
                .plan
            queue.append(
                WorkItem(
                    batchKey: plan.batchKey, deadline: Deadline(in: .milliseconds(milliseconds)),
                    job: Write(plan: plan, attempt: .first, tell: told.tell("\(milliseconds)"))))
        }
        return left.compactMap { _ in queue.next() }
    }

    @Test("a write without time for a proof is told so, and does not lose the connection of the others")
    func unproven() async throws {
        try await TestDatabase.withDatabase(.g3) { (database) async throws in
            var pipeline = try await pipeline(on: database)
            let told = Told()
            let late = pipeline.run(writes([20], told)) { [] }
            #expect(late.lost == nil && late.undone.isEmpty)
            let mixed = pipeline.run(writes([30_000, 30, 20_000], told)) { [] }
            #expect(mixed.lost != nil && mixed.undone.isEmpty)
            #expect(
                told.ends.withLock { $0 } == [
                    "20: failure(Postgres.PostgresError.timedOut)", "30: failure(Postgres.PostgresError.timedOut)",
                    "30000: failure(Postgres.PostgresError.connectionLost)",
                    "20000: failure(Postgres.PostgresError.connectionLost)",
                ])
        }
    }
}
