import Deadlines
import JSONRPC
import Logging
import Offers
import Postgres
import TestDatabase
import Testing
import Turns

@testable import OffersServer

/// Locks that other programs hold: a write waits for them, for a time, and never calls that "taken".
@Suite("Foreign locks", .inTurn)
struct LockTests {
    private func withService(
        _ configure: (inout Settings) -> Void = { _ in },
        _ body: (Scene, TestClient, RunningService) async throws -> Void
    ) async throws {
        try await TestDatabase.withDatabase(.g3) { (database) async throws in
            let scene = try await Scene(database)
            try await RunningService.run(on: database.connectionString, configure) { service in
                try await service.withClient { try await body(scene, $0, service) }
            }
        }
    }

    private func lockOf(_ order: Int) -> String { "SELECT 1 FROM orders WHERE id = \(order) FOR UPDATE" }

    @Test("a foreign lock that is rolled back gives a wait and then success")
    func waitsThenSucceeds() async throws {
        try await withService { scene, client, _ in
            let order = try await scene.offeredOrder()
            try await HeldLock.hold(lockOf(order), in: scene.database) { lock in
                let answer = try await lock.answer {
                    try await client.accept(order, by: scene.master)
                } meanwhile: {
                    try await lock.release()
                }
                #expect(answer["alreadyAccepted"] == .bool(false), "\(answer)")
            }
        }
    }

    @Test("a foreign lock that ends in an assignment gives ORDER_TAKEN")
    func waitsThenTaken() async throws {
        try await withService { scene, client, _ in
            let order = try await scene.offeredOrder()
            let assign =
                "UPDATE orders SET assigned_master_id = \(scene.rival), status = 'ASSIGNED' WHERE id = \(order)"
            try await HeldLock.hold(lockOf(order), in: scene.database, then: assign) { lock in
                let answer = try await lock.answer {
                    try await client.accept(order, by: scene.master)
                } meanwhile: {
                    try await lock.release()
                }
                #expect(answer.reason == "ORDER_TAKEN", "\(answer)")
            }
        }
    }

    @Test("an offer that runs out during the wait is expired")
    func expiresDuringWait() async throws {
        try await withService { scene, client, _ in
            let order = try await scene.order()
            try await scene.offer(order)
            try await HeldLock.hold(lockOf(order), in: scene.database) { lock in
                let answer = try await lock.answer {
                    try await client.accept(order, by: scene.master)
                } meanwhile: {
                    // The accept has begun; its offer ends now.
                    try await scene.database.sql(
                        "UPDATE offers SET expires_at = clock_timestamp() WHERE order_id = \(order)")
                    try await lock.release()
                }
                #expect(answer.reason == "OFFER_EXPIRED", "\(answer)")
            }
        }
    }

    @Test("an offer that was going to run out is expired by the clock at the decision, not at the beginning")
    func clockOfTheDecision() async throws {
        try await withService { scene, client, _ in
            let order = try await scene.order()
            try await scene.offer(order) { $0.expiresAt = "clock_timestamp() + interval '2 s'" }
            try await HeldLock.hold(lockOf(order), in: scene.database) { lock in
                let answer = try await lock.answer {
                    try await client.accept(order, by: scene.master)
                } meanwhile: {
                    try await lock.until(
                        "SELECT clock_timestamp() > expires_at FROM offers WHERE order_id = \(order)")
                    try await lock.release()
                }
                #expect(answer.reason == "OFFER_EXPIRED", "\(answer)")
            }
        }
    }

    @Test(
        "a lock held for too long is TIMED_OUT half a second before the deadline, and nothing is written",
        .alone,
        arguments: [
            "SELECT 1 FROM orders FOR UPDATE", "SELECT 1 FROM masters FOR UPDATE", "SELECT 1 FROM offers FOR UPDATE",
        ])
    func timesOut(statement: String) async throws {
        try await withService({ $0.writeDeadline = .milliseconds(1500) }) { scene, client, service in
            try await service.waitUntilConnected()
            let order = try await scene.offeredOrder()
            let before = try await scene.rows()
            let clock = ContinuousClock()
            try await HeldLock.hold(statement, in: scene.database) { lock in
                let began = clock.now
                let answer = try await client.accept(order, by: scene.master)
                let took = began.duration(to: clock.now)
                // At the deadline itself it would be OUTCOME_UNKNOWN.
                #expect(answer.reason == "TIMED_OUT", "\(answer)")
                #expect(took > .milliseconds(900), "\(took)")
                let rows = try await scene.rows()
                #expect(rows == before)
            }
            #expect(try await scene.rows() == before, "and nothing is written later")
            #expect(try await client.listedOrders(scene.master) == [order])
        }
    }

