import JSONRPC
import OffersServer
import TestDatabase
import Testing

/// Locks that other programs hold: a claim waits for them, for a time, and never calls that "taken".
@Suite("Foreign locks", .inTurn, .timeLimit(.minutes(5)))
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

    /// Holds a lock while `body` runs; then rolls back, or commits `change`.
    private func whileLocked(
        _ scene: Scene, _ lock: String, then change: String? = nil, seconds: Double, _ body: () async throws -> Void
    ) async throws {
        let database = scene.database
        async let holding = database.sql(
            "BEGIN; \(lock); SELECT pg_sleep(\(seconds)); \(change.map { "\($0); COMMIT" } ?? "ROLLBACK")")
        while try await database.sql(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()")
            != ["1"]
        {}
        try await body()
        _ = try await holding
    }

    @Test("a foreign lock that is rolled back gives a wait and then success")
    func waitsThenSucceeds() async throws {
        try await withService { scene, client, _ in
            let order = try await scene.offeredOrder()
            try await whileLocked(scene, "SELECT 1 FROM orders WHERE id = \(order) FOR UPDATE", seconds: 0.5) {
                let answer = try await client.accept(order, by: scene.master)
                #expect(answer["alreadyAccepted"] == .bool(false), "\(answer)")
            }
        }
    }

    @Test("a foreign lock that ends in an assignment gives ORDER_TAKEN")
    func waitsThenTaken() async throws {
        try await withService { scene, client, _ in
            let order = try await scene.offeredOrder()
            try await whileLocked(
                scene, "SELECT 1 FROM orders WHERE id = \(order) FOR UPDATE",
                then: "UPDATE orders SET assigned_master_id = \(scene.rival), status = 'ASSIGNED' WHERE id = \(order)",
                seconds: 0.5
            ) {
                let answer = try await client.accept(order, by: scene.master)
                #expect(answer.reason == "ORDER_TAKEN", "\(answer)")
            }
        }
    }

    @Test("an offer that runs out during the wait is expired")
    func expiresDuringWait() async throws {
        try await withService { scene, client, _ in
            let order = try await scene.order()
            try await scene.offer(order) { $0.expiresAt = "clock_timestamp() + interval '400 ms'" }
            try await whileLocked(scene, "SELECT 1 FROM orders WHERE id = \(order) FOR UPDATE", seconds: 0.8) {
                let answer = try await client.accept(order, by: scene.master)
                #expect(answer.reason == "OFFER_EXPIRED", "\(answer)")
            }
        }
    }

    @Test(
        "a lock held for too long is TIMED_OUT half a second before the deadline, and nothing is written",
        arguments: [
            "SELECT 1 FROM orders FOR UPDATE", "SELECT 1 FROM masters FOR UPDATE", "SELECT 1 FROM offers FOR UPDATE",
        ])
    func timesOut(lock: String) async throws {
        try await withService({ $0.writeDeadlineMilliseconds = 1500 }) { scene, client, _ in
            let order = try await scene.offeredOrder()
            let before = try await scene.rows()
            let clock = ContinuousClock()
            try await whileLocked(scene, lock, seconds: 3.5) {
                let began = clock.now
                let answer = try await client.accept(order, by: scene.master)
                let took = began.duration(to: clock.now)
                #expect(answer.reason == "TIMED_OUT", "\(answer)")
                #expect(took > .milliseconds(900) && took < .milliseconds(2400), "\(took)")
                let rows = try await scene.rows()
                #expect(rows == before)
            }
            #expect(try await scene.rows() == before, "and nothing is written later")
            #expect(try await client.listedOrders(scene.master) == [order])
        }
    }

    @Test("the time for both locks together is bounded, not for each")
    func sumOfWaits() async throws {
        try await withService({ $0.writeDeadlineMilliseconds = 1500 }) { scene, client, _ in
            let order = try await scene.offeredOrder()
            let clock = ContinuousClock()
            let lock = "SELECT 1 FROM orders WHERE id = \(order) FOR UPDATE"
            try await whileLocked(scene, lock, seconds: 2.5) {
                async let master = scene.database.sql(
                    "BEGIN; SELECT 1 FROM masters WHERE id = \(scene.master) FOR UPDATE; SELECT pg_sleep(0.7); COMMIT")
                while try await scene.database.sql(
                    "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
                )
                    != ["2"]
                {}
                let began = clock.now
                let answer = try await client.accept(order, by: scene.master)
                let took = began.duration(to: clock.now)
                #expect(answer.reason == "TIMED_OUT", "\(answer)")
                #expect(took < .milliseconds(1600), "\(took)")
                _ = try await master
            }
        }
    }

    @Test("claims that wait for a hot order leave the connections to others, and lists wait for nobody")
    func hotOrder() async throws {
        try await withService({ $0.writeConnections = 2 }) { scene, client, service in
            let hot = try await scene.order()
            let masters = try await scene.database.insert((0..<10).map { _ in MasterRow() })
            try await scene.database.insert(masters.map { OfferRow(orderID: hot, masterID: $0) })
            let other = try await scene.offeredOrder()
            let clock = ContinuousClock()
            try await whileLocked(scene, "SELECT 1 FROM orders WHERE id = \(hot) FOR UPDATE", seconds: 3) {
                try await withThrowingTaskGroup { group in
                    for master in masters {
                        // A connection each: on one connection a write waits for the one before it.
                        group.addTask { try await service.withClient { try await $0.accept(hot, by: master) } }
                    }
                    let waiting =
                        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
                    while try await scene.database.sql(waiting) == ["0"] {}
                    let began = clock.now
                    #expect(try await client.listedOrders(scene.master) == [other])
                    #expect(try await client.accept(other, by: scene.master).result != nil)
                    #expect(began.duration(to: clock.now) < .milliseconds(2000))
                    let answers = try await group.reduce(into: []) { $0.append($1) }
                    #expect(answers.count { $0.result != nil } == 1)
                    #expect(answers.count { $0.reason == "ORDER_TAKEN" } == 9)
                }
            }
        }
    }

    @Test("a list that the database does not answer is TIMED_OUT at its deadline")
    func listTimesOut() async throws {
        try await withService({
            $0.readDeadlineMilliseconds = 500
        }) { scene, client, _ in
            let clock = ContinuousClock()
            try await whileLocked(scene, "LOCK TABLE offers IN ACCESS EXCLUSIVE MODE", seconds: 2.5) {
                let began = clock.now
                let answer = try await client.list(scene.master)
                #expect(answer.reason == "TIMED_OUT", "\(answer)")
                let took = began.duration(to: clock.now)
                #expect(took > .milliseconds(450) && took < .milliseconds(1500), "\(took)")
            }
            #expect(try await client.list(scene.master).result != nil)
        }
    }

    @Test("health is answered while lists are stuck behind a locked table, and says that the database is there")
    func healthBesideStuckLists() async throws {
        try await withService { scene, client, service in
            try await whileLocked(scene, "LOCK TABLE offers IN ACCESS EXCLUSIVE MODE", seconds: 1.5) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<5 { group.addTask { _ = try await client.list(scene.master) } }
                    let stuck =
                        "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
                    while try await scene.database.sql(stuck) == ["f"] {}
                    let health = try await service.withClient { try await $0.call("health") }
                    #expect(health["status"]?.stringValue == "ok", "\(health)")
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test("another program that expires the offer in the same moment wins, and nothing is half written")
    func expiredInTheSameMoment() async throws {
        try await withService { scene, client, _ in
            let order = try await scene.offeredOrder(toRival: true)
            try await whileLocked(
                scene,
                "UPDATE offers SET state = 'EXPIRED', responded_at = now() WHERE order_id = \(order) AND master_id = \(scene.master)",
                then: "SELECT 1", seconds: 0.5
            ) {
                let answer = try await client.accept(order, by: scene.master)
                #expect(answer.reason == "OFFER_EXPIRED", "\(answer)")
            }
            let rows = try await scene.database.sql(
                "SELECT o.status, string_agg(f.state::text, ',' ORDER BY f.id) FROM orders o JOIN offers f "
                    + "ON f.order_id = o.id WHERE o.id = \(order) GROUP BY 1")
            #expect(rows == ["SEARCHING|EXPIRED,SENT"])
        }
    }
}
