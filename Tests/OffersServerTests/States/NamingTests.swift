import JSONRPC
import TestDatabase
import Testing
import Turns

/// Masters named by their Telegram user, and ids beyond the ranges of the columns.
@Suite(.inTurn)
struct NamingTests {
    @Test(
        "A Telegram user id stands for the master in every method",
        arguments: [
            7, 7_000_000_042, -5, Int.max, Int.min,
        ])
    func telegramUser(number: Int) async throws {
        try await withScene { (scene, client) async throws in
            let master = try await scene.database.insert(MasterRow(telegramUserID: number))
            // One whose id is the other's Telegram user id, where that is possible: names must not be mixed up.
            let namesake = 7
            try await scene.database.sql("UPDATE masters SET id = \(namesake) WHERE id = \(scene.rival)")
            let orders = try await scene.database.insert(Array(repeating: OrderRow(cityID: scene.city), count: 2))
            try await scene.database.insert(orders.map { OfferRow(orderID: $0, masterID: master) })
            let name = ("telegramUserId", number)

            let list = try await client.call("listOffers", name)
            #expect(list["masterId"]?.int64Value == Int64(master))
            #expect(list["total"]?.int64Value == 2)
            let card = try await client.call("getOffer", name, ("orderId", orders[0]))
            #expect(card["masterId"]?.int64Value == Int64(master))
            let accepted = try await client.call("acceptOffer", name, ("orderId", orders[0]))
            #expect(accepted["masterId"]?.int64Value == Int64(master))
            #expect(accepted["alreadyAccepted"]?.boolValue == false)
            #expect(try await client.accept(orders[0], by: master)["alreadyAccepted"]?.boolValue == true)
            let declined = try await client.call("declineOffer", name, ("orderId", orders[1]))
            #expect(declined["masterId"]?.int64Value == Int64(master))
            #expect(
                try await scene.database.sql(
                    "SELECT (context->>'master_id')::integer, changed_by_master_id FROM order_status_history")
                    == ["\(master)|\(master)"])
            #expect(
                try await scene.database.sql("SELECT state FROM offers ORDER BY id") == ["ACCEPTED", "DECLINED"])
        }
    }

    @Test("A master without a Telegram user is found by id, and by no number")
    func withoutTelegram() async throws {
        try await withScene { (scene, client) async throws in
            let order = try await scene.offeredOrder()
            #expect(try await client.call("listOffers", ("telegramUserId", 0)).reason == "MASTER_NOT_FOUND")
            #expect(try await client.call("listOffers", ("telegramUserId", scene.master)).reason == "MASTER_NOT_FOUND")
            #expect(try await client.accept(order, by: scene.master)["alreadyAccepted"]?.boolValue == false)
        }
    }

    @Test("The largest ids of the columns work")
    func largest() async throws {
        try await withScene { (scene, client) async throws in
            let largest = Int(Int32.max)
            try await scene.database.sql(
                """
                UPDATE masters SET id = \(largest) WHERE id = \(scene.master);
                INSERT INTO orders (id, city_id, type, total_sum, no_district, status)
                    VALUES (\(largest), \(scene.city), 'NORMAL', 0, true, 'SEARCHING');
                INSERT INTO offers (id, order_id, master_id, round_number, state)
                    VALUES (\(largest), \(largest), \(largest), 32767, 'SENT');
                """)
            let entry = try await client.list(largest)["offers"]?.elements?.first
            #expect(entry?["offerId"]?.int64Value == Int64(largest))
            #expect(entry?["round"]?.int64Value == 32767)
            #expect(try await client.accept(largest, by: largest)["offerId"]?.int64Value == Int64(largest))
        }
    }
}
