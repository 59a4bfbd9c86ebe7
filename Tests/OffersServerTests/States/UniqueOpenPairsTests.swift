import Logging
import Postgres
import TestDatabase
import Testing

@testable import OffersServer

/// Whether the index that spares the list's statement its DISTINCT is recognized, and nothing else for it.
@Suite(.inTurn, .timeLimit(.minutes(10)))
struct UniqueOpenPairsTests {
    @Test(
        "It is there in the later generations only",
        arguments: [
            (Generation.g0, false), (.g1, false), (.g2, true), (.g3, true), (.g4, true), (.damaged, false),
        ])
    func generations(generation: Generation, isThere: Bool) async throws {
        try await expectUniqueOpenPairs(isThere, generation)
    }

    @Test(
        "An index of its name that promises less is not taken for it",
        arguments: [
            "INDEX uq_offers__order_master_active ON offers (order_id, master_id)",
            "UNIQUE INDEX uq_offers__order_master_active ON offers (order_id, master_id) WHERE state = 'SENT'",
            """
            UNIQUE INDEX uq_offers__order_master_active ON offers (order_id, master_id, id)
                WHERE state IN ('SENT', 'VIEWED', 'ACCEPTED')
            """,
            "UNIQUE INDEX uq_offers__order_master_active ON orders (id)",
        ])
    func impostors(definition: String) async throws {
        try await expectUniqueOpenPairs(false, .damaged, after: "CREATE \(definition)")
    }

    private func expectUniqueOpenPairs(
        _ expected: Bool, _ generation: Generation, after change: String = "SELECT"
    ) async throws {
        try await TestDatabase.withDatabase(generation) { database in
            try await database.sql(change)
            let pool = PostgresPool(
                PostgresConfiguration(connectionInfo: database.connectionString + " connect_timeout=100"),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await pool.run() }
                defer { pool.shutDown() }
                let inspection = try await Inspection.inspect(pool, deadline: FixedDeadline(milliseconds: 100_000))
                #expect(inspection.hasUniqueOpenPairs == expected)
            }
        }
    }
}
