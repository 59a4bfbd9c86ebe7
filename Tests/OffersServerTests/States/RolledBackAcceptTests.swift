import JSONRPC
import TestDatabase
import Testing
import Turns

/// The report that offersd was made for: a master is told "accepted", and the order stays in their list.
@Suite(.inTurn)
struct RolledBackAcceptTests {
    /// What makes every insert of the optional row fail, each at another point.
    static let failures = [
        "ALTER TABLE distribution_metrics ADD CHECK (false)",
        "ALTER TABLE distribution_metrics ADD CHECK (1 / (round_number - round_number) = 0)",
        "ALTER TYPE ordercategory RENAME VALUE 'ELECTRICS' TO 'SOMETHING_ELSE'",
        "ALTER TABLE distribution_metrics ADD surprise integer NOT NULL",
        "DROP TABLE distribution_metrics",
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no''; END';"
            + "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON distribution_metrics DEFERRABLE INITIALLY DEFERRED "
            + "FOR EACH ROW EXECUTE FUNCTION f()",
    ]

    @Test("An optional insert that fails must not undo an accept", arguments: failures)
    func optionalInsert(failure: String) async throws {
        try await TestDatabase.withDatabase(.g1, metrics: .enum) { database in
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder(toRival: true)
            try await RunningService.run(on: database.connectionString) { service in
                // The shape is known before it is spoilt, so that the insert is tried.
                try await service.waitUntilInspected()
                try await database.sql(failure)
                try await service.withClient { client in
                    let answer = try await client.accept(order, by: scene.master)
                    #expect(answer["alreadyAccepted"]?.boolValue == false)
                    #expect(try await client.listedOrders(scene.master) == [])
                    #expect(try await client.listedOrders(scene.rival) == [])
                    #expect(try await client.accept(order, by: scene.master)["alreadyAccepted"]?.boolValue == true)
                    #expect(try await client.accept(order, by: scene.rival).reason == "ORDER_TAKEN")
                }
                // The service may look at its database in between; then there is no table, and nothing is tried.
                let absent = "No distribution_metrics rows are written; nothing else changes."
                let metrics = try await eventually(
                    { try await service.metrics() },
                    until: {
                        $0["distributionMetricsFailures"]?.int64Value == 1 || service.log.texts.contains(absent)
                    })
                let failures: Int64 = service.log.texts.contains(absent) && failure.hasPrefix("DROP") ? 0 : 1
                #expect(metrics["distributionMetricsFailures"]?.int64Value ?? 0 >= failures)
                #expect(metrics["distributionMetricsWritten"]?.int64Value == 0)
                let exposition = try await service.exchange(
                    #"{"jsonrpc":"2.0","id":1,"method":"metrics","params":{"format":"prometheus"}}"#
                ).first?["result"]?.stringValue
                let counted = metrics["distributionMetricsFailures"]?.int64Value ?? -1
                #expect(exposition?.contains("\noffersd_distribution_metrics_failures_total \(counted)\n") == true)
            }
            #expect(
                try await database.sql(
                    """
                    SELECT o.status, o.assigned_master_id, o.version, (SELECT count(*) FROM order_status_history),
                        (SELECT string_agg(state::text, ' ' ORDER BY id) FROM offers) FROM orders o
                    """) == ["ASSIGNED|\(scene.master)|2|1|ACCEPTED CANCELED"])
        }
    }

    @Test("A COMMIT answered by ROLLBACK is never a success", arguments: ["acceptOffer", "declineOffer"])
    func rollback(method: String) async throws {
        try await TestDatabase.withDatabase { database in
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder()
            let before = try await scene.rows()
            try await FaultProxy.withProxy(to: database) { proxy in
                let commit = FaultProxy.Trigger.parse(containing: "COMMIT")
                proxy.inject(.rewrite("COMMIT", to: "ROLLBACK"), on: commit, repeats: true)
                try await RunningService.run(on: proxy.connectionString) { service in
                    try await service.withClient { client in
                        for _ in 1...3 {
                            let answer = try await client.call(method, ("masterId", scene.master), ("orderId", order))
                            #expect(answer.error?.code == -32603)
                            #expect(answer.reason == "INTERNAL_ERROR")
                            #expect(try await client.listedOrders(scene.master) == [order])
                        }
                        #expect(try await scene.rows() == before)
                    }
                    #expect(service.log.texts.contains { $0.contains("COMMIT was answered by ROLLBACK") })
                    // The optional row belongs to an accept that is none.
                    #expect(try await service.metrics()["distributionMetricsWritten"]?.int64Value == 0)
                }
            }
            #expect(try await database.sql("SELECT count(*) FROM distribution_metrics") == ["0"])
        }
    }

    @Test("An accept that fails at COMMIT itself is no success, and leaves the order in the list")
    func deferredFailure() async throws {
        try await withScene { (scene, client) async throws in
            try await scene.database.sql(
                """
                CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''secret''; END';
                CREATE CONSTRAINT TRIGGER t AFTER INSERT ON order_status_history DEFERRABLE INITIALLY DEFERRED
                    FOR EACH ROW EXECUTE FUNCTION f()
                """)
            let order = try await scene.offeredOrder()
            let before = try await scene.rows()
            let answer = try await client.accept(order, by: scene.master)
            #expect(answer.reason == "INTERNAL_ERROR")
            #expect(answer.error?.message.contains("secret") == false)
            #expect(try await client.listedOrders(scene.master) == [order])
            #expect(try await scene.rows() == before)
        }
    }

    @Test("An offer left SENT on an order that is assigned, finished or cancelled is never listed nor accepted")
    func staleOffer() async throws {
        try await withScene { (scene, client) async throws in
            for status in ["ASSIGNED", "EN_ROUTE", "WORKING", "PAYMENT", "CLOSED", "CANCELED", "SEARCHING"] {
                let order = try await scene.order {
                    $0.status = status
                    $0.assignedMasterID = status == "CANCELED" ? nil : scene.rival
                }
                // As the scheduler does when it read the order before it was taken.
                try await scene.offer(order)
                let before = try await scene.rows()
                #expect(try await client.listedOrders(scene.master) == [])
                let reason = status == "CANCELED" ? "ORDER_NOT_AVAILABLE" : "ORDER_TAKEN"
                #expect(try await client.card(order, for: scene.master).reason == reason)
                #expect(try await client.accept(order, by: scene.master).reason == reason)
                #expect(try await scene.rows() == before)
            }
        }
    }
}
