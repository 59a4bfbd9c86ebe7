import EmbeddedPostgres
import JSONRPC
import OffersServer
import Postgres
import TestDatabase
import Testing
import Turns

/// Accepts that wait at the same time share a transaction: what one is told, and what becomes of its order, is the same
/// as if it had been alone.
@Suite("Accepts that share a transaction", .inTurn)
struct SharedAcceptTests {
    /// A service with one connection for accepts, which is busy as long as the lock of `held` is.
    private func withService(
        on connectionString: String? = nil, _ scene: Scene, _ configure: (inout Settings) -> Void = { _ in },
        _ body: (RunningService) async throws -> Void
    ) async throws {
        try await RunningService.run(on: connectionString ?? scene.database.connectionString) {
            $0.postgres.writeConnections = 1
            configure(&$0)
        } _: { service in
            try await service.waitUntilConnected()
            try await body(service)
        }
    }

    /// Has all of `taps` wait for the one connection, and returns their answers in order.
    private func together(
        _ taps: [Write], on service: RunningService, _ scene: Scene,
        before release: () async throws -> Void = {}
    ) async throws -> [TestClient.Answer] {
        let first = try await scene.order()
        let master = try await scene.database.insert(MasterRow())
        _ = try await scene.database.insert(OfferRow(orderID: first, masterID: master))
        let lockOfFirst = "SELECT 1 FROM orders WHERE id = \(first) FOR UPDATE"
        var answers: [Int: TestClient.Answer] = [:]
        try await HeldLock.hold(lockOfFirst, in: scene.database) { lock in
            answers = try await withThrowingTaskGroup { group in
                group.addTask { (-1, try await service.withClient { try await $0.accept(first, by: master) }) }
                try await lock.isWaitedFor()
                for (index, tap) in taps.enumerated() {
                    group.addTask {
                        let answer = try await service.withClient {
                            try await $0.call("acceptOffer", (tap.parameter, tap.master), ("orderId", tap.order))
                        }
                        return (index, answer)
                    }
                    // One after the other: those with a key in common wait in the order of their arrival.
                    _ = try await eventually(
                        { try await service.metrics()["pool"]?["writes"]?["waiting"]?.int64Value },
                        until: { $0 == Int64(index + 1) })
                }
                try await release()
                try await lock.release()
                return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
        }
        #expect(answers[-1]?.result != nil, "\(answers[-1].debugDescription)")
        return taps.indices.compactMap { answers[$0] }
    }

    @Test("each is answered as if it had been alone: successes, repetitions, every refusal", arguments: [true, false])
    func everyAnswer(prepared: Bool) async throws {
        try await TestDatabase.withDatabase(.g3) { database in
            let scene = try await Scene(database)
            var taps = try await scene.writes(12)
            let unknown = Write(order: taps[5].order + 1_000_000, master: taps[5].master)
            try await database.sql(
                """
                UPDATE masters SET is_blocked = true, blocked_reason = 'made up' WHERE id = \(taps[3].master);
                UPDATE masters SET is_active = false WHERE id = \(taps[4].master);
                DELETE FROM offers WHERE order_id = \(taps[5].order);
                UPDATE orders SET assigned_master_id = \(scene.rival), status = 'WORKING' WHERE id = \(taps[6].order);
                UPDATE offers SET expires_at = now() - interval '1 s' WHERE order_id = \(taps[7].order);
                UPDATE orders SET status = 'CLOSED' WHERE id = \(taps[8].order);
                UPDATE masters SET max_active_orders_override = 1 WHERE id = \(taps[9].master);
                INSERT INTO orders (SELECT (jsonb_populate_record(o, jsonb_build_object('id', 1000 + o.id,
                    'status', 'PAYMENT', 'assigned_master_id', \(taps[9].master)))).* FROM orders o
                    WHERE o.id = \(taps[9].order));
                UPDATE orders SET assigned_master_id = \(taps[10].master), status = 'EN_ROUTE' WHERE id = \(taps[10].order);
                """)
            taps[11] = Write(order: taps[11].order, master: 2_000_000_000)
            taps.append(unknown)
            taps.append(Write(order: taps[5].order, master: scene.rival))
            // More than the column can hold; and the order exists.
            taps.append(Write(order: try await scene.order(), master: 3_000_000_000))
            let all = taps
            try await withService(scene, { $0.postgres.preparesStatements = prepared }) { service in
                let answers = try await together(all, on: service, scene)
                #expect(
                    answers.map(\.reason) == [
                        nil, nil, nil, "MASTER_BLOCKED", "MASTER_NOT_ACTIVE", "OFFER_NOT_FOUND", "ORDER_TAKEN",
                        "OFFER_EXPIRED", "ORDER_NOT_AVAILABLE", "LIMIT_REACHED", nil, "MASTER_NOT_FOUND",
                        "OFFER_NOT_FOUND", "OFFER_NOT_FOUND", "MASTER_NOT_FOUND",
                    ])
                #expect(answers[3].error?.detail("blockedReason") == .string("made up"))
                #expect(answers[9].error?.detail("active") == .integer(1))
                for (tap, answer) in zip(all, answers) where answer.result != nil {
                    #expect(answer["masterId"]?.int64Value == Int64(tap.master))
                    #expect(answer["orderId"]?.int64Value == Int64(tap.order))
                    #expect(answer["order.orderId"]?.int64Value == Int64(tap.order))
                }
                #expect(answers[0...2].allSatisfy { $0["alreadyAccepted"] == .bool(false) })
                #expect(answers[10]["alreadyAccepted"] == .bool(true))
                // What does not exist cannot be locked, and is left out.
                let separations = try await service.metrics()["claimSeparations"]?.int64Value
                #expect(separations == 3)
            }
            let transactions = try await scene.transactions(all)
            #expect(transactions[0] != nil && Set(transactions[0...2]).count == 1, "\(transactions)")
            #expect(transactions[3...].allSatisfy { $0 == nil })
        }
    }

