import JSONRPC
import NIOCore
import TestDatabase
import Testing
import Turns

/// What is listed, in which order, and with which values.
@Suite(.inTurn)
struct ListTests {
    @Test("Only open, unexpired offers of free orders that are searched for are listed")
    func filters() async throws {
        try await withScene { (scene, client) async throws in
            var expected: [Int] = []
            for status in EveryState.statuses {
                let free = try await scene.offeredOrder { $0.status = status }
                if ["SEARCHING", "CREATED", "GUARANTEE"].contains(status) { expected.append(free) }
                for holder in [scene.master, scene.rival] {
                    _ = try await scene.offeredOrder {
                        $0.status = status
                        $0.assignedMasterID = holder
                    }
                }
            }
            for state in ["ACCEPTED", "DECLINED", "EXPIRED", "CANCELED"] {
                try await scene.offer(try await scene.order()) { $0.state = state }
            }
            for expiry: SQLText in ["now() - interval '1 microsecond'", "'-infinity'", "'2000-01-01'"] {
                for state in ["SENT", "VIEWED"] {
                    try await scene.offer(try await scene.order()) {
                        $0.state = state
                        $0.expiresAt = expiry
                    }
                }
            }
            for expiry: SQLText in ["NULL", "'infinity'", "now() + interval '1 hour'"] {
                let order = try await scene.order()
                try await scene.offer(order) {
                    $0.state = "VIEWED"
                    $0.expiresAt = expiry
                }
                expected.append(order)
            }
            // Another master's offer of a free order.
            let order = try await scene.order()
            try await scene.database.insert(OfferRow(orderID: order, masterID: scene.rival))

            #expect(Set(try await client.listedOrders(scene.master)) == Set(expected))
            #expect(try await client.list(scene.master)["total"]?.int64Value == Int64(expected.count))
            #expect(try await client.listedOrders(scene.rival) == [order])
            // What is listed has a card, and what is not has none, but for deferred orders.
            let all = try await scene.database.sql("SELECT id, status FROM orders ORDER BY id")
            for row in all {
                let fields = row.split(separator: "|")
                let answer = try await client.card(try #require(Int(fields[0])), for: scene.master)
                if expected.contains(Int(fields[0]) ?? 0) {
                    #expect(answer["offer.orderId"] != nil, "\(row)")
                } else if answer.error == nil {
                    #expect(fields[1] == "DEFERRED")
                }
            }
        }
    }

    @Test("Newest first: without a time of sending before all, then the latest; equal times by the higher order")
    func order() async throws {
        try await withScene { (scene, client) async throws in
            let times: [SQLText] = [
                "'2026-01-01 00:00:00.000001+00'", "NULL", "'2026-01-02'", "'2026-01-01 00:00:00.000002+00'", "NULL",
                "'2026-01-02'", "'infinity'", "'-infinity'",
            ]
            var orders: [Int] = []
            for time in times {
                let order = try await scene.order()
                try await scene.offer(order) { $0.sentAt = time }
                orders.append(order)
            }
            let expected = [4, 1, 6, 5, 2, 3, 0, 7].map { orders[$0] }
            #expect(try await client.listedOrders(scene.master) == expected)
            let sent = (try await client.list(scene.master)["offers"]?.elements ?? []).map { $0["sentAt"] }
            #expect(sent.prefix(3) == [.null, .null, .null] && sent.last == .null)
            #expect(sent[6]?.stringValue == "2026-01-01T00:00:00.000001Z")
        }
    }

    @Test("Pages are cut from the whole list, and the total is right on each, past the end, too")
    func paging() async throws {
        try await withScene { (scene, client) async throws in
            let orders = try await scene.database.insert(Array(repeating: OrderRow(cityID: scene.city), count: 105))
            try await scene.database.insert(
                orders.enumerated().map { index, order in
                    OfferRow(
                        orderID: order, masterID: scene.master,
                        sentAt: SQLText(stringLiteral: "now() - interval '\(index / 2) seconds'"),
                        expiresAt: "NULL")
                })
            let whole = orders.indices.sorted { ($0 / 2, -$0) < ($1 / 2, -$1) }.map { orders[$0] }
            let pages: [(limit: Int?, offset: Int?)] = [
                (nil, nil), (1, nil), (100, nil), (100, 5), (7, 98), (7, 99), (1, 104), (1, 105), (100, 106),
                (20, 2_147_483_647), (nil, 20), (100, 2_147_483_647), (nil, 0),
            ]
            for page in pages {
                var params = [("masterId", scene.master)]
                if let limit = page.limit { params.append(("limit", limit)) }
                if let offset = page.offset { params.append(("offset", offset)) }
                let members = params.map { JSONMember(name: $0.0, value: .number(JSONNumber(Int64($0.1)))) }
                let result = try await client.client.call("listOffers", named: members, deadline: .seconds(20))
                let found = result["offers"]?.elements?.compactMap { $0["orderId"]?.int64Value.map(Int.init) }
                #expect(found == Array(whole.dropFirst(page.offset ?? 0).prefix(page.limit ?? 20)), "\(page)")
                #expect(result["total"]?.int64Value == 105, "\(page)")
            }
            let nobody = try await scene.database.insert(MasterRow())
            #expect(try await client.list(nobody)["total"]?.int64Value == 0)
            #expect(try await client.list(nobody)["offers"]?.elements == [])
        }
    }

    @Test("Of several open rows of a pair the unexpired one with the highest id stands for the order")
    func severalRows() async throws {
        try await withScene(.damaged) { (scene, client) async throws in
            let order = try await scene.order()
            let later = try await scene.offeredOrder()
            for round in 1...3 {
                try await scene.offer(order) {
                    $0.round = round
                    $0.state = round == 2 ? "VIEWED" : "SENT"
                    // The row that stands for the order also gives its place in the list.
                    $0.sentAt = round == 2 ? "now() - interval '1 day'" : "now() + interval '1 day'"
                    $0.expiresAt = round == 3 ? "now() - interval '1 minute'" : "now() + interval '1 minute'"
                }
            }
            let list = try await client.list(scene.master)
            #expect(list["total"]?.int64Value == 2)
            #expect(try await client.listedOrders(scene.master) == [later, order])
            let entry = list["offers"]?.elements?.last
            #expect(entry?["round"]?.int64Value == 2)
            #expect(entry?["state"]?.stringValue == "VIEWED")
            let card = try await client.card(order, for: scene.master)
            #expect(card["offer.offerId"] == entry?["offerId"])
            #expect(try await client.accept(order, by: scene.master)["offerId"] == entry?["offerId"])
        }
    }

    @Test("An order is listed once, by either name of the master, when the unique indexes go while the service runs")
    func vanishingIndex() async throws {
        try await withScene { (scene, client) async throws in
            try await scene.database.sql("UPDATE masters SET tg_user_id = 77 WHERE id = \(scene.master)")
            let telegram = JSONMember(name: "telegramUserId", value: .number(JSONNumber(77)))
            func totals() async throws -> [Int64?] {
                let byTelegram = try await client.client.call("listOffers", named: [telegram], deadline: .seconds(20))
                return [try await client.list(scene.master)["total"], byTelegram["total"]].map { $0?.int64Value }
            }
            try await scene.database.sql("CREATE EXTENSION pg_stat_statements")
            let order = try await scene.offeredOrder()
            for round in 1...2 {
                // The form that rests on the index is in use, which the service finds out by itself within some
                // seconds. Where nothing is asked for so long, the service has the statement explained.
                try await scene.database.sql(
                    "SELECT pg_stat_statements_reset(0, d.oid, 0) FROM pg_database d WHERE d.datname = current_database()"
                )
                var uses: [String] = []
                while uses != ["2"] {
                    #expect(try await totals() == [1, 1])
                    uses = try await scene.database.sql(
                        """
                        SELECT count(*) FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
                        WHERE d.datname = current_database() AND s.query LIKE '%::regclass IS NOT NULL%'
                            AND s.query NOT LIKE 'EXPLAIN%' AND s.query NOT LIKE '%pg_stat_statements%'
                        """)
                }
                let definitions = try await scene.database.sql(
                    """
                    SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'offers'::regclass AND indisunique
                        AND NOT indisprimary AND indkey::text = '2 3'
                    """)
                #expect(definitions.count == 2)
                // Behind the service's back, in the middle of its sessions.
                try await scene.database.sql(
                    "DROP INDEX uq_offers__order_master_active, idx_offers_order_master_active")
                try await scene.offer(order) { $0.round = 10 + round }
                #expect(try await totals() == [1, 1])
                let entry = try await client.list(scene.master)["offers"]?.elements
                #expect(entry?.count == 1)
                #expect(entry?.first?["round"]?.int64Value == Int64(10 + round))
                try await scene.database.sql("DELETE FROM offers WHERE round_number > 10")
                for definition in definitions { try await scene.database.sql(definition) }
            }
        }
    }

    @Test("NULLs, one-sided slots and odd zones come as they are")
    func values() async throws {
        try await withScene { (scene, client) async throws in
            for zone in [nil, "", " ", "Not/A Zone", "/etc/passwd", "🦄"] as [String?] {
                let city = try await scene.database.insert(CityRow(timezone: zone))
                let order = try await scene.offeredOrder {
                    $0.cityID = city
                    $0.category = nil
                    $0.description = nil
                    $0.house = nil
                }
                let entry = try await client.list(scene.master)["offers"]?.elements?.first
                #expect(entry?["orderId"]?.int64Value == Int64(order))
                #expect(entry?["timezone"] == (zone.map { .string($0) } ?? .null))
                for name in ["category", "district", "timeslot"] { #expect(entry?[name]?.isNull == true) }
                let card = try await client.card(order, for: scene.master)
                for name in ["street", "house", "description"] { #expect(card["offer." + name]?.isNull == true) }
                let accepted = try await client.accept(order, by: scene.master)
                #expect(accepted["order.timezone"] == entry?["timezone"])
                try await scene.database.sql("UPDATE orders SET status = 'CLOSED' WHERE id = \(order)")
            }
            let slots: [(SQLText, SQLText, String, String)] = [
                ("'2026-02-28 23:59:59.9999994+00'", "NULL", "\"2026-02-28T23:59:59.999999Z\"", "null"),
                ("NULL", "'2026-03-01 03:00+05'", "null", "\"2026-02-28T22:00:00.000000Z\""),
                ("'2026-02-28'", "'infinity'", "\"2026-02-28T00:00:00.000000Z\"", "null"),
                ("'0044-03-15 00:00+00 BC'", "'9999-12-31 23:59:59+00'", "null", "\"9999-12-31T23:59:59.000000Z\""),
            ]
            for (start, end, startText, endText) in slots {
                _ = try await scene.offeredOrder {
                    $0.timeslotStart = start
                    $0.timeslotEnd = end
                }
                let slot = try await client.list(scene.master)["offers"]?.elements?.first?["timeslot"]
                guard case .object(let text)? = slot else {
                    Issue.record("no timeslot for \(start.text) to \(end.text)")
                    continue
                }
                #expect(String(buffer: text.bytes) == #"{"start":\#(startText),"end":\#(endText)}"#)
            }
        }
    }

    @Test("Texts come as stored, to the last character")
    func texts() async throws {
        try await withScene { (scene, client) async throws in
            let text = " '\"\\/\u{8}\u{C}\n\r\t\u{1}\u{7F}\u{2028}<b>&amp;</b> \u{1F600}e\u{301}\u{202E} "
            let city = try await scene.database.insert(CityRow(name: text, timezone: text))
            let district = try await scene.database.insert(DistrictRow(cityID: city, name: text))
            let street = try await scene.database.insert(StreetRow(cityID: city, name: text))
            let house = String(text.prefix(8))
            let order = try await scene.offeredOrder {
                $0.cityID = city
                $0.districtID = district
                $0.streetID = street
                $0.description = text
                $0.house = house
                $0.apartment = house
                $0.addressComment = text
                $0.clientName = text
                $0.clientPhone = house
            }
            let entry = try await client.list(scene.master)["offers"]?.elements?.first
            for name in ["city", "district", "timezone"] { #expect(entry?[name]?.stringValue == text, "\(name)") }
            let card = try await client.card(order, for: scene.master)
            for name in ["city", "district", "street", "description"] {
                #expect(card["offer." + name]?.stringValue == text, "\(name)")
            }
            let accepted = try await client.accept(order, by: scene.master)
            for name in ["city", "district", "street", "description", "addressComment", "clientName"] {
                #expect(accepted["order." + name]?.stringValue == text, "\(name)")
            }
            for name in ["house", "apartment", "clientPhone"] {
                #expect(accepted["order." + name]?.stringValue == house, "\(name)")
            }
        }
    }
}