    @Test("the time for both locks together is bounded, not for each", .alone)
    func sumOfWaits() async throws {
        try await withService({ $0.writeDeadline = .milliseconds(2500) }) { scene, client, service in
            try await service.waitUntilConnected()
            let order = try await scene.offeredOrder()
            let lockOfMaster = "SELECT 1 FROM masters WHERE id = \(scene.master) FOR UPDATE"
            try await HeldLock.hold(lockOf(order), in: scene.database) { lockOfOrder in
                try await HeldLock.hold(lockOfMaster, in: scene.database) { lock in
                    let answer = try await lock.answer {
                        try await client.accept(order, by: scene.master)
                    } meanwhile: {
                        // Most of the two seconds that the locks may take together.
                        try await lock.until(
                            "SELECT clock_timestamp() > query_start + interval '1.4 s' FROM pg_stat_activity "
                                + "WHERE wait_event_type = 'Lock' AND datname = current_database()")
                        try await lock.release()
                    }
                    // Counted anew it would go on past the deadline, and be OUTCOME_UNKNOWN.
                    #expect(answer.reason == "TIMED_OUT", "\(answer)")
                }
            }
        }
    }

    @Test(
        "the master is locked first: meanwhile the order is free, and what becomes of it decides",
        arguments: [true, false])
    func masterFirst(prepared: Bool) async throws {
        try await withService({ $0.postgres.preparesStatements = prepared }) { scene, client, _ in
            let order = try await scene.offeredOrder()
            let lockOfMaster = "SELECT 1 FROM masters WHERE id = \(scene.master) FOR UPDATE"
            try await HeldLock.hold(lockOfMaster, in: scene.database) { lock in
                let answer = try await lock.answer {
                    try await client.accept(order, by: scene.master)
                } meanwhile: {
                    try await scene.database.sql("SELECT 1 FROM orders WHERE id = \(order) FOR UPDATE NOWAIT")
                    try await scene.database.sql(
                        "UPDATE orders SET assigned_master_id = \(scene.rival), status = 'ASSIGNED' WHERE id = \(order)"
                    )
                    try await lock.release()
                }
                #expect(answer.reason == "ORDER_TAKEN", "\(answer)")
            }
        }
    }

    @Test("a write locks its master before its order; writes together wait for neither")
    func lockOrder() async throws {
        try await withService { scene, _, _ in
            let writes = try await scene.writes(2).map { [Int64($0.master), Int64($0.order)] }
            func locks(_ writes: [[Int64]]) -> Transaction<Int> {
                Transaction(
                    name: "locks", steps: { [WriteLocks.step(.id(nil), BatchParameters(writes), $0)] },
                    decode: { $0.rowCount })
            }
            // In the order in which they are locked: a write that waits for one has that before it, and not that behind
            // it.
            let rows = [
                "SELECT 1 FROM masters WHERE id = \(writes[0][0])", "SELECT 1 FROM orders WHERE id = \(writes[0][1])",
            ]
            try await scene.database.withPool { pool in
                for held in rows.indices {
                    try await HeldLock.hold(rows[held] + " FOR UPDATE", in: scene.database) { lock in
                        let deadline = Deadline(in: .seconds(100))
                        #expect(try await pool.transaction(locks(writes), deadline: deadline) == 1)
                        async let write = pool.transaction(locks([writes[0]]), deadline: deadline)
                        try await lock.isWaitedFor()
                        for other in rows.indices where other != held {
                            let free = try await scene.database.sql(rows[other] + " FOR NO KEY UPDATE SKIP LOCKED")
                            #expect(free.isEmpty == (other < held), "held \(rows[held]), other \(rows[other])")
                        }
                        try await lock.release()
                        #expect(try await write == 1)
                    }
                }
            }
        }
    }