    @Test("masters named by either id at the same time; and the limit of one who is named both ways")
    func naming() async throws {
        try await TestDatabase.withDatabase(.g3) { database in
            let scene = try await Scene(database)
            let byID = try await scene.writes(6)
            try await database.sql(
                """
                UPDATE masters SET tg_user_id = 5000000000 + id, max_active_orders_override = 1;
                INSERT INTO offers (order_id, master_id, state, round_number, sent_at)
                    SELECT \(byID[5].order), \(byID[0].master), 'SENT', 1, now()
                """)
            let named = byID[1...3].map {
                Write(order: $0.order, master: 5_000_000_000 + $0.master, parameter: "telegramUserId")
            }
            // One master, two orders, named by either id: not the same key, but the same row.
            let twice = [
                byID[0],
                Write(order: byID[5].order, master: 5_000_000_000 + byID[0].master, parameter: "telegramUserId"),
            ]
            try await withService(scene) { service in
                let answers = try await together(named + twice, on: service, scene)
                #expect(answers[0...2].allSatisfy { $0["alreadyAccepted"] == .bool(false) }, "\(answers)")
                #expect(Set(answers[3...4].map(\.reason)) == [nil, "LIMIT_REACHED"], "\(answers)")
            }
            #expect(try await scene.transactions(Array(byID[1...3])).allSatisfy { $0 != nil })
        }
    }

    @Test("two masters with one Telegram user, where nothing forbids that: neither is told the other's answer")
    func twins() async throws {
        try await TestDatabase.withDatabase(.g3) { database in
            let scene = try await Scene(database)
            let byID = try await scene.writes(4)
            try await database.sql(
                """
                ALTER TABLE masters DROP CONSTRAINT uq_masters__tg_user_id;
                UPDATE masters SET tg_user_id = 5000000000 + id;
                UPDATE masters SET tg_user_id = 5000000000 + \(byID[1].master) WHERE id = \(scene.rival);
                """)
            let named = byID.map {
                Write(order: $0.order, master: 5_000_000_000 + $0.master, parameter: "telegramUserId")
            }
            try await withService(scene) { service in
                let answers = try await together(named, on: service, scene)
                #expect(answers.map(\.reason) == [nil, "INTERNAL_ERROR", nil, nil])
                for index in [0, 2, 3] {
                    #expect(answers[index]["order.orderId"]?.int64Value == Int64(named[index].order))
                }
            }
            #expect(try await scene.transactions(byID).map { $0 != nil } == [true, false, true, true])
        }
    }

