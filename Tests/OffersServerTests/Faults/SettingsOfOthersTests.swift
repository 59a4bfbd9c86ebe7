import EmbeddedPostgres
import JSONRPC
import OffersServer
import Postgres
import TestDatabase
import Testing
import Turns

/// Databases that are set up otherwise than usual, and what administrators do.
@Suite("Databases with settings of their own", .inTurn)
struct SettingsOfOthersTests {
    private func expectOrdinaryLife(
        _ database: TestDatabase, _ configure: (inout Settings) -> Void = { _ in }
    ) async throws {
        let scene = try await Scene(database)
        let order = try await scene.offeredOrder(toRival: true)
        try await RunningService.run(on: database.connectionString, configure) { (service) async throws in
            try await service.withClient { (client) async throws in
                // More often than a server makes a custom plan, and all kinds of calls.
                for _ in 0..<8 { #expect(try await client.listedOrders(scene.master) == [order]) }
                #expect(try await client.card(order, for: scene.master).result != nil)
                #expect(try await client.accept(order, by: scene.master)["alreadyAccepted"] == .bool(false))
                #expect(try await client.accept(order, by: scene.rival).reason == "ORDER_TAKEN")
                #expect(try await client.decline(order, by: scene.master).reason == "ALREADY_YOURS")
                #expect(try await client.listedOrders(scene.rival).isEmpty)
            }
        }
    }

    @Test("serializable by default: what the database calls a conflict is not seen outside")
    func serializable() async throws {
        try await TestDatabase.withDatabase(.g3) { (database) async throws in
            try await database.sql(
                "ALTER DATABASE \(database.name) SET default_transaction_isolation = 'serializable'")
            try await expectOrdinaryLife(database)
        }
    }

    @Test("a lock timeout and a statement timeout of the role are not ours")
    func timeoutsOfTheRole() async throws {
        try await TestDatabase.withDatabase(.g3) { (database) async throws in
            try await database.sql("ALTER DATABASE \(database.name) SET lock_timeout = '1ms'")
            try await expectOrdinaryLife(database)
        }
    }

    @Test("without prepared statements, as behind a transaction pooler")
    func withoutPreparedStatements() async throws {
        try await TestDatabase.withDatabase(.g3) { (database) async throws in
            try await expectOrdinaryLife(database) { $0.postgres.preparesStatements = false }
            #expect(try await database.sql("SELECT count(*) FROM pg_prepared_statements") == ["0"])
        }
    }

    @Test("an accept is durable where commits are not by default")
    func synchronousCommitOff() async throws {
        try await TestDatabase.withServer(.g3) { (database) async throws in
            // Nothing but a commit that waits for it writes the log to disk for a long time.
            try await database.sql("ALTER SYSTEM SET wal_writer_delay = '10s'")
            try await database.sql("ALTER SYSTEM SET wal_writer_flush_after = '2GB'")
            try await database.sql("ALTER DATABASE \(database.name) SET synchronous_commit = off")
            try await database.server.restart(.fast)
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder()
            try await database.sql("CHECKPOINT")
            try await RunningService.run(on: database.connectionString) { (service) async throws in
                try await service.withClient { (client) async throws in
                    #expect(try await client.accept(order, by: scene.master).result != nil)
                }
                try await database.server.restart(.immediate)
            }
            let rows = try await database.sql("SELECT assigned_master_id FROM orders WHERE id = \(order)")
            #expect(rows == ["\(scene.master)"])
        }
    }

    @Test(
        "a commit that replication has not confirmed is asked for again: known as soon as a standby confirms, else unknown",
        arguments: [true, false])
    func unconfirmedByReplication(confirmed: Bool) async throws {
        try await TestDatabase.withServer(.g3) { (database) async throws in
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder()
            try await database.sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
            try await database.sql("SELECT pg_reload_conf()")
            try await RunningService.run(on: database.connectionString) {
                $0.writeDeadline = .seconds(confirmed ? 60 : 5)
            } _: { (service) async throws in
                try await service.withClient { (client) async throws in
                    async let cancelled = cancelWait(for: database, thenConfirm: confirmed)
                    let answer = try await client.accept(order, by: scene.master)
                    if confirmed {
                        #expect(answer["alreadyAccepted"] == .bool(false), "\(answer)")
                    } else {
                        #expect(answer.reason == "OUTCOME_UNKNOWN", "\(answer)")
                    }
                    try await cancelled
                }
            }
            try await database.sql("ALTER SYSTEM RESET synchronous_standby_names")
            try await database.sql("SELECT pg_reload_conf()")
            let rows = try await database.sql("SELECT assigned_master_id FROM orders WHERE id = \(order)")
            #expect(rows == ["\(scene.master)"])
        }
    }

    /// Waits for a commit that waits for a standby and cancels its wait; then has commits wait for none any more.
    private func cancelWait(for database: TestDatabase, thenConfirm confirms: Bool) async throws {
        try await database.sql(
            """
            DO $$ BEGIN
                WHILE NOT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep') LOOP
                    PERFORM pg_stat_clear_snapshot();
                END LOOP;
                PERFORM pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep';
            END $$
            """)
        guard confirms else { return }
        try await database.sql("ALTER SYSTEM SET synchronous_standby_names = ''")
        try await database.sql("SELECT pg_reload_conf()")
    }

    /// Returns when each connection has been opened so often, and is open.
    private func untilOpened(_ times: Int, _ client: TestClient) async throws {
        var isWhole = false
        while !isWhole {
            let pools = try await client.call("metrics").result?["pool"]?.members ?? []
            isWhole =
                pools.count == 3
                && pools.allSatisfy { pool in
                    let numbers = ["connections", "connected", "opened"].map { pool.value[$0]?.int64Value ?? 0 }
                    return numbers[1] == numbers[0] && numbers[2] >= Int64(times) * numbers[0]
                }
        }
    }

    @Test("backends that an administrator ends are replaced, and no caller notices")
    func terminatedBackends() async throws {
        try await TestDatabase.withDatabase(.g3) { (database) async throws in
            let scene = try await Scene(database)
            try await database.setSetting("max_active_orders", to: "0")
            try await RunningService.run(on: database.connectionString) { (service) async throws in
                try await service.withClient { (client) async throws in
                    for round in 1...10 {
                        // What is ended are connections, and no attempt to replace them.
                        try await untilOpened(round, client)
                        let order = try await scene.offeredOrder()
                        async let ended = database.sql(
                            """
                            SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                            WHERE application_name = 'offersd' AND datname = current_database()
                            """)
                        let listed = try await client.list(scene.master)
                        #expect(listed["total"] == .number(JSONNumber(1)), "\(listed)")
                        let answer = try await client.accept(order, by: scene.master)
                        #expect(answer["alreadyAccepted"] == .bool(false), "\(answer)")
                        #expect(try await !client.listedOrders(scene.master).contains(order))
                        _ = try await ended
                    }
                }
            }
        }
    }
}
