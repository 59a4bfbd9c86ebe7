import JSONRPC
import Offers
import TestDatabase
import Testing
import Turns

@testable import OffersServer

/// What explainOffer shows beside the verdict, which `EveryStateTests` and `RefusalTests` have.
@Suite(.inTurn)
struct ExplainTests {
    private static func explain(
        _ client: TestClient, _ order: Int?, for master: Int
    ) async throws -> ExplainOfferResult {
        try ExplainOfferResult(json: #require(try await client.explain(order, for: master).result))
    }

    @Test(
        "The limit, and whose it is",
        arguments: [
            ("max_active_orders_override = 3", "'9'", 3, "override"),
            ("max_active_orders_override = 0", "' +009 '", 9, "setting"),
            ("max_active_orders_override = NULL", "'0'", 0, "setting"),
            ("max_active_orders_override = NULL", "'-1'", 5, "default"),
            ("max_active_orders_override = NULL", "'many'", 5, "default"),
            ("max_active_orders_override = NULL", nil, 5, "default"),
        ] as [(String, String?, Int64, String)])
    func limits(override: String, setting: String?, limit: Int64, source: String) async throws {
        try await withScene { (scene, client) async throws in
            let settings = setting.map { "INSERT INTO settings (key, value) VALUES ('max_active_orders', \($0));" }
            try await scene.database.sql(
                """
                DELETE FROM settings WHERE key = 'max_active_orders'; \(settings ?? "")
                UPDATE masters SET \(override) WHERE id = \(scene.master)
                """)
            for status in ["ASSIGNED", "PAYMENT", "CLOSED", "GUARANTEE"] {
                _ = try await scene.order { ($0.status, $0.assignedMasterID) = (status, scene.master) }
            }
            let order = try await scene.offeredOrder()
            for result in [
                try await Self.explain(client, order, for: scene.master),
                try await Self.explain(client, nil, for: scene.master),
            ] {
                #expect(result.master?.limit == limit)
                #expect(result.master?.limitFrom == source)
                #expect(result.master?.activeOrders == 2)
            }
        }
    }

    @Test("The last ten changes of status, newest first, and of their reasons those that programs write")
    func history() async throws {
        try await withScene { (scene, client) async throws in
            let order = try await scene.offeredOrder()
            let other = try await scene.offeredOrder()
            // The times run backwards: a transaction that began first may write last.
            try await scene.database.sql(
                """
                INSERT INTO order_status_history (order_id, from_status, to_status, reason, actor_type, created_at)
                SELECT \(order), CASE WHEN i > 1 THEN 'SEARCHING'::order_status END, 'SEARCHING',
                    CASE i % 3 WHEN 0 THEN 'manual_return' WHEN 1 THEN 'The client Quibbleton called' END, 'ADMIN',
                    '2026-01-31 12:00:00+00'::timestamptz - i * interval '1 minute' FROM generate_series(1, 12) i;
                INSERT INTO order_status_history (order_id, to_status, actor_type) VALUES (\(other), 'CREATED', 'SYSTEM')
                """)
            let history = try #require(try await Self.explain(client, order, for: scene.master).history)
            #expect(
                history.map(\.at?.text)
                    == (3...12).reversed().map { minute in
                        "2026-01-31T11:\(60 - minute):00.000000Z"
                    })
            #expect(history.map(\.reason) == (3...12).reversed().map { $0 % 3 == 0 ? "manual_return" : nil })
            #expect(history.allSatisfy { $0.from == "SEARCHING" && $0.to == "SEARCHING" && $0.actor == "ADMIN" })
            let first = try #require(try await Self.explain(client, other, for: scene.master).history?.first)
            #expect(first.from == nil && first.to == "CREATED" && first.actor == "SYSTEM" && first.reason == nil)
            // An order that was never offered to the master is explained, too.
            let strange = try await Self.explain(client, order, for: scene.rival)
            #expect(strange.history == history && strange.offers == [] && strange.accept?.reason == "OFFER_NOT_FOUND")
        }
    }

    @Test("Every reason that an accept writes is one that is shown")
    func knownReasons() {
        #expect(ExplainOfferQuery.knownReasons.contains { AcceptOfferStatement.record.contains("'\($0)'") })
    }

    @Test("Where the role may not read the history it is null; check notes it, health does not mind, and it heals")
    func withoutRights() async throws {
        try await TestDatabase.withDatabase { database in
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder()
            let role = "reader_\(database.name)"
            let connectionString = try await database.makeGrantedRole(role)
            let remark = "explainOffer shows no history: "
            try await RunningService.run(on: connectionString) { service in
                _ = try await service.waitUntilInspected()
                try await service.withClient { (client) async throws in
                    #expect(try await Self.explain(client, order, for: scene.master).history == [])
                    // Found out by the statement itself, before the database is looked at again.
                    try await database.sql("REVOKE SELECT (reason) ON order_status_history FROM \(role)")
                    let result = try await Self.explain(client, order, for: scene.master)
                    #expect(result.history == nil && result.accept?.possible == true && result.listed == true)
                    #expect(result.offers.count == 1)
                    let health = try await service.health()
                    #expect(health["status"]?.stringValue == "ok")
                    #expect(health["database"]?["missing"]?.elements == [])
                    #expect(health["database"]?["notes"]?.elements == [])
                    let report = await DatabaseCheck.report(on: connectionString)
                    #expect(report.verdict == .complete, "\(report.lines)")
                    #expect(report.lines.contains { $0.hasPrefix(remark) }, "\(report.lines)")
                    _ = try await eventually(
                        { service.log.texts }, until: { $0.contains { $0.hasPrefix(remark) } })

                    try await database.sql("GRANT SELECT (reason) ON order_status_history TO \(role)")
                    let healed = try await eventually(
                        { try await Self.explain(client, order, for: scene.master) }, until: { $0.history != nil })
                    #expect(healed.history == [])
                }
            }
            let report = await DatabaseCheck.report(on: connectionString)
            #expect(!report.lines.contains { $0.hasPrefix(remark) }, "\(report.lines)")
        }
    }

