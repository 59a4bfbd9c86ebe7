import JSONRPC
import OffersServer
import TestDatabase
import Testing
import Turns

/// What becomes of an accept whose connection breaks or falls silent, told by the rows.
@Suite("Faults around COMMIT", .inTurn)
struct CommitFaultTests {
    private func withFault(
        _ action: FaultProxy.Action, on trigger: FaultProxy.Trigger,
        _ configure: (inout Settings) -> Void = { _ in },
        _ body: (Scene, TestClient, FaultProxy) async throws -> Void
    ) async throws {
        try await TestDatabase.withDatabase(.g3) { (database) async throws in
            let scene = try await Scene(database)
            try await FaultProxy.withProxy(to: database) { (proxy) async throws in
                _ = proxy.inject(action, on: trigger, occurrence: 1, repeats: false)
                try await RunningService.run(on: proxy.connectionString, configure) { service in
                    try await service.waitUntilConnected()
                    try await service.withClient { try await body(scene, $0, proxy) }
                }
            }
        }
    }

    /// The accept happened exactly once.
    private func expectAcceptedOnce(_ order: Int, _ scene: Scene) async throws {
        let rows = try await scene.database.sql(
            """
            SELECT o.assigned_master_id, o.status, o.version,
                (SELECT count(*) FROM order_status_history h WHERE h.order_id = o.id),
                (SELECT string_agg(f.state::text, ',') FROM offers f WHERE f.order_id = o.id)
            FROM orders o WHERE o.id = \(order)
            """)
        #expect(rows == ["\(scene.master)|ASSIGNED|2|1|ACCEPTED"])
    }

    @Test("COMMIT done, its answer lost: found by asking again, and it was this request's doing")
    func answerLost() async throws {
        try await withFault(.disconnect, on: .commandComplete("COMMIT")) { scene, client, _ in
            let order = try await scene.offeredOrder()
            let answer = try await client.accept(order, by: scene.master)
            #expect(answer["alreadyAccepted"] == .bool(false), "\(answer)")
            try await expectAcceptedOnce(order, scene)
        }
    }

    @Test("COMMIT never arrived: run again, once")
    func commitLost() async throws {
        try await withFault(.disconnect, on: .execute(containing: "COMMIT")) { scene, client, _ in
            let order = try await scene.offeredOrder()
            let answer = try await client.accept(order, by: scene.master)
            #expect(answer["alreadyAccepted"] == .bool(false), "\(answer)")
            try await expectAcceptedOnce(order, scene)
        }
    }

    @Test("the write never arrived: run again, once")
    func writeLost() async throws {
        try await withFault(.disconnect, on: .execute(containing: "BEGIN")) { scene, client, _ in
            let order = try await scene.offeredOrder()
            let answer = try await client.accept(order, by: scene.master)
            #expect(answer["alreadyAccepted"] == .bool(false), "\(answer)")
            try await expectAcceptedOnce(order, scene)
        }
    }

    @Test("a refusal after a lost COMMIT is given, because the first backend is gone")
    func refusalAfterLoss() async throws {
        try await withFault(.disconnect, on: .execute(containing: "COMMIT")) { scene, client, _ in
            let order = try await scene.offeredOrder { $0.status = "CLOSED" }
            let answer = try await client.accept(order, by: scene.master)
            #expect(answer.reason == "ORDER_NOT_AVAILABLE", "\(answer)")
        }
    }

    @Test("a silent COMMIT is OUTCOME_UNKNOWN within the deadline, and repeating it tells the truth")
    func silentCommit() async throws {
        try await withFault(.freeze(.fromServer), on: .commandComplete("COMMIT")) {
            $0.writeDeadline = .seconds(5)
        } _: { scene, client, proxy in
            let order = try await scene.offeredOrder()
            // The silence lasts: without the deadline there would be no answer.
            let answer = try await client.accept(order, by: scene.master)
            #expect(answer.reason == "OUTCOME_UNKNOWN", "\(answer)")
            proxy.heal()
            proxy.thaw(.fromServer)
            // The pool may have found the database dead meanwhile, and says so at once.
            let repeated = try await eventually(
                { try await client.accept(order, by: scene.master) }, until: { $0.error == nil })
            #expect(repeated["alreadyAccepted"] == .bool(true), "\(repeated)")
            try await expectAcceptedOnce(order, scene)
        }
    }

    @Test("COMMIT answered by ROLLBACK is no success, and the order is still listed")
    func commitAnsweredByRollback() async throws {
        try await TestDatabase.withDatabase(.g3) { (database) async throws in
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder()
            try await FaultProxy.withProxy(to: database) { (proxy) async throws in
                _ = proxy.inject(
                    .rewrite("COMMIT", to: "ROLLBACK"), on: .parse(containing: "COMMIT"), occurrence: 1, repeats: true)
                try await RunningService.run(on: proxy.connectionString) { service in
                    try await service.withClient { client in
                        let answer = try await client.accept(order, by: scene.master)
                        #expect(answer.reason == "INTERNAL_ERROR", "\(answer)")
                        #expect(try await client.listedOrders(scene.master) == [order])
                    }
                }
            }
        }
    }

    @Test("a COMMIT that the database refuses is no success")
    func commitRefused() async throws {
        try await TestDatabase.withDatabase(.g3) { (database) async throws in
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder()
            try await database.sql(
                """
                CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not today'; END $$;
                CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON order_status_history
                    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse();
                """)
            let before = try await scene.rows()
            try await RunningService.run(on: database.connectionString) { service in
                try await service.withClient { client in
                    let answer = try await client.accept(order, by: scene.master)
                    #expect(answer.reason == "INTERNAL_ERROR", "\(answer)")
                    #expect(answer.error.map { !$0.message.contains("not today") } == true)
                }
                #expect(service.log.texts.contains { $0.contains("P0001 in offersd_commit (raised by a function") })
            }
            #expect(try await scene.rows() == before)
        }
    }

    @Test("a conflict that the database reports is tried again inside")
    func conflictIsRetried() async throws {
        try await TestDatabase.withDatabase(.g3) { (database) async throws in
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder()
            // A sequence is not rolled back: it tells the first two attempts from the third.
            try await database.sql(
                """
                CREATE SEQUENCE attempts;
                CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                    IF nextval('attempts') <= 2 THEN
                        RAISE 'try again' USING ERRCODE = 'serialization_failure';
                    END IF;
                    RETURN NEW;
                END $$;
                CREATE TRIGGER conflict BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION conflict();
                """)
            try await RunningService.run(on: database.connectionString) { service in
                try await service.withClient { client in
                    let answer = try await client.accept(order, by: scene.master)
                    #expect(answer["alreadyAccepted"] == .bool(false), "\(answer)")
                }
            }
            #expect(try await database.sql("SELECT last_value FROM attempts") == ["3"])
            try await expectAcceptedOnce(order, scene)
        }
    }
}
