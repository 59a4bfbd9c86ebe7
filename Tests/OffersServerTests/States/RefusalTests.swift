import JSONRPC
import Offers
import TestDatabase
import Testing
import Turns

/// The rows of the contract's table of errors that a state of the database causes, with all that they carry.
@Suite(.inTurn)
struct RefusalTests {
    /// A state by SQL (`$M` the master, `$R` the rival, `$O` the order), and what each method answers: the reason,
    /// and the further members of `data` as JSON.
    struct Row: Sendable, CustomTestStringConvertible {
        let state: String
        let sql: String
        let accept, card, decline: String
        var testDescription: String { state }
    }

    private static let done = "done"

    /// In every state the order was offered to the master and the offer is open, unless the SQL says otherwise.
    static let rows: [Row] = [
        Row(
            state: "nothing is wrong", sql: "DELETE FROM offers WHERE false",
            accept: done, card: done, decline: done),
        Row(
            state: "blocked with a reason",
            sql: #"UPDATE masters SET is_blocked = true, blocked_reason = ' <b>Late</b> "twice" ' WHERE id = $M"#,
            accept: #"MASTER_BLOCKED {"blockedReason":" <b>Late</b> \"twice\" "}"#, card: done, decline: done),
        Row(
            state: "blocked without a reason", sql: "UPDATE masters SET is_blocked = true WHERE id = $M",
            accept: #"MASTER_BLOCKED {"blockedReason":null}"#, card: done, decline: done),
        Row(
            state: "deleted", sql: "UPDATE masters SET is_deleted = true WHERE id = $M",
            accept: "MASTER_NOT_ACTIVE {}", card: done, decline: done),
        Row(
            state: "inactive", sql: "UPDATE masters SET is_active = false WHERE id = $M",
            accept: "MASTER_NOT_ACTIVE {}", card: done, decline: done),
        Row(
            state: "rejected although verified",
            sql: "UPDATE masters SET moderation_status = 'REJECTED' WHERE id = $M",
            accept: "MASTER_NOT_ACTIVE {}", card: done, decline: done),
        Row(
            state: "neither verified nor approved",
            sql: "UPDATE masters SET verified = false, moderation_status = 'PENDING' WHERE id = $M",
            accept: "MASTER_NOT_ACTIVE {}", card: done, decline: done),
        Row(
            state: "verified, moderation pending",
            sql: "UPDATE masters SET moderation_status = 'PENDING' WHERE id = $M",
            accept: done, card: done, decline: done),
        Row(
            state: "approved, not verified", sql: "UPDATE masters SET verified = false WHERE id = $M",
            accept: done, card: done, decline: done),
        Row(
            state: "off shift, on a break, in another city",
            sql: """
                UPDATE masters SET shift_status = 'BREAK', is_on_shift = false, city_id = NULL WHERE id = $M
                """,
            accept: done, card: done, decline: done),
        Row(
            state: "at the limit", sql: "UPDATE masters SET max_active_orders_override = 1 WHERE id = $M; $ACTIVE",
            accept: #"LIMIT_REACHED {"limit":1,"active":1}"#, card: done, decline: done),
        Row(
            state: "never offered", sql: "DELETE FROM offers WHERE master_id = $M",
            accept: "OFFER_NOT_FOUND {}", card: "OFFER_NOT_FOUND {}", decline: "OFFER_NOT_FOUND {}"),
        Row(
            state: "open, and over", sql: "UPDATE offers SET expires_at = '2020-02-29 12:00:00.000001+00'",
            accept: #"OFFER_EXPIRED {"expiredAt":"2020-02-29T12:00:00.000001Z"}"#,
            card: #"OFFER_EXPIRED {"expiredAt":"2020-02-29T12:00:00.000001Z"}"#, decline: done),
        Row(
            state: "open, and over before all time", sql: "UPDATE offers SET expires_at = '-infinity'",
            accept: #"OFFER_EXPIRED {"expiredAt":null}"#, card: #"OFFER_EXPIRED {"expiredAt":null}"#, decline: done),
        Row(
            state: "open for ever", sql: "UPDATE offers SET expires_at = 'infinity'",
            accept: done, card: done, decline: done),
        Row(
            state: "expired by the watchdog", sql: "UPDATE offers SET state = 'EXPIRED', expires_at = NULL",
            accept: #"OFFER_EXPIRED {"expiredAt":null}"#, card: #"OFFER_EXPIRED {"expiredAt":null}"#,
            decline: #"OFFER_EXPIRED {"expiredAt":null}"#),
        Row(
            state: "declined", sql: "UPDATE offers SET state = 'DECLINED'",
            accept: "OFFER_DECLINED {}", card: "OFFER_DECLINED {}", decline: "already"),
        Row(
            state: "withdrawn", sql: "UPDATE offers SET state = 'CANCELED'",
            accept: "OFFER_CANCELED {}", card: "OFFER_CANCELED {}", decline: "OFFER_CANCELED {}"),
        Row(
            state: "accepted, and the order taken back", sql: "UPDATE offers SET state = 'ACCEPTED'",
            accept: "OFFER_CANCELED {}", card: "OFFER_CANCELED {}", decline: "OFFER_CANCELED {}"),
        Row(
            state: "taken, the offer left open",
            sql: "UPDATE orders SET assigned_master_id = $R, status = 'ASSIGNED' WHERE id = $O",
            accept: "ORDER_TAKEN {}", card: "ORDER_TAKEN {}", decline: done),
        Row(
            state: "taken, the offer withdrawn",
            sql: """
                UPDATE orders SET assigned_master_id = $R, status = 'CLOSED' WHERE id = $O;
                UPDATE offers SET state = 'CANCELED'
                """,
            accept: "ORDER_TAKEN {}", card: "ORDER_TAKEN {}", decline: "ORDER_TAKEN {}"),
        Row(
            state: "cancelled, the offer left open", sql: "UPDATE orders SET status = 'CANCELED' WHERE id = $O",
            accept: #"ORDER_NOT_AVAILABLE {"status":"CANCELED"}"#, card: #"ORDER_NOT_AVAILABLE {"status":"CANCELED"}"#,
            decline: done),
        Row(
            state: "assigned to no master, by status", sql: "UPDATE orders SET status = 'ASSIGNED' WHERE id = $O",
            accept: #"ORDER_NOT_AVAILABLE {"status":"ASSIGNED"}"#, card: #"ORDER_NOT_AVAILABLE {"status":"ASSIGNED"}"#,
            decline: done),
        Row(
            state: "deferred", sql: "UPDATE orders SET status = 'DEFERRED' WHERE id = $O",
            accept: done, card: done, decline: done),
        Row(
            state: "already theirs",
            sql: "UPDATE orders SET assigned_master_id = $M, status = 'WORKING' WHERE id = $O",
            accept: "already", card: #"ALREADY_YOURS {"status":"WORKING"}"#,
            decline: #"ALREADY_YOURS {"status":"WORKING"}"#),
        // Two things at once: the earlier of the contract's precedence wins.
        Row(
            state: "already theirs, and they are blocked, inactive and full",
            sql: """
                UPDATE orders SET assigned_master_id = $M, status = 'CANCELED' WHERE id = $O; DELETE FROM offers; $ACTIVE;
                UPDATE masters SET is_blocked = true, is_active = false, max_active_orders_override = 1 WHERE id = $M
                """,
            accept: "already", card: #"ALREADY_YOURS {"status":"CANCELED"}"#,
            decline: #"ALREADY_YOURS {"status":"CANCELED"}"#),
        Row(
            state: "blocked and inactive", sql: "UPDATE masters SET is_blocked = true, is_active = false WHERE id = $M",
            accept: #"MASTER_BLOCKED {"blockedReason":null}"#, card: done, decline: done),
        Row(
            state: "blocked and never offered",
            sql: "UPDATE masters SET is_blocked = true WHERE id = $M; DELETE FROM offers",
            accept: #"MASTER_BLOCKED {"blockedReason":null}"#, card: "OFFER_NOT_FOUND {}",
            decline: "OFFER_NOT_FOUND {}"),
        Row(
            state: "inactive, and the order taken",
            sql: """
                UPDATE masters SET is_active = false WHERE id = $M;
                UPDATE orders SET assigned_master_id = $R WHERE id = $O
                """,
            accept: "MASTER_NOT_ACTIVE {}", card: "ORDER_TAKEN {}", decline: done),
        Row(
            state: "never offered and taken",
            sql: "DELETE FROM offers; UPDATE orders SET assigned_master_id = $R WHERE id = $O",
            accept: "OFFER_NOT_FOUND {}", card: "OFFER_NOT_FOUND {}", decline: "OFFER_NOT_FOUND {}"),
        Row(
            state: "expired and taken",
            sql: """
                UPDATE offers SET state = 'EXPIRED'; UPDATE orders SET assigned_master_id = $R WHERE id = $O
                """,
            accept: "ORDER_TAKEN {}", card: "ORDER_TAKEN {}", decline: "ORDER_TAKEN {}"),
        Row(
            state: "declined and taken",
            sql: """
                UPDATE offers SET state = 'DECLINED'; UPDATE orders SET assigned_master_id = $R WHERE id = $O
                """,
            accept: "ORDER_TAKEN {}", card: "ORDER_TAKEN {}", decline: "already"),
        Row(
            state: "expired, and the order closed",
            sql: """
                UPDATE offers SET state = 'EXPIRED', expires_at = NULL; UPDATE orders SET status = 'CLOSED' WHERE id = $O
                """,
            accept: #"OFFER_EXPIRED {"expiredAt":null}"#, card: #"OFFER_EXPIRED {"expiredAt":null}"#,
            decline: #"OFFER_EXPIRED {"expiredAt":null}"#),
        Row(
            state: "the order closed, and they are full",
            sql: """
                UPDATE masters SET max_active_orders_override = 1 WHERE id = $M; $ACTIVE;
                UPDATE orders SET status = 'CLOSED' WHERE id = $O
                """,
            accept: #"ORDER_NOT_AVAILABLE {"status":"CLOSED"}"#, card: #"ORDER_NOT_AVAILABLE {"status":"CLOSED"}"#,
            decline: done),
        Row(
            state: "an older row open, the newest declined",
            sql: """
                INSERT INTO offers (order_id, master_id, state, expires_at) VALUES ($O, $M, 'DECLINED', now())
                """,
            accept: done, card: done, decline: done),
        Row(
            state: "an older row over, the newest withdrawn",
            sql: """
                UPDATE offers SET expires_at = now() - interval '1 hour';
                INSERT INTO offers (order_id, master_id, state, expires_at) VALUES ($O, $M, 'CANCELED', now())
                """,
            accept: "OFFER_CANCELED {}", card: "OFFER_CANCELED {}", decline: done),
    ]

    @Test("Each state has its answer, with its data; a refusal writes nothing")
    func table() async throws {
        try await TestDatabase.withDatabase { database in
            let scene = try await Scene(database)
            try await RunningService.run(on: database.connectionString) { service in
                try await service.withClient { client in
                    for row in Self.rows { try await check(row, scene, client) }
                }
            }
        }
    }

    private func check(_ row: Row, _ scene: Scene, _ client: TestClient) async throws {
        let master = try await scene.database.insert(MasterRow())
        let set = """
            DELETE FROM offers;
            INSERT INTO orders (city_id, type, total_sum, no_district, status)
                VALUES (\(scene.city), 'NORMAL', 0, true, 'SEARCHING');
            INSERT INTO offers (order_id, master_id, state, expires_at)
                SELECT max(id), \(master), 'SENT', now() + interval '1 hour' FROM orders;
            SELECT max(id) FROM orders;
            """
        let order = try #require(try await scene.database.sql(set).compactMap { Int($0) }.last)
        let active = """
            INSERT INTO orders (city_id, type, total_sum, no_district, status, assigned_master_id)
                VALUES (\(scene.city), 'NORMAL', 0, true, 'EN_ROUTE', $M)
            """
        let before = try await scene.database.sql(
            row.sql.replacing("$ACTIVE", with: active).replacing("$M", with: "\(master)")
                .replacing("$R", with: "\(scene.rival)").replacing("$O", with: "\(order)")
                + ";" + Self.everything)

        #expect(Self.text(try await client.card(order, for: master)) == row.card, "getOffer: \(row.state)")
        #expect(try await scene.database.sql(Self.everything) == before, "getOffer: \(row.state)")

        try await checkExplanation(row, order, master, client)
        #expect(try await scene.database.sql(Self.everything) == before, "explainOffer: \(row.state)")

        if row.accept != Self.done {
            #expect(Self.text(try await client.accept(order, by: master)) == row.accept, "acceptOffer: \(row.state)")
            #expect(try await scene.database.sql(Self.everything) == before, "acceptOffer: \(row.state)")
        }
        let offers = try await scene.database.sql("SELECT to_jsonb(f) FROM offers f ORDER BY id")
        #expect(Self.text(try await client.decline(order, by: master)) == row.decline, "declineOffer: \(row.state)")
        if row.decline != Self.done {
            #expect(try await scene.database.sql(Self.everything) == before, "declineOffer: \(row.state)")
        }
        guard row.accept == Self.done else { return }
        // The decline is taken back, so that the accept meets the same state.
        try await scene.database.sql(
            "DELETE FROM offers;"
                + offers.map { "INSERT INTO offers SELECT * FROM jsonb_populate_record(NULL::offers, '\($0)')" }
                .joined(separator: ";"))
        #expect(try await scene.database.sql(Self.everything) == before, "the test itself: \(row.state)")
        #expect(Self.text(try await client.accept(order, by: master)) == row.accept, "acceptOffer: \(row.state)")
    }

    /// What explainOffer foretells is what acceptOffer is to answer, and what the list shows.
    private func checkExplanation(_ row: Row, _ order: Int, _ master: Int, _ client: TestClient) async throws {
        let answer = try await client.explain(order, for: master)
        let explained = try ExplainOfferResult(json: #require(answer.result))
        let foretold =
            switch explained.accept?.reason {
            case nil: Self.done
            case "ALREADY_YOURS": "already"
            case let reason?: reason
            }
        #expect(foretold == row.accept.prefix { $0 != " " }, "explainOffer: \(row.state)")
        #expect(explained.accept?.possible == (row.accept == Self.done || row.accept == "already"))
        let listed = try await client.listedOrders(master).contains(order)
        #expect(explained.listed == listed, "explainOffer: \(row.state)")
        if let limit = explained.master?.limit, let active = explained.master?.activeOrders,
            row.accept.hasPrefix("LIMIT")
        {
            #expect(row.accept == #"LIMIT_REACHED {"limit":\#(limit),"active":\#(active)}"#)
        }
    }

    private static let everything = """
        SELECT 'order', to_jsonb(o) FROM orders o UNION ALL SELECT 'offer', to_jsonb(f) FROM offers f
        UNION ALL SELECT 'history', to_jsonb(h) FROM order_status_history h
        UNION ALL SELECT 'master', to_jsonb(m) FROM masters m ORDER BY 1, 2
        """

    /// `done`, `already`, or the reason with the rest of `data`; the code and `retryable` are checked on the way.
    private static func text(_ answer: TestClient.Answer) -> String {
        guard let error = answer.error else {
            let already = answer["alreadyAccepted"]?.boolValue ?? answer["alreadyDeclined"]?.boolValue
            return already == true ? "already" : done
        }
        #expect(Reason(rawValue: error.reason)?.code == error.code)
        #expect(!error.retryable)
        let details = error.details.map { detail in
            switch detail.value {
            case .null: "\"\(detail.name)\":null"
            case .bool(let bool): "\"\(detail.name)\":\(bool)"
            case .integer(let integer): "\"\(detail.name)\":\(integer)"
            case .string(let string):
                "\"\(detail.name)\":\"\(string.replacing("\"", with: "\\\""))\""
            }
        }
        return "\(error.reason) {\(details.joined(separator: ","))}"
    }

    @Test("No such master: every method says so, by id and by Telegram user, before anything else")
    func noSuchMaster() async throws {
        try await TestDatabase.withDatabase { database in
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder()
            try await RunningService.run(on: database.connectionString) { service in
                try await service.withClient { client in
                    let before = try await scene.rows()
                    let numbers = [
                        0, -1, scene.rival + 1, 2_147_483_648, 4_294_967_296 + scene.master, Int.max, Int.min,
                    ]
                    for (name, number) in numbers.flatMap({ [("masterId", $0), ("telegramUserId", $0)] }) {
                        #expect(try await client.call("listOffers", (name, number)).reason == "MASTER_NOT_FOUND")
                        for method in ["getOffer", "acceptOffer", "declineOffer"] {
                            let answer = try await client.call(method, (name, number), ("orderId", order))
                            #expect(answer.reason == "MASTER_NOT_FOUND", "\(method) \(name) \(number)")
                        }
                    }
                    for number in [0, -1, order + 1, 2_147_483_648, 4_294_967_296 + order, Int.max, Int.min] {
                        #expect(try await client.card(number, for: scene.master).reason == "OFFER_NOT_FOUND")
                        #expect(try await client.accept(number, by: scene.master).reason == "OFFER_NOT_FOUND")
                        #expect(try await client.decline(number, by: scene.master).reason == "OFFER_NOT_FOUND")
                    }
                    // Beyond 64 bits, in the form that no client type can hold.
                    for method in ["getOffer", "acceptOffer", "declineOffer"] {
                        let big = "123456789012345678901234567890"
                        let replies = try await service.exchange(
                            #"{"jsonrpc":"2.0","id":1,"method":"\#(method)","params":[\#(big),\#(order)]}"#,
                            #"{"jsonrpc":"2.0","id":2,"method":"\#(method)","params":[\#(scene.master),-\#(big)]}"#)
                        #expect(
                            replies.map { $0["error"]?["data"]?["reason"]?.stringValue }
                                == ["MASTER_NOT_FOUND", "OFFER_NOT_FOUND"])
                    }
                    #expect(try await scene.rows() == before)
                }
            }
        }
    }
}
