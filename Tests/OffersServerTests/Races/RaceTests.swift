import JSONRPC
import OffersServer
import TestDatabase
import Testing
import Turns

/// Two instances of the service on one database: inside one instance writes of the same order queue up before they
/// reach the database, and the locks would not be tested.
@Suite("Races of accepts", .inTurn)
struct RaceTests {
    private static let rounds = 1000

    private func withTwoServices<Value: Sendable>(
        _ body: (Scene, TestClient, TestClient) async throws -> Value
    ) async throws -> Value {
        try await TestDatabase.withDatabase(.g3) { database in
            let scene = try await Scene(database)
            return try await RunningService.run(on: database.connectionString) { one in
                try await RunningService.run(on: database.connectionString) { other in
                    try await one.withClient { first in
                        try await other.withClient { second in try await body(scene, first, second) }
                    }
                }
            }
        }
    }

    @Test("two masters and one order at the same moment, a thousand times: one winner")
    func oneWinner() async throws {
        try await withTwoServices { scene, first, second in
            try await scene.database.setSetting("max_active_orders", to: "0")
            let orders = try await scene.database.insert(
                Array(repeating: OrderRow(cityID: scene.city), count: Self.rounds))
            try await scene.database.insert(
                orders.flatMap {
                    [
                        OfferRow(orderID: $0, masterID: scene.master), OfferRow(orderID: $0, masterID: scene.rival),
                    ]
                })
            var wins = 0
            for (round, order) in orders.enumerated() {
                // Who is asked first changes, so that both win sometimes on any machine.
                let (one, other) = round.isMultiple(of: 2) ? (first, second) : (second, first)
                let masters = round.isMultiple(of: 2) ? (scene.master, scene.rival) : (scene.rival, scene.master)
                let answers = try await bothAtOnce {
                    try await one.accept(order, by: masters.0)
                } _: {
                    try await other.accept(order, by: masters.1)
                }
                let winners = answers.filter { $0["alreadyAccepted"] == .bool(false) }
                let losers = answers.filter { $0.reason == "ORDER_TAKEN" }
                try #require(winners.count == 1 && losers.count == 1, "order \(order): \(answers)")
                wins += winners[0]["masterId"]?.int64Value == Int64(scene.master) ? 1 : 0
            }
            let consistent = try await scene.database.sql(
                """
                SELECT count(*) FROM orders o WHERE o.status = 'ASSIGNED' AND o.version = 2
                AND (SELECT array_agg(f.state::text ORDER BY f.state) FROM offers f WHERE f.order_id = o.id)
                    = ARRAY['ACCEPTED', 'CANCELED']
                AND (SELECT f.master_id FROM offers f WHERE f.order_id = o.id AND f.state = 'ACCEPTED')
                    = o.assigned_master_id
                AND (SELECT array_agg(h.changed_by_master_id) FROM order_status_history h WHERE h.order_id = o.id)
                    = ARRAY[o.assigned_master_id]
                """)
            #expect(consistent == ["\(Self.rounds)"])
            // Both must have won sometimes, or it was no race.
            #expect(wins > 0 && wins < Self.rounds, "the first one won \(wins) times")
        }
    }

    @Test("one master at limit 1 and two orders at the same moment, a thousand times")
    func limitHolds() async throws {
        try await withTwoServices { scene, first, second in
            let masters = try await scene.database.insert(
                (0..<Self.rounds).map { _ in MasterRow(maxActiveOrdersOverride: 1) })
            let orders = try await scene.database.insert(
                Array(repeating: OrderRow(cityID: scene.city), count: 2 * Self.rounds))
            try await scene.database.insert(
                orders.enumerated().map { OfferRow(orderID: $0.element, masterID: masters[$0.offset / 2]) })
            for (index, master) in masters.enumerated() {
                let pair = (orders[2 * index], orders[2 * index + 1])
                let answers = try await bothAtOnce {
                    try await first.accept(pair.0, by: master)
                } _: {
                    try await second.accept(pair.1, by: master)
                }
                let refused = answers.filter { $0.reason == "LIMIT_REACHED" }
                try #require(
                    answers.count { $0.result != nil } == 1 && refused.count == 1, "master \(master): \(answers)")
                #expect(refused.first?.error?.detail("active") == .integer(1))
            }
            let most = try await scene.database.sql(
                "SELECT max(n), count(*) FROM (SELECT count(*) AS n FROM orders WHERE status = 'ASSIGNED' "
                    + "GROUP BY assigned_master_id) x")
            #expect(most == ["1|\(Self.rounds)"])
        }
    }

    @Test("a double tap is two successes, one of them repeated, and one history row")
    func doubleTap() async throws {
        try await withTwoServices { scene, first, second in
            try await scene.database.setSetting("max_active_orders", to: "1")
            for _ in 0..<50 {
                let order = try await scene.offeredOrder()
                let answers = try await bothAtOnce {
                    try await first.accept(order, by: scene.master)
                } _: {
                    try await second.accept(order, by: scene.master)
                }.map { $0["alreadyAccepted"]?.boolValue }
                #expect(answers.contains(true) && answers.contains(false), "\(answers)")
                let history = try await scene.database.sql(
                    "SELECT count(*) FROM order_status_history WHERE order_id = \(order)")
                #expect(history == ["1"])
                try await scene.database.sql("UPDATE orders SET status = 'CLOSED' WHERE id = \(order)")
            }
        }
    }

    @Test("accept and decline of one offer at the same moment: whichever comes second sees the first")
    func acceptAgainstDecline() async throws {
        try await withTwoServices { scene, first, second in
            try await scene.database.setSetting("max_active_orders", to: "0")
            for _ in 0..<50 {
                let order = try await scene.offeredOrder()
                let answers = try await bothAtOnce {
                    try await first.accept(order, by: scene.master)
                } _: {
                    try await second.decline(order, by: scene.master)
                }
                let (accept, decline) = (answers[0], answers[1])
                if accept.result != nil {
                    #expect(decline.reason == "ALREADY_YOURS")
                } else {
                    #expect(accept.reason == "OFFER_DECLINED")
                    #expect(decline.result != nil)
                }
            }
        }
    }
}

/// Runs two calls at the same time and returns their answers in order.
private func bothAtOnce(
    _ one: @escaping @Sendable () async throws -> TestClient.Answer,
    _ other: @escaping @Sendable () async throws -> TestClient.Answer
) async throws -> [TestClient.Answer] {
    try await withThrowingTaskGroup(of: (Int, TestClient.Answer).self) { group in
        group.addTask { (0, try await one()) }
        group.addTask { (1, try await other()) }
        return try await group.reduce(into: []) { $0.append($1) }.sorted { $0.0 < $1.0 }.map(\.1)
    }
}