    @Test("an order that the database will not have assigned is no other write's misfortune")
    func oneIsRefused() async throws {
        try await TestDatabase.withDatabase(.g3) { database in
            let scene = try await Scene(database)
            let taps = try await scene.writes(5)
            try await database.sql(
                """
                CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                    IF NEW.id = \(taps[2].order) THEN RAISE 'not this one'; END IF;
                    RETURN NEW;
                END $$;
                CREATE TRIGGER refuse BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION refuse();
                """)
            try await withService(scene) { service in
                let answers = try await together(taps, on: service, scene)
                #expect(answers.map(\.reason) == [nil, nil, "INTERNAL_ERROR", nil, nil])
                #expect(try await service.metrics()["claimSeparations"]?.int64Value == 5)
                #expect(service.log.texts.contains { $0.contains("P0001 in offersd_accept (raised by a function") })
            }
            let transactions = try await scene.transactions(taps)
            #expect(transactions[2] == nil && Set(transactions).count == 5, "each by itself: \(transactions)")
        }
    }

    @Test("an offer that another program expires in the same moment: its accept says so, the others succeed")
    func oneExpires() async throws {
        try await TestDatabase.withDatabase(.g3) { database in
            let scene = try await Scene(database)
            let taps = try await scene.writes(4)
            let expire =
                "UPDATE offers SET state = 'EXPIRED', responded_at = now() WHERE order_id = \(taps[1].order)"
            try await withService(scene, { $0.postgres.writeConnections = 2 }) { service in
                try await HeldLock.hold(expire, in: database, then: "SELECT 1") { lock in
                    try await withThrowingTaskGroup { group in
                        for (index, tap) in taps.enumerated() {
                            group.addTask {
                                (index, try await service.withClient { try await $0.accept(tap.order, by: tap.master) })
                            }
                        }
                        var answers: [Int: TestClient.Answer] = [:]
                        while answers.count < 3, let (index, answer) = try await group.next() {
                            answers[index] = answer
                        }
                        #expect(Set(answers.keys) == [0, 2, 3], "while the row is locked")
                        #expect(answers.values.allSatisfy { $0.result != nil })
                        try await lock.release()
                        #expect(try await group.next()?.1.reason == "OFFER_EXPIRED")
                    }
                }
            }
        }
    }

    @Test(
        "writes whose rows another program has are left out: the others are committed together, without an error",
        arguments: ["orders WHERE id = %o", "offers WHERE order_id = %o", "masters WHERE id = %m"])
    func locksOfOthers(rows: String) async throws {
        try await TestDatabase.withServer { database in
            let scene = try await Scene(database)
            let taps = try await scene.writes(5)
            let held = rows.replacing("%o", with: "\(taps[1].order)").replacing("%m", with: "\(taps[1].master)")
            try await withService(scene) { service in
                let answers = try await HeldLock.hold("SELECT FROM \(held) FOR UPDATE", in: database) { lock in
                    async let answers = together(taps, on: service, scene)
                    let transactions = try await eventually(
                        { try await scene.transactions(taps) }, until: { $0.count { $0 != nil } == 4 })
                    #expect(transactions[1] == nil && Set(transactions).count == 2, "\(transactions)")
                    try await lock.release()
                    return try await answers
                }
                #expect(answers.map(\.reason) == [nil, nil, nil, nil, nil], "\(answers)")
                #expect(try await service.metrics()["claimSeparations"]?.int64Value == 1)
            }
            #expect(try await scene.transactions(taps)[1] != nil)
            let log = database.server.lastLinesOfLog(1000)
            #expect(!log.contains("ERROR:"), "\(log)")
        }
    }

    @Test(
        "COMMIT lost on its way or its answer on the way back: all are found out about, each accepted once",
        arguments: [FaultProxy.Trigger.execute(containing: "COMMIT"), .commandComplete("COMMIT")])
    func commitLost(trigger: FaultProxy.Trigger) async throws {
        try await TestDatabase.withDatabase(.g3) { database in
            let scene = try await Scene(database)
            let taps = try await scene.writes(5)
            let taken = try await scene.order {
                $0.assignedMasterID = scene.rival
                $0.status = "ASSIGNED"
            }
            try await scene.offer(taken)
            let all = taps + [Write(order: taken, master: scene.master)]
            try await FaultProxy.withProxy(to: database) { proxy in
                try await withService(on: proxy.connectionString, scene) { service in
                    let answers = try await together(all, on: service, scene) {
                        // The first COMMIT is of the one that they wait for.
                        proxy.inject(.disconnect, on: trigger, occurrence: 2)
                    }
                    #expect(proxy.count(of: trigger) >= 2)
                    #expect(answers.dropLast().allSatisfy { $0["alreadyAccepted"] == .bool(false) }, "\(answers)")
                    #expect(answers.last?.reason == "ORDER_TAKEN", "\(answers)")
                }
            }
            #expect(try await scene.transactions(taps).allSatisfy { $0 != nil })
        }
    }
}
