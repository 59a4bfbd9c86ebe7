import JSONRPC
import TestDatabase
import Testing
import Turns

/// How many active orders a master may have.
@Suite(.inTurn)
struct LimitTests {
    /// A value of the setting `max_active_orders` (nil: no such row) and the limit that it means (nil: none).
    static let settings: [(value: String?, limit: Int?)] = [
        ("1", 1), ("3", 3), (" 2 ", 2), ("\t2\n", 2), ("+3", 3), ("007", 7), ("+0002", 2), ("0", nil), ("000", nil),
        ("+0", nil), ("v1", 5), ("1v", 5), ("\u{0B}1\u{0C}", 1), ("-0", 5), ("-1", 5), ("abc", 5), ("", 5), (" ", 5),
        ("2.0", 5), ("1e1", 5), ("1_0", 5),
        ("2 3", 5), ("+ 3", 5), ("++3", 5), ("٣", 5), ("0x3", 5), ("3\n4", 5), ("'3'", 5),
        ("2147483647", Int(Int32.max)), ("2147483648", 5), ("4294967297", 5), ("99999999999999999999999999", 5),
        (String(repeating: "0", count: 100) + "4", 4), (nil, 5),
    ]

    @Test("The setting is read as the contract says, at every accept anew")
    func setting() async throws {
        try await withScene { (scene, client) async throws in
            // Seven active orders: above every small limit of the table, or just at it.
            for _ in 1...7 { _ = try await scene.order { Self.makeActive(&$0, scene.master) } }
            for (value, limit) in Self.settings {
                try await scene.database.setSetting("max_active_orders", to: value)
                let order = try await scene.offeredOrder()
                let answer = try await client.accept(order, by: scene.master)
                let comment = Comment(rawValue: "\(value ?? "no row")")
                if let limit, limit <= 7 {
                    #expect(answer.error?.detail("limit") == .integer(Int64(limit)), comment)
                    #expect(answer.error?.detail("active") == .integer(7), comment)
                } else {
                    #expect(answer["alreadyAccepted"]?.boolValue == false, comment)
                    try await scene.database.sql("DELETE FROM orders WHERE id = \(order)")
                }
            }
        }
    }

    private static func makeActive(_ row: inout OrderRow, _ master: Int) {
        row.status = "WORKING"
        row.assignedMasterID = master
    }

    @Test(
        "An override above 0 beats the setting, 0 and NULL leave it",
        arguments: [
            (1, "9", 1), (2, "0", 2), (32767, "1", 32767), (0, "3", 3), (nil, "3", 3), (0, "x", 5), (nil, "0", nil),
            (0, nil, 5),
        ] as [(Int?, String?, Int?)])
    func override(override: Int?, setting: String?, limit: Int?) async throws {
        try await withScene { (scene, client) async throws in
            try await scene.database.setSetting("max_active_orders", to: setting)
            let master = try await scene.database.insert(MasterRow(maxActiveOrdersOverride: override))
            let taken = min(limit ?? 40, 40)
            let orders = try await scene.database.insert(
                Array(repeating: OrderRow(cityID: scene.city), count: taken + 1))
            try await scene.database.insert(orders.map { OfferRow(orderID: $0, masterID: master) })
            for order in orders.dropLast() {
                #expect(try await client.accept(order, by: master)["alreadyAccepted"]?.boolValue == false)
            }
            let answer = try await client.accept(try #require(orders.last), by: master)
            if let limit, limit == taken {
                #expect(answer.error?.details.map(\.value) == [.integer(Int64(limit)), .integer(Int64(taken))])
            } else {
                #expect(answer["alreadyAccepted"]?.boolValue == false)
            }
        }
    }

    @Test("A negative override, which only the models' schema lets in, leaves the setting")
    func negativeOverride() async throws {
        try await withScene(.g4) { (scene, client) async throws in
            try await scene.database.setSetting("max_active_orders", to: "1")
            let master = try await scene.database.insert(MasterRow(maxActiveOrdersOverride: -3))
            for expected in [nil, "LIMIT_REACHED"] {
                let order = try await scene.order()
                try await scene.database.insert(OfferRow(orderID: order, masterID: master))
                #expect(try await client.accept(order, by: master).reason == expected)
            }
        }
    }

    @Test("Only orders under way count, and only the master's own")
    func statuses() async throws {
        try await withScene { (scene, client) async throws in
            try await scene.database.setSetting("max_active_orders", to: "1")
            for status in EveryState.statuses {
                let master = try await scene.database.insert(MasterRow())
                for holder in [master, scene.rival] {
                    _ = try await scene.order {
                        $0.status = status
                        $0.assignedMasterID = holder
                    }
                }
                let order = try await scene.order()
                try await scene.database.insert(OfferRow(orderID: order, masterID: master))
                let counts = ["ASSIGNED", "EN_ROUTE", "WORKING", "PAYMENT"].contains(status)
                let answer = try await client.accept(order, by: master)
                #expect(answer.reason == (counts ? "LIMIT_REACHED" : nil), "\(status)")
            }
        }
    }
}
