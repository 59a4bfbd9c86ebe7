import JSONRPC
import NIOCore
import Offers
import Testing

@Suite struct ResultsTests {
    static let moment = Timestamp(microseconds: 823_000_000_000_250)
    static let full = OfferEntry(
        offerId: 11, orderId: 12, round: 2, state: "VIEWED", category: "WINDOWS", city: "Тестоград", district: "Север",
        timezone: "Asia/Omsk", timeslot: Timeslot(start: moment, end: Timestamp(microseconds: 824_000_000_000_000)),
        sentAt: moment, expiresAt: moment)
    static let bare = OfferEntry(
        offerId: 11, orderId: 12, round: 1, state: "SENT", category: nil, city: "", district: nil, timezone: nil,
        timeslot: nil, sentAt: nil, expiresAt: nil)
    static let fullOrder = AcceptedOrder(
        orderId: 12, category: "WINDOWS", city: "Тестоград", district: "Север", timezone: "Asia/Omsk",
        timeslot: Timeslot(start: nil, end: moment), street: "Примерная", house: "1", description: "\"\\\n",
        status: "WORKING",
        apartment: "8", addressComment: "c", clientName: "Имя", clientPhone: "+00000000000", version: 3)
    static let bareOrder = AcceptedOrder(
        orderId: 12, category: nil, city: "", district: nil, timezone: nil, timeslot: nil, street: nil, house: nil,
        description: nil, status: "ASSIGNED", apartment: nil, addressComment: nil, clientName: nil, clientPhone: nil,
        version: 2)

    /// The result comes back as it was, and what is written fits what the document says of it.
    private func check<Result: ContractResult>(_ result: Result) throws {
        let json = try written(result)
        #expect(try Result(json: json) == result)
        let components = try #require(try written(OpenRPCDocument())["components"]?["schemas"])
        #expect(SchemaCheck(schemas: components).problems(json, try written(Result.schema)) == [])
    }

    @Test("A list survives the wire and fits its schema")
    func list() throws {
        try check(ListOffersResult(masterId: 7, total: 2, asOf: Self.moment, offers: [Self.full, Self.bare]))
        try check(ListOffersResult(masterId: 7, total: 0, asOf: Self.moment, offers: []))
    }

    @Test("A card survives the wire and fits its schema")
    func card() throws {
        let full = OfferCard(entry: Self.full, street: "Примерная", house: "15к2", description: "d")
        let bare = OfferCard(entry: Self.bare, street: nil, house: nil, description: nil)
        try check(GetOfferResult(masterId: 7, asOf: Self.moment, offer: full))
        try check(GetOfferResult(masterId: 7, asOf: Self.moment, offer: bare))
    }

    @Test("An explanation survives the wire and fits its schema")
    func explain() throws {
        let master = MasterState(
            masterId: 7, blocked: true, active: true, deleted: false, verified: true, moderationStatus: "APPROVED",
            activeOrders: 5, limit: 5, limitFrom: "setting")
        let offers = [
            OfferRecord(
                offerId: 11, round: 2, state: "SENT", sentAt: Self.moment, expiresAt: Self.moment, expired: true,
                respondedAt: Self.moment),
            OfferRecord(
                offerId: 10, round: 1, state: "LATER", sentAt: nil, expiresAt: nil, expired: false, respondedAt: nil),
        ]
        let history = [
            StatusChange(at: Self.moment, from: "CREATED", to: "SEARCHING", reason: "manual_return", actor: "ADMIN"),
            StatusChange(at: nil, from: nil, to: "CREATED", reason: nil, actor: nil),
        ]
        for reason in ["ALREADY_YOURS", "MASTER_NOT_FOUND", "LIMIT_REACHED", nil] {
            try check(
                ExplainOfferResult(
                    masterId: 7, orderId: 12, asOf: Self.moment,
                    accept: AcceptForecast(possible: reason == nil, reason: reason), listed: true, master: master,
                    order: OrderState(status: "WORKING", assignedMasterId: 8, version: 3, deferred: false),
                    offers: offers, history: history, notListed: nil))
        }
        try check(
            ExplainOfferResult(
                masterId: nil, orderId: nil, asOf: Self.moment, accept: nil, listed: nil, master: nil, order: nil,
                offers: [], history: nil, notListed: ["DEFERRED": 1]))
        try check(
            ExplainOfferResult(
                masterId: 7, orderId: 12, asOf: Self.moment, accept: AcceptForecast(possible: true, reason: nil),
                listed: false, master: nil, order: nil, offers: [], history: [], notListed: [:]))
    }

