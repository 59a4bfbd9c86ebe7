import EmbeddedPostgres
import JSONRPC
import OffersServer
import TestDatabase
import Testing
import Turns

/// The service on every state of the existing database, on one that is none, and on one that it may not fully use.
@Suite(.inTurn)
struct GenerationServiceTests {
    /// The name that health and `offersd check` give a generation, and what check remarks about open offers.
    static let names: [(Generation, name: String, remark: String?)] = [
        (.g0, "G0", "UNIQUE (order_id, master_id)"), (.g1, "G1", "UNIQUE (order_id, master_id)"), (.g2, "G2", nil),
        (.g3, "G3", nil), (.g4, "G4", nil), (.damaged, "G3", "no unique index"),
    ]

    @Test("Lists, cards and declines work on every generation, accepts on all but the oldest", arguments: names)
    func everyGeneration(generation: Generation, name: String, remark: String?) async throws {
        try await TestDatabase.withDatabase(generation) { database in
            let scene = try await Scene(database)
            let orders = try await database.insert(Array(repeating: OrderRow(cityID: scene.city), count: 2))
            try await database.insert(orders.map { OfferRow(orderID: $0, masterID: scene.master) })
            try await RunningService.run(on: database.connectionString) { service in
                let health = try await service.waitUntilInspected()
                let isOldest = generation == .g0
                #expect(health["status"]?.stringValue == (isOldest ? "degraded" : "ok"))
                #expect(health["database"]?["generation"]?.stringValue == name)
                let missing = health["database"]?["missing"]?.elements?.compactMap(\.stringValue)
                #expect(
                    missing == (isOldest ? ["order_status_history.actor_type", "order_status_history.context"] : []))
                try await service.withClient { (client) async throws in
                    #expect(try await client.listedOrders(scene.master).sorted() == orders)
                    #expect(try await client.card(orders[0], for: scene.master).error == nil)
                    let explained = try await client.explain(orders[0], for: scene.master)
                    #expect(explained["accept.possible"]?.boolValue == true)
                    #expect(explained["history"]?.isNull == isOldest)
                    let before = try await scene.rows()
                    let answer = try await client.accept(orders[0], by: scene.master)
                    if isOldest {
                        #expect(answer.reason == "DATABASE_UNAVAILABLE")
                        #expect(answer.error?.retryable == true)
                        for column in missing ?? [] { #expect(answer.error?.message.contains(column) == true) }
                        #expect(try await scene.rows() == before)
                        #expect(try await client.listedOrders(scene.master).sorted() == orders)
                    } else {
                        #expect(answer["alreadyAccepted"]?.boolValue == false)
                        #expect(try await client.listedOrders(scene.master) == [orders[1]])
                    }
                    #expect(
                        try await client.decline(orders[1], by: scene.master)["alreadyDeclined"]?.boolValue == false)
                    #expect(try await client.listedOrders(scene.master) == (isOldest ? [orders[0]] : []))
                }
            }
            let report = await DatabaseCheck.report(on: database.connectionString)
            #expect(report.verdict == (generation == .g0 ? .lacking : .complete))
            #expect(report.lines.first == "database is of generation \(name)")
            let remarks = report.lines.filter { $0.hasPrefix("offers has ") }
            #expect(remarks.count == (remark == nil ? 0 : 1))
            if let remark { #expect(remarks.first?.contains(remark) == true) }
        }
    }

