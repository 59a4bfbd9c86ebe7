import JSONRPC
import Offers
import OffersServer
import Postgres
import TestDatabase
import Testing
import Turns

@testable import OffersServer

/// `offersd check` and `health` on databases on which something fails that no name tells.
@Suite(.inTurn)
struct TruthTests {
    @Test("Check tries, names what fails and what to do, and leaves nothing", arguments: BrokenDatabase.all)
    func check(broken: BrokenDatabase) async throws {
        try await TestDatabase.withDatabase { database in
            let scene = try await Scene(database)
            _ = try await scene.offeredOrder(toRival: true)
            let well = await DatabaseCheck.report(on: database.connectionString)
            #expect(well.verdict == .complete, "\(well.lines)")
            try await database.sql(broken.sql)
            let before = try await scene.rows()
            let report = await DatabaseCheck.report(on: database.connectionString)
            #expect(report.verdict == .lacking)
            #expect(report.lines.contains { $0.hasPrefix(broken.line) }, "\(report.lines)")
            #expect(!report.lines.contains { $0.contains("Mill Lane") }, "\(report.lines)")
            #expect(report.lines.last == "not ok")
            #expect(try await scene.rows() == before)
        }
    }

    @Test("Health tells it although nothing else is asked for, and heals", arguments: BrokenDatabase.all)
    func health(broken: BrokenDatabase) async throws {
        try await TestDatabase.withDatabase { database in
            let scene = try await Scene(database)
            _ = try await scene.offeredOrder(toRival: true)
            try await RunningService.run(on: database.connectionString, { $0.triesWork = true }) { service in
                #expect(try await service.waitUntilInspected()["status"]?.stringValue == "ok")
                try await database.sql(broken.sql)
                // One thing after another may be found.
                let health = try await eventually(
                    { try await service.health() },
                    until: { health in
                        let notes = (try? HealthResult(json: health).database.notes) ?? []
                        return health["status"]?.stringValue == broken.status
                            && notes.contains { $0.hasPrefix(broken.note) }
                    })
                let notes = try HealthResult(json: health).database.notes
                #expect(health["status"]?.stringValue == broken.status, "\(health)")
                #expect(notes.contains { $0.hasPrefix(broken.note) }, "\(notes)")
                #expect(!(notes + service.log.texts).contains { $0.contains("Mill Lane") })
                #expect(!notes.contains { $0.contains("nextval") || $0.contains("invalid input") }, "\(notes)")
            }
        }
    }

    @Test("A trigger that refuses only what is really accepted: told by check, and by health after the first accept")
    func realAccept() async throws {
        try await TestDatabase.withDatabase { database in
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder()
            try await database.sql(
                BrokenDatabase.trigger(
                    "BEFORE UPDATE ON orders FOR EACH ROW WHEN (NEW.status = 'ASSIGNED')", isConstraint: false))
            let before = try await scene.rows()
            let report = await DatabaseCheck.report(on: database.connectionString)
            #expect(report.verdict == .lacking)
            #expect(report.lines.contains { $0.hasPrefix("fails: acceptOffer: P0001 in offersd_accept (raised") })
            try await RunningService.run(on: database.connectionString, { $0.triesWork = true }) { service in
                try await service.waitUntilInspected()
                try await service.withClient { (client) async throws in
                    #expect(try await client.accept(order, by: scene.master).reason == "INTERNAL_ERROR")
                }
                let health = try await service.health()
                #expect(health["status"]?.stringValue == "degraded")
                let notes = try HealthResult(json: health).database.notes
                #expect(notes.contains { $0.hasPrefix("acceptOffer fails: P0001") }, "\(notes)")
                // It is tried all the way, not only with what cannot be accepted.
                try await database.sql("DROP TRIGGER refuse ON orders")
                let healed = try await eventually(
                    { try await service.health() }, until: { $0["status"]?.stringValue == "ok" })
                #expect(healed["status"]?.stringValue == "ok")
            }
            #expect(try await scene.rows() == before)
        }
    }

    @Test("Rows that may be read and not be locked: no write decides anything, and everything says so")
    func unlocked() async throws {
        try await TestDatabase.withDatabase { database in
            let scene = try await Scene(database)
            let orders = [try await scene.offeredOrder(), try await scene.offeredOrder()]
            let connection = try await database.makeGrantedRole("locks_\(database.name)")
            try await database.sql(
                """
                ALTER TABLE masters ENABLE ROW LEVEL SECURITY;
                CREATE POLICY look ON masters FOR SELECT USING (true)
                """)
            let before = try await scene.rows()
            let fault = """
                Row security is active on masters: rows may be read that are not locked, and accepts and declines of them \
                are refused, as no policy for UPDATE applies to this role.
                """
            let report = await DatabaseCheck.report(on: connection)
            #expect(report.verdict == .lacking)
            #expect(report.lines.contains(fault), "\(report.lines)")
            try await RunningService.run(on: connection, { $0.triesWork = true }) { service in
                let health = try await service.waitUntilInspected()
                #expect(health["status"]?.stringValue == "degraded")
                #expect(try HealthResult(json: health).database.notes.contains(fault))
                try await service.withClient { (client) async throws in
                    #expect(try await client.listedOrders(scene.master).sorted() == orders)
                    #expect(try await client.accept(orders[0], by: scene.master).reason == "DATABASE_UNAVAILABLE")
                    #expect(try await client.decline(orders[1], by: scene.master).reason == "DATABASE_UNAVAILABLE")
                    #expect(try await client.accept(orders[1], by: 999_999).reason == "MASTER_NOT_FOUND")
                    #expect(try await scene.rows() == before)
                    try await database.sql("CREATE POLICY work ON masters FOR UPDATE USING (true)")
                    #expect(try await client.accept(orders[0], by: scene.master).error == nil)
                    #expect(try await client.decline(orders[1], by: scene.master).error == nil)
                    #expect(try await client.accept(orders[1], by: 999_999).reason == "MASTER_NOT_FOUND")
                    #expect(try await client.accept(999_999, by: scene.master).reason == "OFFER_NOT_FOUND")
                }
            }
            #expect(await DatabaseCheck.report(on: connection).verdict == .complete)
        }
    }

