import JSONRPC
import Offers
import OffersServer
import TestDatabase
import Testing
import Turns

@testable import OffersServer

/// Trials that do all that an accept or decline does, and what keeps them from it.
@Suite(.inTurn)
struct WholeTrialTests {
    private func check(_ database: TestDatabase) async -> DatabaseCheck.Report {
        await DatabaseCheck.report(on: database.connectionString)
    }

    @Test("Constraints and triggers that every accept fulfils are fulfilled, and nothing is left")
    func legitimate() async throws {
        try await TestDatabase.withDatabase { database in
            let scene = try await Scene(database)
            _ = try await scene.order { $0.status = "CLOSED" }
            let order = try await scene.offeredOrder(toRival: true)
            try await database.sql(
                """
                CREATE FUNCTION allow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                    IF NOT EXISTS (SELECT FROM orders o JOIN offers f ON f.order_id = o.id WHERE o.id = NEW.order_id
                        AND o.assigned_master_id = NEW.changed_by_master_id AND f.master_id = NEW.changed_by_master_id
                        AND f.id = (NEW.context ->> 'offer_id')::int AND f.state = 'ACCEPTED' AND o.status = NEW.to_status)
                    THEN RAISE 'not a transition'; END IF;
                    RETURN NEW;
                END $$;
                CREATE CONSTRAINT TRIGGER allow AFTER INSERT ON order_status_history DEFERRABLE INITIALLY DEFERRED
                    FOR EACH ROW EXECUTE FUNCTION allow();
                ALTER TABLE order_status_history
                    ADD CHECK ((context ->> 'offer_id')::int > 0), ADD CHECK (from_status IN ('SEARCHING', 'CREATED'))
                """)
            let before = try await scene.rows()
            let report = await check(database)
            #expect(report.verdict == .complete, "\(report.lines)")
            #expect(!report.lines.contains { $0.hasPrefix("note:") }, "\(report.lines)")
            #expect(try await scene.rows() == before)
            try await RunningService.run(on: database.connectionString, { $0.triesWork = true }) { service in
                #expect(try await service.waitUntilInspected()["status"]?.stringValue == "ok")
                try await service.withClient { (client) async throws in
                    #expect(try await client.accept(order, by: scene.master).error == nil)
                }
            }
        }
    }

    @Test(
        "Without an offer that can be accepted what can be tried is tried, and the rest is a note",
        arguments: [
            "DELETE FROM offers", "UPDATE offers SET expires_at = now() - interval '1 day'",
            """
            UPDATE settings SET value = '1';
            UPDATE orders SET assigned_master_id = (SELECT min(master_id) FROM offers), status = 'WORKING'
                WHERE id = (SELECT min(id) FROM orders)
            """,
            "UPDATE masters SET is_blocked = true",
        ])
    func none(change: String) async throws {
        try await TestDatabase.withDatabase { database in
            let scene = try await Scene(database)
            _ = try await scene.order()
            _ = try await scene.offeredOrder()
            try await database.sql(change)
            let report = await check(database)
            #expect(report.verdict == .complete, "\(report.lines)")
            let note = """
                note: the rows that acceptOffer and declineOffer writes were not tried: no offer can be accepted at present.
                """
            #expect(report.lines.contains(note), "\(report.lines)")
        }
    }

    @Test(
        "Without an offer that can be accepted a history that refuses every row is found; what a trigger refuses is not"
    )
    func historyAlone() async throws {
        try await TestDatabase.withDatabase { database in
            let scene = try await Scene(database)
            _ = try await scene.offeredOrder { $0.status = "CLOSED" }
            try await database.sql(
                BrokenDatabase.trigger("BEFORE INSERT ON order_status_history FOR EACH ROW", isConstraint: false))
            #expect(await check(database).verdict == .complete)
            try await database.sql(
                """
                DROP TRIGGER refuse ON order_status_history;
                ALTER TABLE order_status_history ADD CONSTRAINT by_hand CHECK (reason <> 'accepted_by_master')
                """)
            let before = try await scene.rows()
            let summary = "23514 in offersd_accept (table order_status_history, constraint by_hand)"
            let report = await check(database)
            #expect(report.verdict == .lacking)
            #expect(report.lines.contains { $0.hasPrefix("fails: acceptOffer: \(summary)") }, "\(report.lines)")
            try await RunningService.run(on: database.connectionString, { $0.triesWork = true }) { service in
                let note = "acceptOffer fails: \(summary)"
                let health = try await eventually(
                    { try await service.health() },
                    until: { $0["database"]?["notes"]?.elements?.contains { $0.stringValue == note } == true })
                #expect(health["status"]?.stringValue == "degraded", "\(health)")
                try await database.sql("ALTER TABLE order_status_history DROP CONSTRAINT by_hand")
                let healed = try await eventually(
                    { try await service.health() }, until: { $0["status"]?.stringValue == "ok" })
                #expect(healed["status"]?.stringValue == "ok")
            }
            #expect(try await scene.rows() == before)
        }
    }

    @Test("What a request met stays until an accept works, whatever trials decide that find nothing to accept")
    func requestStays() async throws {
        try await TestDatabase.withDatabase { database in
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder()
            try await database.sql(
                BrokenDatabase.trigger(
                    "BEFORE UPDATE ON orders FOR EACH ROW WHEN (NEW.status = 'ASSIGNED')", isConstraint: false))
            try await RunningService.run(on: database.connectionString, { $0.triesWork = true }) { service in
                try await service.waitUntilInspected()
                try await service.withClient { (client) async throws in
                    #expect(try await client.accept(order, by: scene.master).reason == "INTERNAL_ERROR")
                    try await database.sql("UPDATE masters SET max_active_orders_override = 1")
                    let other = try await scene.order {
                        $0.status = "WORKING"
                        $0.assignedMasterID = scene.master
                    }
                    #expect(try await client.accept(order, by: scene.master).reason == "LIMIT_REACHED")
                    // When the second one begins, the first has told what it found.
                    for _ in 1...2 { try await trial(of: database) }
                    #expect(try await service.health()["status"]?.stringValue == "degraded")
                    try await database.sql(
                        "DROP TRIGGER refuse ON orders; UPDATE orders SET status = 'CLOSED' WHERE id = \(other)")
                }
                let healed = try await eventually(
                    { try await service.health() }, until: { $0["status"]?.stringValue == "ok" })
                #expect(healed["status"]?.stringValue == "ok")
            }
        }
    }

    /// Returns when a trial has begun that had not when this did: it looks for pairs that can be accepted.
    private func trial(of database: TestDatabase) async throws {
        let query = """
            SELECT coalesce(max(query_start)::text, '') FROM pg_stat_activity
            WHERE datname = current_database() AND query LIKE 'SELECT m.id::bigint, o.id::bigint%'
            """
        let first = try await database.sql(query)
        #expect(try await eventually({ try await database.sql(query) }, until: { $0 != first }) != first)
    }
}