    @Test("A column that no index begins with is named where that makes the service read whole tables")
    func indexes() async throws {
        try await TestDatabase.withDatabase { database in
            func remarks() async -> [String] {
                await DatabaseCheck.report(on: database.connectionString).lines
                    .filter { $0.hasPrefix("No full index") }
            }
            #expect(await remarks() == [])
            // The partial ones of open offers stay: they do not find the others.
            try await database.sql(
                """
                DROP INDEX ix_offers__master_state, ix_orders__assigned_master;
                CREATE INDEX another ON orders (assigned_master_id, status)
                """)
            #expect(
                await remarks() == [
                    "No full index begins with offers.master_id: the whole table may be read instead."
                ])
        }
    }

    @Test("A database that is migrated under the running service is used without a restart")
    func migration() async throws {
        try await TestDatabase.withDatabase(.g0) { database in
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder()
            try await RunningService.run(on: database.connectionString) { service in
                try await service.withClient { (client) async throws in
                    #expect(try await client.accept(order, by: scene.master).reason == "DATABASE_UNAVAILABLE")
                    try await database.sql(
                        """
                        CREATE TYPE actor_type AS ENUM ('SYSTEM', 'ADMIN', 'MASTER', 'AUTO_DISTRIBUTION');
                        ALTER TABLE order_status_history ADD actor_type actor_type NOT NULL DEFAULT 'SYSTEM',
                            ADD context jsonb NOT NULL DEFAULT '{}'
                        """)
                    let answer = try await client.accept(order, by: scene.master)
                    #expect(answer["alreadyAccepted"]?.boolValue == false)
                }
                let health = try await eventually(
                    { try await service.health() }, until: { $0["status"]?.stringValue == "ok" })
                #expect(health["status"]?.stringValue == "ok")
                #expect(health["database"]?["missing"]?.elements == [])
            }
        }
    }

    @Test("An empty database: nothing works, health is down, and every missing table is named")
    func empty() async throws {
        try await TestDatabase.withDatabase { database in
            try await database.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
            try await RunningService.run(on: database.connectionString) { service in
                let health = try await service.waitUntilInspected()
                #expect(health["status"]?.stringValue == "down")
                #expect(health["database"]?["reachable"]?.boolValue == true)
                #expect(health["database"]?["generation"]?.isNull == true)
                let missing = Set(health["database"]?["missing"]?.elements?.compactMap(\.stringValue) ?? [])
                #expect(
                    missing == [
                        "masters", "cities", "districts", "streets", "settings", "orders", "offers",
                        "order_status_history",
                    ])
                try await service.withClient { (client) async throws in
                    for answer in [
                        try await client.list(1), try await client.card(1, for: 1), try await client.accept(1, by: 1),
                        try await client.decline(1, by: 1), try await client.explain(1, for: 1),
                        try await client.explain(nil, for: 1),
                    ] {
                        #expect(answer.reason == "DATABASE_UNAVAILABLE")
                        #expect(answer.error?.message.contains("orders") == true)
                        #expect(answer.error?.details.map(\.name) == ["retryAfterMs"])
                    }
                }
            }
            let report = await DatabaseCheck.report(on: database.connectionString)
            #expect(report.verdict == .lacking)
            #expect(report.lines.first == "database is of generation unknown")
            #expect(report.lines.contains { $0.hasPrefix("missing: offers (") })
        }
    }

    /// What a role is denied, how that is called, and which methods stop working.
    static let privileges: [(denied: String, name: String, stops: Set<String>)] = [
        ("INSERT ON order_status_history", "INSERT on order_status_history.context", ["accept"]),
        (
            "USAGE ON SEQUENCE order_status_history_id_seq", "USAGE on the sequence of order_status_history.id",
            ["accept"]
        ),
        ("UPDATE ON offers", "UPDATE on offers.state", ["accept", "decline"]),
        ("UPDATE ON masters", "UPDATE on masters", ["accept", "decline"]),
        ("UPDATE ON orders", "UPDATE on orders", ["accept", "decline"]),
        ("SELECT ON settings", "SELECT on settings.value", ["accept", "explain"]),
        ("SELECT ON streets", "SELECT on streets.name", ["accept", "card"]),
        ("SELECT ON offers", "SELECT on offers.expires_at", ["accept", "decline", "list", "card", "explain"]),
    ]

    @Test("A missing privilege stops what needs it, is named, and writes nothing", arguments: privileges)
    func privilege(denied: String, name: String, stops: Set<String>) async throws {
        try await TestDatabase.withDatabase { database in
            let scene = try await Scene(database)
            let orders = try await database.insert(Array(repeating: OrderRow(cityID: scene.city), count: 2))
            try await database.insert(orders.map { OfferRow(orderID: $0, masterID: scene.master) })
            let role = try await database.makeRole(without: denied)
            let before = try await scene.rows()
            try await RunningService.run(on: role) { service in
                let health = try await service.waitUntilInspected()
                let isDown = stops.contains("list") || stops.contains("card")
                #expect(health["status"]?.stringValue == (isDown ? "down" : "degraded"))
                let missing = health["database"]?["missing"]?.elements?.compactMap(\.stringValue) ?? []
                #expect(missing.contains(name), "\(missing)")
                try await service.withClient { (client) async throws in
                    let answers = [
                        "list": try await client.list(scene.master),
                        "card": try await client.card(orders[0], for: scene.master),
                        "explain": try await client.explain(orders[0], for: scene.master),
                        "accept": try await client.accept(orders[0], by: scene.master),
                        "decline": try await client.decline(orders[1], by: scene.master),
                    ]
                    for (method, answer) in answers {
                        #expect(answer.reason == (stops.contains(method) ? "DATABASE_UNAVAILABLE" : nil), "\(method)")
                        guard let error = answer.error else { continue }
                        #expect(error.message.contains(name), "\(error.message)")
                        #expect(error.retryable)
                    }
                }
            }
            if stops.isSuperset(of: ["accept", "decline"]) { #expect(try await scene.rows() == before) }
        }
    }

    @Test("A read-only database serves lists and cards, refuses writes, and heals when it is writable again")
    func readOnly() async throws {
        try await TestDatabase.withServer { database in
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder()
            let before = try await scene.rows()
            func alter(_ value: String) async throws {
                try await database.sql("ALTER SYSTEM SET default_transaction_read_only = \(value)")
                try await database.sql("SELECT pg_reload_conf()")
            }
            try await alter("on")
            let report = await DatabaseCheck.report(on: database.connectionString)
            #expect(report.verdict == .lacking)
            #expect(report.lines.contains("not tried: acceptOffer and declineOffer: the database is read-only."))
            try await RunningService.run(on: database.connectionString) { service in
                let health = try await service.waitUntilInspected()
                #expect(health["status"]?.stringValue == "degraded")
                #expect(health["database"]?["readOnly"]?.boolValue == true)
                #expect(health["database"]?["missing"]?.elements == [])
                try await service.withClient { (client) async throws in
                    for _ in 1...2 {
                        #expect(try await client.listedOrders(scene.master) == [order])
                        #expect(try await client.card(order, for: scene.master).error == nil)
                        #expect(try await client.explain(order, for: scene.master).error == nil)
                        for answer in [
                            try await client.accept(order, by: scene.master),
                            try await client.decline(order, by: scene.master),
                        ] {
                            #expect(answer.reason == "DATABASE_UNAVAILABLE")
                            #expect(answer.error?.retryable == true)
                        }
                    }
                    #expect(try await scene.rows() == before)
                    try await alter("off")
                    let answer = try await eventually(
                        { try await client.accept(order, by: scene.master) }, until: { $0.error == nil })
                    #expect(answer["alreadyAccepted"]?.boolValue == false)
                    #expect(try await client.listedOrders(scene.master) == [])
                }
            }
        }
    }
}