    @Test(
        "Row security that hides something is a fault, and that hides nothing is a note",
        arguments: [
            ("", "Row security is active on offers: all rows are hidden from this role"),
            (
                "CREATE POLICY p ON offers FOR SELECT USING (id > 0)",
                "Row security is active on offers: rows may be hidden"
            ),
            ("CREATE POLICY p ON offers USING (true)", nil),
            ("CREATE POLICY p ON offers TO pg_monitor USING (true)", "Row security is active on offers: all rows"),
            (
                "CREATE POLICY p ON offers USING (true); CREATE POLICY r ON offers AS RESTRICTIVE USING (id > 0)",
                "Row security is active on offers: rows may be hidden"
            ),
            (
                "CREATE POLICY p ON offers USING (true) WITH CHECK (state <> 'ACCEPTED')",
                "Row security is active on offers: rows may be read that are not"
            ),
        ])
    func rowSecurity(policy: String, fault: String?) async throws {
        try await TestDatabase.withDatabase { database in
            let scene = try await Scene(database)
            _ = try await scene.offeredOrder()
            let connection = try await database.makeGrantedRole("rows_\(database.name)")
            try await database.sql("ALTER TABLE offers ENABLE ROW LEVEL SECURITY; \(policy)")
            let report = await DatabaseCheck.report(on: connection)
            let faults = report.lines.filter { $0.hasPrefix("Row security is active on") }
            if let fault {
                #expect(report.verdict == .lacking)
                #expect(faults.contains { $0.hasPrefix(fault) }, "\(report.lines)")
            } else {
                #expect(report.verdict == .complete, "\(report.lines)")
                #expect(faults == ["Row security is active on offers, and hides nothing from this role."])
            }
        }
    }

    @Test("Views that stand for tables are complete if they can be written, and without commits to try all else is")
    func views() async throws {
        try await TestDatabase.withDatabase { database in
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder()
            let declined = try await scene.offeredOrder()
            for table in ["orders", "offers", "masters", "order_status_history"] {
                try await database.sql(
                    "ALTER TABLE \(table) RENAME TO \(table)_of_old; CREATE VIEW \(table) AS SELECT * FROM \(table)_of_old"
                )
            }
            // Since version 17 it has one parameter more.
            try await database.sql(
                """
                DO $$ DECLARE f regprocedure; BEGIN
                    FOR f IN SELECT oid FROM pg_proc WHERE proname = 'pg_logical_emit_message' LOOP
                        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f);
                    END LOOP;
                END $$
                """)
            let connection = try await database.makeGrantedRole("views_\(database.name)")
            try await database.sql("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO views_\(database.name)")
            let report = await DatabaseCheck.report(on: connection)
            #expect(report.verdict == .complete, "\(report.lines)")
            #expect(!report.lines.contains { $0.hasPrefix("note:") }, "\(report.lines)")
            #expect(report.lines.contains { $0.hasPrefix("This role may not execute pg_logical_emit_message") })
            try await RunningService.run(on: connection, { $0.triesWork = true }) { service in
                #expect(try await service.waitUntilInspected()["status"]?.stringValue == "ok")
                try await service.withClient { (client) async throws in
                    #expect(try await client.listedOrders(scene.master).sorted() == [order, declined])
                    #expect(try await client.accept(order, by: scene.master).error == nil)
                    #expect(try await client.decline(declined, by: scene.master).error == nil)
                }
                #expect(try await service.health()["status"]?.stringValue == "ok")
            }
        }
    }

    @Test("Every statement of the sources is on the list that check draws from")
    func statements() throws {
        let table = MetricsTable(
            categoryColumn: "category", categoryType: "text", orderTypeColumn: "order_type", orderTypeType: "text")
        let names = ServiceStatements.all(uniqueOpenPairs: true, readsHistory: true, metricsTable: table).map(
            \.statement.name)
        #expect(Set(names).count == names.count)
        // Proven by being run.
        let known =
            names
            + [
                TrialStatements.constraints, TrialStatements.lockTimeout, TrialStatements.locks, TrialStatements.accept,
                TrialStatements.decline, TrialStatements.history, TrialStatements.commit, Durability.query,
            ].map(\.name)
        var found = 0
        for text in try PackageRoot.texts(in: "Sources/OffersServer") {
            for match in text.matches(of: /(?:Statement\(|ByMaster\(|case [a-z]+ =)\s*"(offersd_[a-z_]+)/) {
                found += 1
                #expect(known.contains { $0.hasPrefix(match.1) }, "\(match.1)")
            }
        }
        #expect(found >= 15)
    }
}