    @Test("An accept survives the wire and fits its schema")
    func accept() throws {
        try check(
            AcceptOfferResult(
                masterId: 7, orderId: 12, offerId: 11, alreadyAccepted: false, acceptedAt: Self.moment,
                order: Self.fullOrder))
        try check(
            AcceptOfferResult(
                masterId: 7, orderId: 12, offerId: nil, alreadyAccepted: true, acceptedAt: nil, order: Self.bareOrder))
    }

    @Test("A decline survives the wire and fits its schema")
    func decline() throws {
        try check(DeclineOfferResult(masterId: 7, orderId: 12, offerId: 11, alreadyDeclined: true))
    }

    @Test("Health survives the wire and fits its schema", arguments: HealthResult.Status.allCases)
    func health(status: HealthResult.Status) throws {
        let database =
            status == .down
            ? HealthResult.Database(
                reachable: false, readOnly: nil, serverVersion: nil, generation: nil, missing: [], serverTime: nil)
            : HealthResult.Database(
                reachable: true, readOnly: status == .degraded, serverVersion: "15.8", generation: "G0",
                missing: ["order_status_history.actor_type"], serverTime: Self.moment, connections: 11,
                lastError: "57P01", lastErrorAt: Self.moment)
        try check(HealthResult(status: status, database: database, uptimeSeconds: 5, version: "0.1"))
    }

    @Test("An entry is written in the contract's order, nulls included")
    func exactBytes() throws {
        let list = ListOffersResult(masterId: 7, total: 1, asOf: Timestamp(microseconds: 0), offers: [Self.bare])
        var writer = JSONWriter()
        list.encode(to: &writer)
        #expect(
            String(buffer: writer.buffer) == #"{"masterId":7,"total":1,"asOf":"2000-01-01T00:00:00.000000Z","offers":["#
                + #"{"offerId":11,"orderId":12,"round":1,"state":"SENT","category":null,"city":"","district":null,"#
                + #""timezone":null,"timeslot":null,"sentAt":null,"expiresAt":null}]}"#)
    }

    @Test("The reasons of what is not listed are written in the order of their names")
    func counts() throws {
        let explanation = ExplainOfferResult(
            masterId: 7, orderId: nil, asOf: Self.moment, accept: nil, listed: nil, master: nil, order: nil,
            offers: [], history: nil, notListed: ["ORDER_TAKEN": 3, "DEFERRED": 1, "OFFER_EXPIRED": 2])
        let members = try #require(try written(explanation)["notListed"]?.members)
        #expect(members.map(\.name) == ["DEFERRED", "OFFER_EXPIRED", "ORDER_TAKEN"])
    }

    @Test("A time that has no text is written as null")
    func infinity() throws {
        let entry = OfferEntry(
            offerId: 1, orderId: 1, round: 1, state: "SENT", category: nil, city: "", district: nil, timezone: nil,
            timeslot: nil, sentAt: nil, expiresAt: Timestamp(microseconds: .max))
        let list = try written(ListOffersResult(masterId: 7, total: 1, asOf: Self.moment, offers: [entry]))
        #expect(list["offers"]?.elements?.first?["expiresAt"] == .null)
    }

    @Test("A slot without ends is no slot")
    func emptySlot() {
        #expect(Timeslot(start: nil, end: nil) == nil)
        #expect(Timeslot(start: Self.moment, end: nil) != nil)
    }

