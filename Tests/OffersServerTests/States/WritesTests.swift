import JSONRPC
import TestDatabase
import Testing
import Turns

/// What an accept and a decline leave in the database, column by column.
@Suite(.inTurn)
struct WritesTests {
    @Test(
        "An accept assigns the order, and changes nothing else of it",
        arguments: ["SEARCHING", "CREATED", "GUARANTEE", "DEFERRED"])
    func order(status: String) async throws {
        try await withScene { (scene, client) async throws in
            let order = try await scene.offeredOrder(toRival: true) {
                $0.status = status
                $0.version = 41
                $0.escalatedToLogistAt = "now() - interval '2 hours'"
                $0.escalatedToAdminAt = "now() - interval '1 hour'"
                $0.preferredMasterID = scene.rival
                $0.type = status == "GUARANTEE" ? "GUARANTEE" : "NORMAL"
            }
            try await scene.database.sql(
                """
                UPDATE orders SET updated_at = '2020-01-01', escalation_logist_notified_at = '2020-01-02',
                    escalation_admin_notified_at = '2020-01-03', late_visit = true, cancel_reason = 'once' WHERE id = \(order)
                """)
            let rest = """
                SELECT to_jsonb(o) - 'assigned_master_id' - 'status' - 'version' - 'updated_at' FROM orders o ORDER BY id
                """
            let before = try await scene.database.sql(rest)
            let masters = try await scene.database.sql("SELECT to_jsonb(m) FROM masters m ORDER BY id")

            let answer = try await client.accept(order, by: scene.master)

            #expect(answer["alreadyAccepted"]?.boolValue == false)
            #expect(answer["order.status"]?.stringValue == "ASSIGNED")
            #expect(answer["order.version"]?.int64Value == 42)
            #expect(try await scene.database.sql(rest) == before)
            #expect(try await scene.database.sql("SELECT to_jsonb(m) FROM masters m ORDER BY id") == masters)
            #expect(
                try await scene.database.sql(
                    """
                    SELECT assigned_master_id, status, version, updated_at > now() - interval '1 minute' FROM orders
                    """) == ["\(scene.master)|ASSIGNED|42|t"])
            let history = try await scene.database.sql(
                """
                SELECT order_id, from_status, to_status, reason, changed_by_staff_id IS NULL, changed_by_master_id,
                    actor_type, created_at > now() - interval '1 minute', context::text FROM order_status_history
                """)
            let offer = try #require(answer["offerId"]?.int64Value)
            #expect(
                history == [
                    """
                    \(order)|\(status)|ASSIGNED|accepted_by_master|t|\(scene.master)|MASTER|t|\
                    {"action": "offer_accepted", "method": "atomic_accept", "offer_id": \(offer), \
                    "master_id": \(scene.master)}
                    """
                ])
        }
    }

    @Test("An accept closes every other open row of the order, whosever it is, and no closed one")
    func offers() async throws {
        try await withScene(.damaged) { (scene, client) async throws in
            let third = try await scene.database.insert(MasterRow())
            let order = try await scene.order()
            let other = try await scene.order()
            let past: SQLText = "'2020-01-01'"
            var rows: [OfferRow] = []
            func row(_ master: Int, _ state: String, _ change: (inout OfferRow) -> Void = { _ in }) {
                var row = OfferRow(orderID: order, masterID: master, round: rows.count, state: state)
                if !["SENT", "VIEWED"].contains(state) { row.respondedAt = past }
                change(&row)
                rows.append(row)
            }
            row(scene.master, "DECLINED")
            row(scene.master, "VIEWED")
            row(scene.master, "SENT") { $0.expiresAt = "NULL" }
            row(scene.master, "SENT") { $0.expiresAt = "now() - interval '1 hour'" }
            row(scene.rival, "SENT")
            row(scene.rival, "VIEWED") { $0.expiresAt = "now() - interval '1 hour'" }
            row(scene.rival, "EXPIRED")
            row(third, "ACCEPTED")
            row(third, "SENT")
            row(third, "CANCELED")
            row(scene.master, "SENT") { $0.orderID = other }
            row(scene.rival, "SENT") { $0.orderID = other }
            let ids = try await scene.database.insert(rows)

            let answer = try await client.accept(order, by: scene.master)

            #expect(answer["offerId"]?.int64Value == Int64(ids[2]))
            let found = try await scene.database.sql(
                """
                SELECT state, CASE WHEN responded_at IS NULL THEN '' WHEN responded_at < '2021-01-01' THEN 'before'
                    WHEN responded_at > now() - interval '1 minute' THEN 'now' END FROM offers ORDER BY round_number
                """)
            #expect(
                found == [
                    "DECLINED|before", "CANCELED|now", "ACCEPTED|now", "CANCELED|now", "CANCELED|now", "CANCELED|now",
                    "EXPIRED|before", "CANCELED|now", "CANCELED|now", "CANCELED|before", "SENT|", "SENT|",
                ])
            let responded = try await scene.database.sql(
                """
                SELECT to_char(responded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') FROM offers
                WHERE id = \(ids[2])
                """)
            #expect(answer["acceptedAt"]?.stringValue == responded.first)
            #expect(try await client.listedOrders(scene.master) == [other])
            #expect(try await client.listedOrders(third) == [])
        }
    }

    @Test("The master's own leftover ACCEPTED row of a free order gives way to the new one")
    func leftover() async throws {
        // Both rows of one pair are in the unique index of ACCEPTED rows, one after the other.
        try await withScene(.damaged) { (scene, client) async throws in
            let order = try await scene.order()
            let old = try await scene.offer(order) { $0.state = "ACCEPTED" }
            let new = try await scene.offer(order)
            #expect(try await client.accept(order, by: scene.master)["offerId"]?.int64Value == Int64(new))
            #expect(
                try await scene.database.sql("SELECT id, state FROM offers ORDER BY id")
                    == ["\(old)|CANCELED", "\(new)|ACCEPTED"])
        }
    }

    @Test("A leftover ACCEPTED row of a rival gives way, too, where the unique indexes stand")
    func rivalsLeftover() async throws {
        try await withScene { (scene, client) async throws in
            let order = try await scene.offeredOrder()
            try await scene.database.insert(OfferRow(orderID: order, masterID: scene.rival, state: "ACCEPTED"))
            #expect(try await client.accept(order, by: scene.master)["alreadyAccepted"]?.boolValue == false)
            #expect(
                try await scene.database.sql("SELECT master_id, state FROM offers ORDER BY id")
                    == ["\(scene.master)|ACCEPTED", "\(scene.rival)|CANCELED"])
            #expect(try await client.accept(order, by: scene.rival).reason == "ORDER_TAKEN")
        }
    }

    @Test("A decline closes the open rows of the pair, and touches no other row")
    func decline() async throws {
        try await withScene(.damaged) { (scene, client) async throws in
            let order = try await scene.offeredOrder(toRival: true)
            try await scene.offer(order) { $0.state = "VIEWED" }
            let over = try await scene.offer(order) { $0.expiresAt = "now() - interval '1 hour'" }
            try await scene.offer(order) { $0.state = "EXPIRED" }
            let other = try await scene.offeredOrder()
            let rest = """
                SELECT to_jsonb(o) FROM orders o UNION ALL SELECT to_jsonb(m) FROM masters m UNION ALL
                SELECT to_jsonb(h) FROM order_status_history h UNION ALL SELECT to_jsonb(f) - 'state' - 'responded_at'
                FROM offers f UNION ALL SELECT to_jsonb(d) FROM distribution_metrics d ORDER BY 1
                """
            let before = try await scene.database.sql(rest)

            let answer = try await client.decline(order, by: scene.master)

            // Of several, the one with the highest id stands for all.
            #expect(answer["offerId"]?.int64Value == Int64(over))
            #expect(answer["alreadyDeclined"]?.boolValue == false)
            #expect(try await scene.database.sql(rest) == before)
            #expect(
                try await scene.database.sql(
                    "SELECT state, responded_at IS NULL FROM offers ORDER BY order_id, master_id, id") == [
                        "DECLINED|f", "DECLINED|f", "DECLINED|f", "EXPIRED|t", "SENT|t", "SENT|t",
                    ])
            #expect(try await client.listedOrders(scene.master) == [other])
            #expect(try await client.listedOrders(scene.rival) == [order])

            let rows = try await scene.rows()
            // The row with the highest id is EXPIRED, which is what decides now.
            #expect(try await client.decline(order, by: scene.master).reason == "OFFER_EXPIRED")
            #expect(try await scene.rows() == rows)
        }
    }

    @Test("An offer declined and sent again can be accepted")
    func again() async throws {
        try await withScene { (scene, client) async throws in
            let order = try await scene.offeredOrder()
            let first = try await client.decline(order, by: scene.master)
            #expect(first["alreadyDeclined"]?.boolValue == false)
            #expect(try await client.decline(order, by: scene.master)["alreadyDeclined"]?.boolValue == true)
            #expect(try await client.decline(order, by: scene.master)["offerId"] == first["offerId"])
            let second = try await scene.offer(order) { $0.round = 2 }
            #expect(try await client.listedOrders(scene.master) == [order])
            #expect(try await client.accept(order, by: scene.master)["offerId"]?.int64Value == Int64(second))
        }
    }
}

/// A scene in a database of its own, and a client of the service on it.
func withScene(
    _ generation: Generation = .g3, metrics: MetricsShape? = nil, _ body: (Scene, TestClient) async throws -> Void
) async throws {
    try await TestDatabase.withDatabase(generation, metrics: metrics) { database in
        let scene = try await Scene(database)
        try await RunningService.run(on: database.connectionString) { service in
            try await service.withClient { client in try await body(scene, client) }
        }
    }
}
