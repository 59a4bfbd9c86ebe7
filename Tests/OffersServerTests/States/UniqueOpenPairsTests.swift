import Deadlines
import Logging
import Postgres
import TestDatabase
import Testing
import Turns

@testable import OffersServer

/// Whether the index that spares the list's statement its DISTINCT is recognized, and nothing else for it.
@Suite(.inTurn)
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

    @Test("While another program locks the table it is not relied on, then it is again; no log line tells")
    func locked() async throws {
        try await withPool(.g3) { database, pool in
            let log = RecordedLog()
            let logger = Logger(label: "test") { _ in log }
            let monitor = DatabaseMonitor(
                postgres: pool,
                metrics: DistributionMetrics(postgres: pool, logger: logger, timeLimit: .seconds(60)),
                logger: logger)
            func isReliedOn() async throws -> Bool {
                _ = try #require(await monitor.inspect())
                return monitor.hasUniqueOpenPairs
            }
            #expect(try await isReliedOn())
            try await HeldLock.hold("LOCK TABLE offers IN ACCESS EXCLUSIVE MODE", in: database) { (_) async throws in
                #expect(try await isReliedOn() == false)
            }
            #expect(try await isReliedOn())
            #expect(log.texts.count { $0.hasPrefix("database is of generation") } == 1, "\(log.texts)")
        }
    }

    private func expectUniqueOpenPairs(
        _ expected: Bool, _ generation: Generation, after change: String = "SELECT"
    ) async throws {
        try await withPool(generation) { database, pool in
            try await database.sql(change)
            let inspection = try await Inspection.inspect(pool, deadline: Deadline(in: .seconds(100)))
            #expect(inspection.hasUniqueOpenPairs == expected)
        }
    }

    private func withPool(
        _ generation: Generation, _ body: (TestDatabase, PostgresClient) async throws -> Void
    ) async throws {
        try await TestDatabase.withDatabase(generation) { database in
            try await database.withPool { pool in
                try await body(database, pool)
            }
        }
    }
}