    @Test("writes that wait for a hot order leave the connections to others, and lists wait for none")
    func hotOrder() async throws {
        try await withService({
            $0.postgres.writeConnections = 2
        }) { scene, client, service in
            let hot = try await scene.order()
            let masters = try await scene.database.insert((0..<10).map { _ in MasterRow() })
            try await scene.database.insert(masters.map { OfferRow(orderID: hot, masterID: $0) })
            let other = try await scene.offeredOrder()
            try await HeldLock.hold(lockOf(hot), in: scene.database) { lock in
                try await withThrowingTaskGroup { group in
                    for master in masters {
                        // A connection each: on one connection a write waits for the one before it.
                        group.addTask { try await service.withClient { try await $0.accept(hot, by: master) } }
                    }
                    try await lock.isWaitedFor()
                    // The lock is still held when these are answered.
                    #expect(try await client.listedOrders(scene.master) == [other])
                    let answer = try await client.accept(other, by: scene.master)
                    #expect(answer.result != nil, "\(answer)")
                    try await lock.release()
                    let answers = try await group.reduce(into: []) { $0.append($1) }
                    #expect(answers.count { $0.result != nil } == 1)
                    #expect(answers.count { $0.reason == "ORDER_TAKEN" } == 9)
                }
            }
        }
    }

    @Test("a list that the database does not answer is TIMED_OUT at its deadline")
    func listTimesOut() async throws {
        try await withService({ $0.postgres.readDeadline = .milliseconds(500) }) { scene, client, service in
            try await service.waitUntilConnected()
            let clock = ContinuousClock()
            try await HeldLock.hold("LOCK TABLE offers IN ACCESS EXCLUSIVE MODE", in: scene.database) { _ in
                let began = clock.now
                let answer = try await client.list(scene.master)
                #expect(answer.reason == "TIMED_OUT", "\(answer)")
                let took = began.duration(to: clock.now)
                #expect(took > .milliseconds(450), "\(took)")
            }
            let answer = try await eventually(
                { try await client.list(scene.master) }, until: { $0.reason != "TIMED_OUT" })
            #expect(answer.result != nil, "\(answer)")
        }
    }

    @Test("health is answered while lists are stuck behind a locked table, and says that the database is there")
    func healthBesideStuckLists() async throws {
        try await withService { scene, client, service in
            try await HeldLock.hold("LOCK TABLE offers IN ACCESS EXCLUSIVE MODE", in: scene.database) { lock in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<5 { group.addTask { _ = try await client.list(scene.master) } }
                    try await lock.isWaitedFor()
                    let health = try await service.withClient { try await $0.call("health") }
                    #expect(health["status"]?.stringValue == "ok", "\(health)")
                    try await lock.release()
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test("looking at the database waits for no table, be it locked or to be locked")
    func looksBesideLocks() async throws {
        try await TestDatabase.withDatabase(.g3) { (database) async throws in
            for table in ["offers", "orders", "masters", "order_status_history", "distribution_metrics"] {
                try await HeldLock.hold("LOCK TABLE \(table) IN ACCESS EXCLUSIVE MODE", in: database) { _ in
                    let report = await DatabaseCheck.report(on: database.connectionString)
                    // What only optional rows need is a note.
                    #expect(report.verdict == (table == "distribution_metrics" ? .complete : .lacking))
                    let line = "timeout: \(table) locked by others"
                    #expect(report.lines.contains { $0.contains(line) }, "\(table): \(report.lines)")
                    try await RunningService.run(on: database.connectionString) { service in
                        let health = try await service.health()
                        #expect(health["status"]?.stringValue == "ok", "\(table): \(health)")
                    }
                }
            }
        }
    }

    @Test("another program that expires the offer in the same moment wins, and nothing is half written")
    func expiredInTheSameMoment() async throws {
        try await withService { scene, client, _ in
            let order = try await scene.offeredOrder(toRival: true)
            let expire =
                "UPDATE offers SET state = 'EXPIRED', responded_at = now() "
                + "WHERE order_id = \(order) AND master_id = \(scene.master)"
            try await HeldLock.hold(expire, in: scene.database, then: "SELECT 1") { lock in
                let answer = try await lock.answer {
                    try await client.accept(order, by: scene.master)
                } meanwhile: {
                    try await lock.release()
                }
                #expect(answer.reason == "OFFER_EXPIRED", "\(answer)")
            }
            let rows = try await scene.database.sql(
                "SELECT o.status, string_agg(f.state::text, ',' ORDER BY f.id) FROM orders o JOIN offers f "
                    + "ON f.order_id = o.id WHERE o.id = \(order) GROUP BY 1")
            #expect(rows == ["SEARCHING|EXPIRED,SENT"])
        }
    }
}