    @Test(
        "A result of another form names the place",
        arguments: [
            ("[]", "", "an object"), ("7", "", "an object"), ("null", "", "an object"), ("\"x\"", "", "an object"),
            (#"{"masterId":7}"#, "total", "there"), (#"{"masterId":"7"}"#, "masterId", "an integer"),
            (#"{"masterId":null}"#, "masterId", "an integer"), (#"{"masterId":true}"#, "masterId", "an integer"),
            (#"{"masterId":7,"total":0,"asOf":"now"}"#, "asOf", "a time"),
            (#"{"masterId":7,"total":0,"asOf":5}"#, "asOf", "a time"),
            (#"{"masterId":7,"total":0,"asOf":null}"#, "asOf", "a time"),
            (Self.page("{}"), "offers", "an array"), (Self.page("null"), "offers", "an array"),
            (Self.page("[null]"), "offers[0]", "an object"), (Self.page("[{}]"), "offers[0].offerId", "there"),
            (Self.page("[\(Self.row()),2]"), "offers[1]", "an object"),
            (Self.page("[\(Self.row()),{\"offerId\":1,\"orderId\":\"1\"}]"), "offers[1].orderId", "an integer"),
            (Self.page("[\(Self.row(city: "null"))]"), "offers[0].city", "a string"),
            (Self.page("[\(Self.row(timeslot: "[]"))]"), "offers[0].timeslot", "an object"),
            (Self.page("[\(Self.row(timeslot: "{\"start\":\"x\"}"))]"), "offers[0].timeslot.start", "a time"),
        ])
    func unexpected(text: String, path: String, expected: String) throws {
        let error = try #require(throws: UnexpectedResult.self) { try ListOffersResult(json: json(text)) }
        #expect(error == UnexpectedResult(path: path, expected: expected))
    }

    /// A list with these entries.
    private static func page(_ offers: String) -> String {
        #"{"masterId":7,"total":0,"asOf":"2000-01-01T00:00:00.000000Z","offers":\#(offers)}"#
    }

    private static func row(city: String = "\"\"", timeslot: String = "null") -> String {
        #"{"offerId":11,"orderId":12,"round":1,"state":"SENT","city":\#(city),"timeslot":\#(timeslot)}"#
    }

    @Test("A member of another kind names the place in every result")
    func otherKinds() {
        func problem<Result: ContractResult>(of _: Result.Type, _ text: String) -> UnexpectedResult? {
            #expect(throws: UnexpectedResult.self) { try Result(json: json(text)) }
        }
        let explained = #""asOf":"2000-01-01T00:00:00.000000Z","offers":[]"#
        #expect(
            problem(of: ExplainOfferResult.self, "{\(explained),\"notListed\":{\"DEFERRED\":1,\"X\":\"a\"}}")
                == UnexpectedResult(path: "notListed.X", expected: "an integer"))
        #expect(
            problem(of: ExplainOfferResult.self, "{\(explained),\"notListed\":[]}")
                == UnexpectedResult(path: "notListed", expected: "an object"))
        #expect(
            problem(of: ExplainOfferResult.self, "{\(explained),\"listed\":1}")
                == UnexpectedResult(path: "listed", expected: "a boolean"))
        #expect(
            problem(of: ExplainOfferResult.self, "{\(explained),\"history\":[{\"to\":7}]}")
                == UnexpectedResult(path: "history[0].to", expected: "a string"))
        #expect(
            problem(of: HealthResult.self, #"{"status":"fine"}"#)
                == UnexpectedResult(path: "status", expected: "a value that the contract has"))
    }

    @Test("Integers are exact in all of 64 bits; one that is beyond them is no result")
    func integers() throws {
        func order(_ number: String) throws -> Int64 {
            let text = "{\"masterId\":7,\"orderId\":\(number),\"offerId\":11,\"alreadyDeclined\":true}"
            return try DeclineOfferResult(json: json(text)).orderId
        }
        for number in [Int64.max, .max - 1, .min, 9_007_199_254_740_993, 0, -1] {
            #expect(try order("\(number)") == number)
        }
        for number in ["9223372036854775808", "7.5", "1e30"] {
            let error = #expect(throws: UnexpectedResult.self) { try order(number) }
            #expect(error?.path == "", "the decoder does not tell where")
        }
    }

    @Test("A service of a version before notes has none")
    func earlierVersion() throws {
        let database = #""reachable":true,"readOnly":false,"missing":[],"connections":2,"serverVersion":"15.8""#
        func health(_ more: String) throws -> HealthResult {
            try HealthResult(
                json: json(
                    "{\"status\":\"ok\",\"database\":{\(database)\(more)},\"uptimeSeconds\":5,\"version\":\"1.0.0\"}"))
        }
        #expect(try health("").database.notes == [])
        #expect(try health(#","notes":["One."]"#).database.notes == ["One."])
        let error = #expect(throws: UnexpectedResult.self) { try health(#","notes":[1]"#) }
        #expect(error == UnexpectedResult(path: "database.notes[0]", expected: "a string"))
    }

    @Test("Members of a later version are ignored")
    func laterVersion() throws {
        let text = #"{"new":{"a":[1.5,"\ud800"]},"masterId":7,"orderId":12,"offerId":11,"alreadyDeclined":true}"#
        #expect(try DeclineOfferResult(json: json(text)).orderId == 12)
    }
}