    @Test("Row security that hides rows of the history is noted, and health does not mind")
    func rowSecurity() async throws {
        try await TestDatabase.withDatabase { database in
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder()
            let connectionString = try await database.makeGrantedRole("policies_\(database.name)")
            try await database.sql(
                """
                ALTER TABLE order_status_history ENABLE ROW LEVEL SECURITY;
                CREATE POLICY work ON order_status_history FOR INSERT WITH CHECK (true)
                """)
            let note = "Row security is active on order_status_history: explainOffer may show less of it than there is."
            let report = await DatabaseCheck.report(on: connectionString)
            #expect(report.verdict == .complete && report.lines.contains(note), "\(report.lines)")
            #expect(!report.lines.contains { $0.contains("hides nothing") }, "\(report.lines)")
            try await RunningService.run(on: connectionString) { service in
                let health = try HealthResult(json: try await service.waitUntilInspected())
                #expect(health.status == .ok && health.database.notes == [note])
                try await service.withClient { (client) async throws in
                    #expect(try await client.accept(order, by: scene.master).error == nil)
                    #expect(try await Self.explain(client, order, for: scene.master).history == [])
                }
            }
        }
    }

    @Test("Unknown masters and orders are results, whatever their numbers, and an id is told as it was asked for")
    func unknown() async throws {
        try await withScene { (scene, client) async throws in
            let order = try await scene.offeredOrder()
            for number in [0, -1, 2_147_483_648, Int.max, Int.min] {
                let nobody = try await Self.explain(client, order, for: number)
                #expect(nobody.masterId == Int64(number) && nobody.master == nil && nobody.listed == false)
                #expect(nobody.accept == AcceptForecast(possible: false, reason: "MASTER_NOT_FOUND"))
                #expect(nobody.order?.status == "SEARCHING" && nobody.offers == [])
                let nothing = try await Self.explain(client, number, for: scene.master)
                #expect(nothing.orderId == Int64(number) && nothing.order == nil && nothing.history == [])
                #expect(nothing.accept == AcceptForecast(possible: false, reason: "OFFER_NOT_FOUND"))
                let list = try await Self.explain(client, nil, for: number)
                #expect(list.master == nil && list.notListed == [:] && list.accept == nil)
                let stranger = try await client.call("explainOffer", ("telegramUserId", number))
                #expect(stranger["masterId"]?.isNull == true && stranger["master"]?.isNull == true)
            }
        }
    }

    @Test("A master by Telegram user is told by id; both sockets answer; no param is ignored")
    func naming() async throws {
        try await TestDatabase.withDatabase { database in
            let scene = try await Scene(database)
            let master = try await database.insert(MasterRow(telegramUserID: 7_000_000_042))
            let order = try await scene.order()
            try await database.insert(OfferRow(orderID: order, masterID: master))
            try await RunningService.run(on: database.connectionString) { service in
                func ask(_ params: String, ops: Bool = false) async throws -> JSONValue {
                    let line = #"{"jsonrpc":"2.0","id":1,"method":"explainOffer","params":\#(params)}"#
                    return try #require(try await service.exchange(line, ops: ops).first)
                }
                for ops in [false, true] {
                    let result = try await ask(#"{"telegramUserId":7000000042,"orderId":\#(order)}"#, ops: ops)[
                        "result"]
                    #expect(result?["masterId"]?.int64Value == Int64(master))
                    #expect(result?["accept"]?["possible"]?.boolValue == true)
                    let list = try await ask("[\(master)]", ops: ops)["result"]
                    #expect(list?["notListed"]?.members?.isEmpty == true)
                }
                let big = "-123456789012345678901234567890"
                let beyond = try await ask("[\(big),\(big)]")["result"]
                #expect(beyond?["masterId"]?.isNull == true && beyond?["orderId"]?.isNull == true)
                #expect(beyond?["accept"]?["reason"]?.stringValue == "MASTER_NOT_FOUND")
                #expect(beyond?["listed"]?.boolValue == false)
                for (params, path) in [
                    ("{}", "masterId"), ("[1,2,3]", "2"), (#"{"masterId":1,"orderId":null}"#, "orderId"),
                    (#"{"masterId":1,"orderID":1}"#, "orderID"), ("[1.0]", "masterId"),
                ] {
                    let data = try await ask(params, ops: true)["error"]?["data"]
                    #expect(data?["reason"]?.stringValue == "INVALID_PARAMS")
                    #expect(data?["path"]?.stringValue == path)
                }
                // Counted, and a read: not logged as a write is.
                let outcomes = try await service.metrics()["methods"]?["explainOffer"]?["outcomes"]
                #expect(outcomes?["ok"]?.int64Value == 5 && outcomes?["INVALID_PARAMS"]?.int64Value == 5)
            }
        }
    }
}
