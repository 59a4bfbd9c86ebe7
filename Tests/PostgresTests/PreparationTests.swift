import Deadlines
import Logging
import Postgres
import TestDatabase
import Testing
import Turns

/// What happens when the database does not fit what connections have prepared.
@Suite(.inTurn)
struct PreparationTests {
    private static let all = Statement("test_all", sql: "SELECT * FROM things")

    private func look(_ pool: PostgresClient, isPrepared: Bool = true) async -> Result<Int, PostgresError> {
        do throws(PostgresError) {
            return .success(
                try await pool.transaction(
                    Transaction(
                        name: "test", steps: { _ in [BoundStatement(Self.all, isPrepared: isPrepared)] },
                        decode: { $0.rowCount }),
                    deadline: Deadline(in: .seconds(100))))
        } catch {
            return .failure(error)
        }
    }

    /// Has every connection for transactions run the statement, by making all wait for one table.
    private func lookOnAll(_ pool: PostgresClient, _ database: TestDatabase) async throws {
        let connections = pool.status.writes.connections
        let results = try await withThrowingTaskGroup { group in
            try await HeldLock.hold("LOCK TABLE things", in: database) { lock in
                for _ in 0..<connections { group.addTask { await look(pool) } }
                _ = try await eventually({ pool.status.writes.busy }, until: { $0 == connections })
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(results.allSatisfy { if case .success(1) = $0 { true } else { false } }, "\(results)")
    }

    @Test("The first connection with a plan that does not fit has all of them opened anew; nothing unprepared minds")
    func stale() async throws {
        try await TestDatabase.withDatabase { database in
            try await database.sql("CREATE TABLE things (a int); INSERT INTO things VALUES (1)")
            try await database.withPool({ ($0.writeConnections, $0.writeParallelism) = (4, 4) }) { pool in
                _ = try await eventually({ pool.status.writes.connected }, until: { $0 == 4 })
                try await lookOnAll(pool, database)
                let opened = pool.status.writes.opened
                try await database.sql("ALTER TABLE things ADD COLUMN b int")
                #expect(await look(pool, isPrepared: false) == .success(1))
                #expect(pool.status.writes.opened == opened)
                guard case .failure(.refused(let message)) = await look(pool) else {
                    Issue.record("the plan still fits")
                    return
                }
                #expect(message.isStalePreparation)
                #expect(
                    try await eventually({ pool.status.writes.opened }, until: { $0 == opened + 4 }) == opened + 4)
                _ = try await eventually({ pool.status.writes.connected }, until: { $0 == 4 })
                try await lookOnAll(pool, database)
                #expect(pool.status.writes.opened == opened + 4)
            }
        }
    }
}
