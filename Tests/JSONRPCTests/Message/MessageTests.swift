import Fuzzing
import JSONRPC
import NIOCore
import SeededRandom
import Testing

@Suite("Reading messages")
struct MessageTests {
    @Test("A request is read whole")
    func request() throws {
        let entry = message(
            #"{"jsonrpc":"2.0","id":17,"method":"listOffers","params":{"masterId":7,"limit":5}}"#)
        let params: [JSONMember] = [
            JSONMember(name: "masterId", value: .number(JSONNumber(7))),
            JSONMember(name: "limit", value: .number(JSONNumber(5))),
        ]
        #expect(entry == .single(.request(Request(id: RequestID(17), method: "listOffers", params: .named(params)))))
    }

    @Test("Params may be an array, an object, or not there")
    func params() {
        #expect(read(#"{"jsonrpc":"2.0","id":1,"method":"m"}"#)?.params == Params.none)
        #expect(read(#"{"jsonrpc":"2.0","id":1,"method":"m","params":[]}"#)?.params == .positional([]))
        #expect(read(#"{"jsonrpc":"2.0","id":1,"method":"m","params":{}}"#)?.params == .named([]))
        #expect(
            read(#"{"jsonrpc":"2.0","id":1,"method":"m","params":[1,null]}"#)?.params
                == .positional([.number(JSONNumber(1)), .null]))
        #expect(
            read(#"{"params":{"a":true,"a":false},"method":"m","id":1,"jsonrpc":"2.0"}"#)?.params
                == .named([JSONMember(name: "a", value: .bool(true)), JSONMember(name: "a", value: .bool(false))]),
            "repeated names are the method's affair")
    }

    @Test("Without an id it is a notification, with null it is not")
    func notification() throws {
        #expect(read(#"{"jsonrpc":"2.0","method":"m"}"#).map { $0.id == nil } == true)
        #expect(read(#"{"jsonrpc":"2.0","method":"m","id":null}"#)?.id == .null)
    }

    @Test(
        "An id goes back byte for byte",
        arguments: [
            "1", "-0", "1.0", "1e2", "1E+400", "0.1000", "123456789012345678901234567890", "null", #""""#, #""a""#,
            #""\u0041\/\ud800""#, "\"е\u{301}\"", "\"é\"", "\"" + String(repeating: "long", count: 10_000) + "\"",
        ])
    func identifiers(_ id: String) throws {
        let request = try #require(read("{\"jsonrpc\":\"2.0\", \"id\" : \(id) ,\"method\":\"m\"}"))
        let line = ReplyLine.success(try #require(request.id), JSONValue.null)
        #expect(
            String(buffer: line).utf8.elementsEqual("{\"jsonrpc\":\"2.0\",\"id\":\(id),\"result\":null}\n".utf8))
    }

    @Test("Ids are equal only when their bytes are")
    func equalIdentifiers() throws {
        let texts = ["1", "1.0", #""1""#, "\"\u{E9}\"", "\"e\u{301}\"", #""\u00e9""#, "null"]
        let ids = texts.compactMap { read("{\"jsonrpc\":\"2.0\",\"id\":\($0),\"method\":\"m\"}")?.id }
        #expect(ids.count == texts.count)
        for (index, id) in ids.enumerated() {
            #expect(ids.firstIndex(of: id) == index)
        }
        #expect(Set(ids).count == texts.count)
        #expect(ids.contains(RequestID(1)))
    }

    @Test("Other members are ignored, whatever they are called and hold")
    func otherMembers() {
        #expect(
            read(#"{"jsonrpc":"2.0","id":1,"method":"m","auth":{"id":2},"ID":[],"Method":7,"":null,"auth":1}"#) != nil)
    }

    @Test("Names and values may be escaped")
    func escapes() {
        #expect(read(#"{"json\u0072pc":"\u0032.0","\u0069d":1,"method":"list\u004Fffers"}"#)?.method == "listOffers")
    }

    @Test(
        "What is no request is answered with its id, or null when it has no valid one",
        arguments: [
            // No object.
            ("null", "null"), ("true", "null"), ("1", "null"), (#""listOffers""#, "null"), ("{}", "null"),
            // The version.
            (#"{"id":1,"method":"m"}"#, "1"), (#"{"jsonrpc":"1.0","id":1,"method":"m"}"#, "1"),
            (#"{"jsonrpc":2.0,"id":1,"method":"m"}"#, "1"), (#"{"jsonrpc":null,"id":1,"method":"m"}"#, "1"),
            (#"{"jsonrpc":"2.0 ","id":1,"method":"m"}"#, "1"),
            (#"{"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"method":"m"}"#, "1"),
            // The method.
            (#"{"jsonrpc":"2.0","id":"a"}"#, #""a""#), (#"{"jsonrpc":"2.0","id":1.0,"method":1}"#, "1.0"),
            (#"{"jsonrpc":"2.0","id":1,"method":null}"#, "1"), (#"{"jsonrpc":"2.0","id":1,"method":["m"]}"#, "1"),
            (#"{"jsonrpc":"2.0","id":1,"method":"m","method":"m"}"#, "1"),
            (#"{"jsonrpc":"2.0","id":1,"method":"m","m\u0065thod":"m"}"#, "1"),
            // The params.
            (#"{"jsonrpc":"2.0","id":1,"method":"m","params":null}"#, "1"),
            (#"{"jsonrpc":"2.0","id":1,"method":"m","params":7}"#, "1"),
            (#"{"jsonrpc":"2.0","id":1,"method":"m","params":"7"}"#, "1"),
            (#"{"jsonrpc":"2.0","id":1,"method":"m","params":false}"#, "1"),
            (#"{"jsonrpc":"2.0","id":1,"method":"m","params":[],"params":[]}"#, "1"),
            // The id.
            (#"{"jsonrpc":"2.0","id":true,"method":"m"}"#, "null"),
            (#"{"jsonrpc":"2.0","id":[1],"method":"m"}"#, "null"),
            (#"{"jsonrpc":"2.0","id":{},"method":"m"}"#, "null"),
            (#"{"jsonrpc":"2.0","id":1,"id":1,"method":"m"}"#, "null"),
            (#"{"jsonrpc":"2.0","id":1,"id":2,"method":"m","method":"m"}"#, "null"), (#"{"id":null}"#, "null"),
            // Without an id these are no notifications, so they are answered too.
            (#"{"jsonrpc":"2.0"}"#, "null"), (#"{"method":"m"}"#, "null"),
            (#"{"jsonrpc":"2.0","method":"m","params":1}"#, "null"),
        ])
    func invalid(_ line: String, _ id: String) {
        guard case .single(.invalid(let found, let error)) = message(line) else {
            Issue.record("taken for a request")
            return
        }
        #expect(found.json == id)
        #expect(error.code == -32600)
        #expect(error.reason == "INVALID_REQUEST")
        #expect(!error.retryable)
    }

    @Test("What is not JSON is answered with the place, and without a word of it")
    func parseError() {
        for line in [#"{"jsonrpc":"2.0","secret"}"#, "[secret", "", "{}\u{0}", #"[{"jsonrpc":"2.0","method":"m"},"#] {
            guard case .single(.invalid(id: .null, let error)) = message(line) else {
                Issue.record("taken for JSON")
                continue
            }
            #expect(error.code == -32700)
            #expect(error.reason == "PARSE_ERROR")
            #expect(!error.message.contains("secret"))
        }
        #expect(
            message(#"{"jsonrpc":"2.0","secret"}"#)
                == .single(
                    .invalid(id: .null, .parseError(JSONSyntaxError(offset: 25, problem: "a colon was expected")))))
    }

    @Test("A batch keeps its order, and what is wrong in it has its own answer")
    func batch() {
        let line = """
            [{"jsonrpc":"2.0","id":1,"method":"a"},7,[],{"jsonrpc":"2.0","method":"b"},{"id":"x"},{}]
            """
        guard case .batch(let entries) = message(line) else {
            Issue.record("no batch")
            return
        }
        let answers = entries.map { entry in
            switch entry {
            case .request(let request): "\(request.method) \(request.id?.json ?? "-")"
            case .invalid(let id, let error): "\(error.reason) \(id.json)"
            }
        }
        #expect(
            answers == [
                "a 1", "INVALID_REQUEST null", "INVALID_REQUEST null", "b -", "INVALID_REQUEST \"x\"",
                "INVALID_REQUEST null",
            ])
    }

    @Test("An empty batch is one invalid request")
    func emptyBatch() {
        guard case .single(.invalid(id: .null, let error)) = message("[ ]") else {
            Issue.record("taken for a batch")
            return
        }
        #expect(error.reason == "INVALID_REQUEST")
    }

    @Test("A batch may be as long as the limit and no longer")
    func batchLimit() {
        let element = #"{"jsonrpc":"2.0","id":1,"method":"m"}"#
        for count in 1...3 {
            let line = "[" + repeatElement(element, count: count).joined(separator: ",") + "]"
            switch Message(line: ByteBuffer(string: line), maximumBatch: 2) {
            case .batch(let entries): #expect(entries.count == count && count <= 2)
            case .single(let entry): #expect(entry == .invalid(id: .null, .batchTooLong(limit: 2)) && count == 3)
            }
        }
    }

    @Test("Any line at all gives a message")
    func anyLine() {
        var random = SeededGenerator(seed: 5)
        let line = Array(
            #"[{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":[1]}},{"jsonrpc":"2.0","method":"n"}]"#.utf8)
        var kinds: [String: Int] = [:]
        for _ in 0..<10_000 {
            var changed = line
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<changed.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: changed[place] = .random(in: 0x20...0x7E, using: &random)
                case 1: changed.swapAt(place, Int.random(in: 0..<changed.count, using: &random))
                default: changed.insert(line.randomElement(using: &random)!, at: place)
                }
            }
            switch Message(line: ByteBuffer(bytes: changed), maximumBatch: 50) {
            case .batch: kinds["batch", default: 0] += 1
            case .single(.request): kinds["request", default: 0] += 1
            case .single(.invalid(_, let error)):
                kinds[error.reason, default: 0] += 1
                #expect((error.reason == "PARSE_ERROR") == !NaiveJSON.accepts(changed))
            }
        }
        #expect(kinds["batch", default: 0] > 100 && kinds["PARSE_ERROR", default: 0] > 100)
    }

    private func message(_ line: String) -> Message {
        Message(line: ByteBuffer(string: line), maximumBatch: 50)
    }

    private func read(_ line: String) -> Request? {
        if case .single(.request(let request)) = message(line) { request } else { nil }
    }
}
