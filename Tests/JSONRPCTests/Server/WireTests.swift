import Glibc
import JSONRPC
import NIOCore
import Synchronization
import Testing
import Turns

/// What a client sees on the wire: order, ids, ends of lines, batches, limits.
@Suite(.inTurn) struct WireTests {
    @Test func `a request is answered on one compact line, and the half-closed connection ends`() async throws {
        try await withToy { toy in
            let lines = try await toy.ask(request(1, "echo", #"[{"a":[1,2.0,"é"]}]"#))
            #expect(lines == [reply(1, #"{"a":[1,2.0,"é"]}"#)])
        }
    }

    @Test func `ids come back as they came`() async throws {
        let ids = ["0", "-0", "1.0", "1e400", "12345678901234567890123", #""a\u0041\/\n""#, "null", #""""#]
        try await withToy { toy in
            let lines = try await toy.ask(ids.map { request($0, "echo", "[true]") }.joined())
            #expect(lines == ids.map { reply($0, "true") })
        }
    }

    @Test func `carriage returns, blank lines and a last line without an end are understood`() async throws {
        try await withToy { toy in
            let first = request(1, "echo", "[1]").dropLast()
            let last = request(2, "echo", "[2]").dropLast()
            let lines = try await toy.ask("\r\n\n  \n\(first)\r\n\n\(last)")
            #expect(lines == [reply(1, "1"), reply(2, "2")])
        }
    }

    @Test func `a client that sends byte by byte is served`() async throws {
        try await withToy { toy in
            let client = try toy.client()
            for byte in (request(1, "echo", #"["ж"]"#) + request(2, "get")).utf8 { try await client.send([byte]) }
            #expect(try await client.lines(2) == [reply(1, #""ж""#), reply(2, "0")])
        }
    }

    @Test func `a batch is answered with one array, without its notifications`() async throws {
        try await withToy { toy in
            let batch =
                #"[{"jsonrpc":"2.0","id":1,"method":"echo","params":[1]},{"jsonrpc":"2.0","method":"add"},"#
                + #"{"jsonrpc":"2.0","id":"x","method":"get"}]"# + "\n"
            let lines = try await toy.ask(batch + request(3, "get"))
            #expect(lines == ["[\(reply(1, "1")),\(reply(#""x""#, "1"))]", reply(3, "1")])
        }
    }

    @Test func `notifications are carried out and not answered, not even when they are wrong`() async throws {
        try await withToy { toy in
            let add = #"{"jsonrpc":"2.0","method":"add"}"#
            let unknown = #"{"jsonrpc":"2.0","method":"nothing"}"#
            let secret = #"{"jsonrpc":"2.0","method":"secret"}"#
            let failing = #"{"jsonrpc":"2.0","method":"echo"}"#
            let lines = try await toy.ask(
                [add, unknown, secret, failing, "[\(add),\(add)]"].map { $0 + "\n" }.joined() + request(1, "get"))
            #expect(lines == [reply(1, "3")])
        }
    }

    @Test func `errors name their reason and leave in order`() async throws {
        try await withToy { toy in
            let lines = try await toy.ask(
                "{\n" + request(1, "nothing") + request(2, "secret") + request(3, "echo") + "[]\n" + request(4, "get"))
            #expect(
                try lines.map(reason) == [
                    "PARSE_ERROR", "METHOD_NOT_FOUND", "FORBIDDEN", "INVALID_PARAMS", "INVALID_REQUEST", nil,
                ])
            #expect(lines.last == reply(4, "0"))
        }
    }

    @Test func `replies keep the order of the requests whatever takes how long`() async throws {
        try await withToy { toy in
            let client = try toy.client()
            try await client.send(request(1, "hold") + request(2, "echo", "[2]") + "{\n" + request(3, "get"))
            await toy.state.gate.arrivals(1)
            await toy.state.gate.open()
            let lines = try await client.lines(4)
            #expect(lines[0] == reply(1, "0") && lines[1] == reply(2, "2") && lines[3] == reply(3, "0"))
            #expect(try reason(lines[2]) == "PARSE_ERROR")
        }
    }

    @Test func `reads run together, a write waits for them, and what is behind it for the write`() async throws {
        try await withToy { toy in
            let client = try toy.client()
            try await client.send(request(1, "hold") + request(2, "hold") + request(3, "add") + request(4, "get"))
            await toy.state.gate.arrivals(2)
            // The echo of another connection has gone through the same loop after all of these.
            #expect(try await toy.ask(request(1, "echo", "[0]")) == [reply(1, "0")])
            #expect(toy.state.value.withLock { $0 } == 0)
            #expect(toy.state.deadlineStarts.withLock { $0.isEmpty })
            await toy.state.gate.open()
            #expect(try await client.lines(4) == [reply(1, "0"), reply(2, "0"), reply(3, "1"), reply(4, "1")])
        }
    }

    @Test func `the deadline of a request that runs beside an earlier one has not started`() async throws {
        try await withToy { toy in
            let client = try toy.client()
            try await client.send(request(1, "get") + request(2, "hold") + request(3, "get"))
            await toy.state.gate.arrivals(1)
            await toy.state.gate.open()
            _ = try await client.lines(3)
            let deadlineStarts = toy.state.deadlineStarts.withLock { $0 }
            #expect(deadlineStarts.count == 2 && deadlineStarts[0] != nil && deadlineStarts[1] == nil)
        }
    }

    @Test func `two hundred writes of one connection do not overlap`() async throws {
        try await withToy { toy in
            let lines = try await toy.ask((1...200).map { request($0, "add") }.joined())
            #expect(lines == (1...200).map { reply($0, "\($0)") })
        }
    }

    @Test func `writes that follow one another join a run in their order, as long as it takes more`() async throws {
        try await withToy { toy in
            let client = try toy.client()
            try await client.send((1...20).map { request($0, "note") }.joined())
            await toy.state.gate.arrivals(1)
            // Another client's answer says that the loop has read all that was sent before.
            try await client.send((21...40).map { request($0, "note") }.joined() + request(41, "add"))
            #expect(try await toy.ask(request(1, "echo", "[0]")) == [reply(1, "0")])
            await toy.state.gate.open()
            #expect(try await client.lines(41).count == 41)
            try await client.send((42...50).map { request($0, "note") }.joined())
            #expect(try await client.lines(9).count == 9)
            let runs = toy.state.noted.withLock { $0 }
            let sent: [Int64] = Array(1...40) + Array(42...50)
            #expect(runs.flatMap(\.self) == sent.map { RequestID($0) })
            #expect(runs.first?.count ?? 0 >= 20, "\(runs)")
        }
    }

    @Test func `what is behind a run of writes waits for all of them`() async throws {
        try await withToy { toy in
            let client = try toy.client()
            try await client.send((1...3).map { request($0, "note") }.joined() + request(4, "get") + request(5, "note"))
            await toy.state.gate.arrivals(1)
            #expect(try await toy.ask(request(1, "echo", "[0]")) == [reply(1, "0")])
            #expect(toy.state.deadlineStarts.withLock { $0.isEmpty } && toy.state.noted.withLock { $0.isEmpty })
            await toy.state.gate.open()
            #expect(try await client.lines(5).last == reply(5, "null"))
            #expect(toy.state.noted.withLock { $0 } == [[1, 2, 3].map { RequestID($0) }, [RequestID(5)]])
        }
    }

    @Test func `a line that is too long is answered and skipped, also without an end`() async throws {
        var limits = Limits()
        limits.maximumLineBytes = 100
        try await withToy(limits) { toy in
            let long = String(repeating: "x", count: 5000)
            let lines = try await toy.ask(long + "\n" + request(1, "get") + long)
            #expect(try lines.map(reason) == ["LINE_TOO_LONG", nil, "LINE_TOO_LONG"])
            #expect(lines[1] == reply(1, "0"))
            #expect(lines[0].contains(#""limit":100"#) && lines[0].contains(#""id":null"#))
        }
    }

    @Test func `a batch that is too long is refused as a whole`() async throws {
        try await withToy { toy in
            let batch = "[" + (1...51).map { _ in #"{"jsonrpc":"2.0","method":"add"}"# }.joined(separator: ",") + "]\n"
            let lines = try await toy.ask(batch + request(1, "get"))
            #expect(try reason(lines.first) == "BATCH_TOO_LONG")
            #expect(lines.last == reply(1, "0"))
        }
    }

    @Test func `a method knows who calls`() async throws {
        try await withToy { toy in
            let lines = try await toy.ask(request(1, "peer"))
            #expect(lines == [reply(1, #"["toys",\#(geteuid()),\#(getegid()),\#(getpid())]"#)])
        }
    }

    @Test(arguments: [1, 2]) func `connections do not wait for one another`(eventLoops: Int) async throws {
        try await withToy(eventLoops: eventLoops) { toy in
            let slow = try toy.client()
            try await slow.send(request(1, "holdWrite"))
            await toy.state.gate.arrivals(1)
            for _ in 1...3 { #expect(try await toy.ask(request(2, "get")) == [reply(2, "0")]) }
            #expect(toy.server.openConnections(on: "toys") >= 1)
            await toy.state.gate.open()
            #expect(try await slow.line() == reply(1, "1"))
        }
    }
}
