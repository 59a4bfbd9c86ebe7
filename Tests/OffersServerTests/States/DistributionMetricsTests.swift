import Deadlines
import JSONRPC
import Logging
import Postgres
import TestDatabase
import Testing
import Turns

@testable import OffersServer

/// The optional row about an accept, in each shape that its table has.
@Suite(.inTurn)
struct DistributionMetricsTests {
    static let databases: [(Generation, MetricsShape)] =
        MetricsShape.allCases.map { (.g3, $0) } + [
            (.g1, .enum), (.g2, .varchar), (.g4, .varchar), (.damaged, .renamed),
        ]

    /// The row as text, whatever its columns are called; NULL is `-`.
    private static func row(_ shape: MetricsShape) -> String {
        let (category, type) =
            shape == .renamed ? ("category_name", "type_name") : ("category", "order_type")
        return """
            SELECT concat_ws(' ', order_id, master_id, round_number, candidates_count, time_to_assign_seconds,
                preferred_master_used, was_escalated_to_logist, was_escalated_to_admin, city_id,
                coalesce(district_id::text, '-'), coalesce(\(category)::text, '-'), coalesce(\(type)::text, '-'),
                metadata_json::text) FROM distribution_metrics ORDER BY id
            """
    }

    @Test(
        "Each shape gets the row with the right values; where there is no table, an accept is no worse",
        arguments: databases)
    func shapes(generation: Generation, shape: MetricsShape) async throws {
        try await TestDatabase.withDatabase(generation, metrics: shape) { database in
            let scene = try await Scene(database)
            let district = try await database.insert(DistrictRow(cityID: scene.city))
            let third = try await database.insert(MasterRow())
            let first = try await scene.order {
                $0.districtID = district
                $0.status = "GUARANTEE"
                $0.type = "GUARANTEE"
                $0.category = "ROADSIDE"
                $0.preferredMasterID = scene.master
                $0.escalatedToLogistAt = "now()"
                $0.createdAt = "now() - interval '1000.5 seconds'"
            }
            // Two masters in four rounds, one of them twice, unless the generation allows one row per pair only.
            try await database.insert(OfferRow(orderID: first, masterID: scene.rival, round: 4, state: "EXPIRED"))
            try await database.insert(OfferRow(orderID: first, masterID: third, round: 3, state: "DECLINED"))
            if generation != .g1 {
                try await database.insert(OfferRow(orderID: first, masterID: third, round: 2, state: "EXPIRED"))
            }
            try await scene.offer(first)
            let second = try await scene.offeredOrder {
                $0.category = generation == .g4 ? "ELECTRICS" : nil
                $0.preferredMasterID = scene.rival
                $0.escalatedToAdminAt = "now()"
                $0.status = "DEFERRED"
            }
            try await RunningService.run(on: database.connectionString) { service in
                try await service.waitUntilInspected()
                try await service.withClient { (client) async throws in
                    for order in [first, second] {
                        #expect(try await client.accept(order, by: scene.master)["alreadyAccepted"]?.boolValue == false)
                        // A repeated accept is no accept.
                        #expect(try await client.accept(order, by: scene.master)["alreadyAccepted"]?.boolValue == true)
                    }
                }
                guard shape != .absent else {
                    let metrics = try await service.metrics()
                    #expect(metrics["distributionMetricsWritten"]?.int64Value == 0)
                    #expect(metrics["distributionMetricsFailures"]?.int64Value == 0)
                    return
                }
                let rows = try await eventually(
                    { try await database.sql(Self.row(shape)) }, until: { $0.count == 2 })
                let seconds = Int(rows.first?.split(separator: " ")[4] ?? "") ?? 0
                #expect((1000...1100).contains(seconds))
                #expect(
                    rows.first == """
                        \(first) \(scene.master) 4 3 \(seconds) t t f \(scene.city) \(district) ROADSIDE GUARANTEE \
                        {"from_status": "GUARANTEE", "accepted_via": "orders_service"}
                        """)
                let rest = rows.last?.split(separator: " ", omittingEmptySubsequences: false)
                #expect(
                    rest?.prefix(4).joined(separator: " ") == "\(second) \(scene.master) 1 1")
                #expect(
                    rest?.dropFirst(5).joined(separator: " ") == """
                        f f t \(scene.city) - \(generation == .g4 ? "ELECTRICS" : "-") NORMAL \
                        {"from_status": "DEFERRED", "accepted_via": "orders_service"}
                        """)
                let metrics = try await eventually(
                    { try await service.metrics() },
                    until: { $0["distributionMetricsWritten"]?.int64Value == 2 })
                #expect(metrics["distributionMetricsWritten"]?.int64Value == 2)
                #expect(metrics["distributionMetricsFailures"]?.int64Value == 0)
                #expect(
                    try await database.sql(
                        """
                        SELECT count(*) FROM distribution_metrics d JOIN offers f ON f.order_id = d.order_id
                            AND f.state = 'ACCEPTED' AND f.responded_at = d.assigned_at
                        """) == ["2"])
            }
        }
    }

    @Test("Odd values fit: an order from the future, one older than its column can say, rounds at their end")
    func oddValues() async throws {
        try await TestDatabase.withDatabase { database in
            let scene = try await Scene(database)
            let orders = [
                try await scene.offeredOrder { $0.createdAt = "now() + interval '1 hour'" },
                try await scene.offeredOrder { $0.createdAt = "'0001-01-01'" },
                try await scene.offeredOrder { $0.createdAt = "NULL" },
            ]
            try await database.sql("UPDATE offers SET round_number = 32767")
            try await RunningService.run(on: database.connectionString) { service in
                try await service.waitUntilInspected()
                try await service.withClient { (client) async throws in
                    for order in orders {
                        #expect(try await client.accept(order, by: scene.master)["alreadyAccepted"]?.boolValue == false)
                    }
                }
                let metrics = try await eventually(
                    { try await service.metrics() },
                    until: {
                        let numbers = [$0["distributionMetricsWritten"], $0["distributionMetricsFailures"]]
                        return numbers.compactMap { $0?.int64Value }.reduce(0, +) == 3
                    })
                #expect(metrics["distributionMetricsWritten"]?.int64Value == 3)
                let last = service.log.texts.filter { $0.contains("distribution_metrics rows not written") }
                #expect(last == [])
            }
        }
    }

    @Test("Rows that wait together are written in one transaction; one that is refused costs the others nothing")
    func together() async throws {
        try await TestDatabase.withDatabase { database in
            let scene = try await Scene(database)
            var orders: [Int] = []
            for _ in 0..<70 { orders.append(try await scene.offeredOrder()) }
            try await database.sql(
                "ALTER TABLE distribution_metrics ADD CHECK (order_id <> \(orders[69])), ADD written_by xid8 DEFAULT pg_current_xact_id()"
            )
            // Microseconds since 2000: 2026-10-11, and what an array's text form has a meaning for.
            let (moment, status): (Int64, String) = (845_000_000_123_456, #"a "b" \ , {NULL}"#)
            try await withMetrics(of: database) { metrics, table in
                metrics.use(table)
                for (index, order) in orders.enumerated() {
                    metrics.record(
                        order: Int64(order), master: Int64(scene.master), at: moment + Int64(index),
                        statusBefore: index == 1 ? nil : status)
                }
                metrics.finish()
                await metrics.run()
                #expect(metrics.written == 69)
                #expect(metrics.failures == 1)
            }
            #expect(
                try await database.sql("SELECT count(*), count(DISTINCT written_by) FROM distribution_metrics")
                    == ["69|6"], "64 at once, then six of which one is refused: those five one by one")
            let rows = try await database.sql(
                """
                SELECT order_id, (extract(epoch FROM assigned_at) * 1000000)::bigint - 946684800000000,
                    metadata_json->>'from_status' FROM distribution_metrics ORDER BY assigned_at
                """)
            let expected = orders.dropLast().enumerated().map { index, order in
                "\(order)|\(moment + Int64(index))|\(index == 1 ? "" : status)"
            }
            #expect(rows == expected)
        }
    }

    private func withMetrics(
        of database: TestDatabase, _ body: (DistributionMetrics, MetricsTable?) async throws -> Void
    ) async throws {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        try await database.withPool { pool in
            let found = try await Inspection.inspect(pool, deadline: Deadline(in: .seconds(100)))
            try await body(
                DistributionMetrics(postgres: pool, logger: logger, timeLimit: .seconds(60)), found.metricsTable)
        }
    }

    @Test("The row of an accept before the database was looked at waits for that, and counts as lost if it never is")
    func early() async throws {
        try await TestDatabase.withDatabase { database in
            let scene = try await Scene(database)
            let order = Int64(try await scene.offeredOrder())
            for isLookedAt in [true, false] {
                try await withMetrics(of: database) { metrics, table in
                    metrics.record(order: order, master: Int64(scene.master), at: 0, statusBefore: "SEARCHING")
                    async let run: Void = metrics.run()
                    // Longer than rows gather, so that it was looked for something to write.
                    try await Task.sleep(for: .milliseconds(200))
                    if isLookedAt { metrics.use(table) }
                    metrics.finish()
                    await run
                    #expect(metrics.written == (isLookedAt ? 1 : 0))
                    #expect(metrics.failures == (isLookedAt ? 0 : 1))
                }
            }
        }
    }

    @Test("A role that may not write the row accepts all the same, and nothing fails")
    func withoutPrivilege() async throws {
        try await TestDatabase.withDatabase { database in
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder()
            let role = try await database.makeRole(without: "ALL ON distribution_metrics")
            try await RunningService.run(on: role) { service in
                try await service.waitUntilInspected()
                try await service.withClient { (client) async throws in
                    #expect(try await client.accept(order, by: scene.master)["alreadyAccepted"]?.boolValue == false)
                }
                #expect(try await service.health()["status"]?.stringValue == "ok")
                #expect(try await service.metrics()["distributionMetricsFailures"]?.int64Value == 0)
            }
            #expect(try await database.sql("SELECT count(*) FROM distribution_metrics") == ["0"])
        }
    }
}

extension TestDatabase {
    /// Makes a role that may do everything with the tables but what is named, and returns its connection string.
    func makeRole(without privileges: String...) async throws -> String {
        let role = "role_of_\(name)"
        try await sql(
            """
            DROP ROLE IF EXISTS \(role);
            CREATE ROLE \(role) LOGIN;
            GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO \(role);
            GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO \(role);
            """ + privileges.map { "REVOKE \($0) FROM \(role);" }.joined())
        return connectionString.replacing("user=postgres", with: "user=\(role)")
    }
}
