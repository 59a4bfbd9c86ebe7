import JSONRPC
import NIOCore
import Offers
import Testing

/// Reads a JSON text; a text in a test that is not JSON fails the test.
func json(_ text: String) throws -> JSONValue {
    try JSONValue(parsing: ByteBuffer(string: text))
}

/// The params of a request as the wire gives them.
func params(_ text: String) throws -> Params {
    switch try json(text) {
    case .object(let object): .named(object.members())
    case .array(let array): .positional(array.elements())
    default: .none
    }
}

@Suite struct ParamsTests {
    @Test(
        "listOffers takes its params by name and by position, with defaults",
        arguments: [
            (#"{"masterId":7}"#, ListOffersParams(master: .id(7), limit: 20, offset: 0)),
            (
                #"{"telegramUserId":7000000007,"limit":100}"#,
                ListOffersParams(master: .telegramUser(7_000_000_007), limit: 100)
            ),
            (#"{"offset":2147483647,"limit":1,"masterId":-0}"#, .init(master: .id(0), limit: 1, offset: 2_147_483_647)),
            ("[7]", ListOffersParams(master: .id(7))),
            ("[7,5,10]", ListOffersParams(master: .id(7), limit: 5, offset: 10)),
            (#"{"masterId":99999999999999999999}"#, ListOffersParams(master: .id(nil))),
        ])
    func listOffers(text: String, expected: ListOffersParams) throws {
        #expect(try ListOffersParams(params(text), of: Contract.listOffers) == expected)
    }

    @Test(
        "The order methods take a master and an order",
        arguments: [
            (#"{"orderId":1,"masterId":7}"#, OrderParams(master: .id(7), order: 1)),
            ("[7,1]", OrderParams(master: .id(7), order: 1)),
            (
                #"{"orderId":-99999999999999999999,"telegramUserId":1}"#,
                OrderParams(master: .telegramUser(1), order: nil)
            ),
        ])
    func order(text: String, expected: OrderParams) throws {
        #expect(try OrderParams(params(text), of: Contract.acceptOffer) == expected)
    }

    @Test(
        "What listOffers does not take is refused with its name",
        arguments: [
            ("null", "masterId"), ("{}", "masterId"), ("[]", "masterId"),
            (#"{"masterId":1,"telegramUserId":1}"#, "telegramUserId"),
            (#"{"masterId":1,"x":1}"#, "x"), (#"{"masterId":1,"":1}"#, ""),
            (#"{"masterId":1,"masterId":1}"#, "masterId"),
            (#"{"masterId":1,"limit":5,"limit":5}"#, "limit"),
            (#"{"masterId":1.0}"#, "masterId"), (#"{"masterId":1e2}"#, "masterId"), (#"{"masterId":null}"#, "masterId"),
            (#"{"masterId":"1"}"#, "masterId"), (#"{"masterId":true}"#, "masterId"), (#"{"masterId":[1]}"#, "masterId"),
            (#"{"masterId":1,"limit":0}"#, "limit"), (#"{"masterId":1,"limit":101}"#, "limit"),
            (#"{"masterId":1,"limit":null}"#, "limit"), (#"{"masterId":1,"limit":2.0}"#, "limit"),
            (#"{"masterId":1,"limit":99999999999999999999}"#, "limit"),
            (#"{"masterId":1,"offset":-1}"#, "offset"), (#"{"masterId":1,"offset":2147483648}"#, "offset"),
            ("[1,2,3,4]", "3"), ("[1,null]", "limit"), (#"["1"]"#, "masterId"),
        ])
    func refused(text: String, path: String) throws {
        let error = try #require(throws: RPCError.self) { try ListOffersParams(params(text), of: Contract.listOffers) }
        #expect(error.reason == Reason.invalidParams.rawValue)
        #expect(error.code == Reason.invalidParams.code)
        #expect(error.detail("path") == .string(path))
        #expect(error.message.hasSuffix("."))
    }

    @Test(
        "What an order method does not take is refused with its name",
        arguments: [
            ("{}", "masterId"), (#"{"masterId":1}"#, "orderId"), (#"{"orderId":1}"#, "masterId"), ("[1]", "orderId"),
            ("[1,2,3]", "2"), (#"{"masterId":1,"orderId":"2"}"#, "orderId"),
            (#"{"masterId":1,"orderId":2,"limit":1}"#, "limit"),
        ])
    func refusedOrder(text: String, path: String) throws {
        let error = try #require(throws: RPCError.self) { try OrderParams(params(text), of: Contract.acceptOffer) }
        #expect(error.detail("path") == .string(path))
    }

    @Test(
        "explainOffer takes a master, and an order if there is one",
        arguments: [
            (#"{"masterId":7}"#, ExplainOfferParams(master: .id(7), order: nil)),
            ("[7]", ExplainOfferParams(master: .id(7), order: nil)),
            ("[7,1042]", ExplainOfferParams(master: .id(7), order: 1042)),
            (
                #"{"telegramUserId":1,"orderId":99999999999999999999}"#,
                ExplainOfferParams(master: .telegramUser(1), order: .some(nil))
            ),
        ])
    func explain(text: String, expected: ExplainOfferParams) throws {
        #expect(try ExplainOfferParams(params(text), of: Contract.explainOffer) == expected)
    }

    @Test(
        "What explainOffer does not take is refused with its name",
        arguments: [
            ("{}", "masterId"), (#"{"orderId":1}"#, "masterId"), (#"{"masterId":1,"orderId":null}"#, "orderId"),
            ("[1,null]", "orderId"), ("[1,2,3]", "2"), (#"{"masterId":1,"limit":1}"#, "limit"),
        ])
    func refusedExplain(text: String, path: String) throws {
        let error = try #require(throws: RPCError.self) {
            try ExplainOfferParams(params(text), of: Contract.explainOffer)
        }
        #expect(error.detail("path") == .string(path))
    }

    @Test("metrics takes json, prometheus, or nothing, and nothing else")
    func metrics() throws {
        #expect(try MetricsParams(.none, of: Contract.metrics).format == .json)
        #expect(try MetricsParams(params(#"{"format":"prometheus"}"#), of: Contract.metrics).format == .prometheus)
        #expect(try MetricsParams(params(#"["json"]"#), of: Contract.metrics).format == .json)
        for text in [#"{"format":"xml"}"#, #"{"format":null}"#, #"{"format":"JSON"}"#] {
            let error = try #require(throws: RPCError.self) { try MetricsParams(params(text), of: Contract.metrics) }
            #expect(error.detail("path") == .string("format"))
        }
        guard case .choice(let labels, default: let label) = Contract.metrics.parameters[0].kind else {
            Issue.record("format is no choice")
            return
        }
        #expect(labels == MetricsParams.Format.allCases.map(\.rawValue))
        #expect(label == "json")
    }

    @Test("A method without params refuses any")
    func none() throws {
        _ = try NoParams(.none, of: Contract.health)
        _ = try NoParams(params("{}"), of: Contract.health)
        _ = try NoParams(params("[]"), of: Contract.health)
        let named = try #require(throws: RPCError.self) { try NoParams(params(#"{"a":1}"#), of: Contract.health) }
        #expect(named.detail("path") == .string("a"))
        let positional = try #require(throws: RPCError.self) { try NoParams(params("[1]"), of: Contract.health) }
        #expect(positional.detail("path") == .string("0"))
    }

    @Test("What a client sends is what the service reads")
    func roundTrip() throws {
        for master in [MasterReference.id(7), .telegramUser(7_000_000_007)] {
            let list = ListOffersParams(master: master, limit: 3, offset: 9)
            #expect(try ListOffersParams(.named(list.members), of: Contract.listOffers) == list)
            let order = OrderParams(master: master, order: 1042)
            #expect(try OrderParams(.named(order.members), of: Contract.acceptOffer) == order)
            for order in [Int64??.none, 1042] {
                let explain = ExplainOfferParams(master: master, order: order)
                #expect(try ExplainOfferParams(.named(explain.members), of: Contract.explainOffer) == explain)
            }
        }
    }

    @Test("The methods that OrderParams reads describe the same params, and health and rpc.discover none")
    func sharedDescriptions() {
        let expected = ["masterId", "orderId", "telegramUserId"]
        for method in [Contract.getOffer, Contract.acceptOffer, Contract.declineOffer] {
            #expect(method.parameters.map(\.name) == expected)
            #expect(method.parameters.map(\.required) == [false, true, false])
            #expect(method.positionalNames == ["masterId", "orderId"])
        }
        #expect(Contract.listOffers.positionalNames == ["masterId", "limit", "offset"])
        #expect(Contract.health.parameters.isEmpty && Contract.discover.parameters.isEmpty)
    }
}
