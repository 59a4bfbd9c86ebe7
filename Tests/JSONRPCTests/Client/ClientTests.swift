import JSONRPC
import NIOCore
import Testing
import Turns

/// The client against a real server.
@Suite(.inTurn) struct ClientTests {
    @Test func `many calls at a time get their own results`() async throws {
        try await withToy { toy in
            try await Client.withConnection(to: toy.path) { client in
                try await withThrowingTaskGroup { group in
                    for number in Int64(1)...200 {
                        group.addTask {
                            let result = try await client.call(
                                "echo", .positional([.number(JSONNumber(number))]), deadline: .seconds(100))
                            return result.int64Value == number
                        }
                    }
                    for try await isOwn in group { #expect(isOwn) }
                }
            }
        }
    }

    @Test func `a refusal is thrown with all that it says`() async throws {
        try await withToy { toy in
            try await Client.withConnection(to: toy.path) { client in
                let error = await #expect(throws: RPCError.self) {
                    try await client.call("echo", named: [], deadline: .seconds(100))
                }
                #expect(error == RPCError.invalidParams(path: "value", message: "value is missing"))
            }
        }
    }

    @Test func `a call that is not answered in time ends, and the next one works`() async throws {
        try await withToy { toy in
            try await Client.withConnection(to: toy.path) { client in
                await #expect(throws: ClientError.deadlineExceeded) {
                    try await client.call("hold", deadline: .milliseconds(50))
                }
                await toy.state.gate.open()
                let value = try await client.call("get", deadline: .seconds(100))
                #expect(value.int64Value == 0)
            }
        }
    }

    @Test func `a cancelled call ends at once`() async throws {
        try await withToy { toy in
            try await Client.withConnection(to: toy.path) { client in
                await withTaskGroup { group in
                    group.addTask {
                        await #expect(throws: CancellationError.self) {
                            try await client.call("hold", deadline: .seconds(60))
                        }
                    }
                    await toy.state.gate.arrivals(1)
                    group.cancelAll()
                }
            }
        }
    }

    @Test func `a lost connection ends the calls under way and the later ones`() async throws {
        try await withFolder { folder in
            let listener = try Listener.bind(path: "\(folder)/s", name: "toys")
            var limits = Limits()
            limits.maximumConnections = 0
            limits.overLimitConnections = 0
            try await withToy(limits, listener: listener) { toy in
                try await Client.withConnection(to: toy.path) { client in
                    for _ in 1...2 {
                        await #expect(throws: ClientError.connectionLost) {
                            try await client.call("get", deadline: .seconds(100))
                        }
                    }
                }
            }
        }
    }

    @Test func `lines are exchanged as they are`() async throws {
        try await withToy { toy in
            try await Client.withConnection(to: toy.path) { client in
                let line = String(request(#""a""#, "echo", "[1.50]").dropLast())
                #expect(try await client.exchange(line: line, deadline: .seconds(100)) == reply(#""a""#, "1.50"))
                let wrong = try await client.exchange(line: "{", deadline: .seconds(100))
                #expect(try reason(wrong) == "PARSE_ERROR")
                let notification = #"{"jsonrpc":"2.0","method":"add"}"#
                #expect(try await client.exchange(line: notification, deadline: .seconds(100)) == nil)
                #expect(try await client.exchange(line: " ", deadline: .seconds(100)) == nil)
                #expect(try await client.call("get", deadline: .seconds(100)).int64Value == 1)
            }
        }
    }

    @Test func `what the service cannot read is still the answer to its call`() async throws {
        var limits = Limits()
        limits.maximumLineBytes = 100
        try await withToy(limits) { toy in
            try await Client.withConnection(to: toy.path) { client in
                let long = JSONValue.string(String(repeating: "x", count: 200))
                let error = await #expect(throws: RPCError.self) {
                    try await client.call("echo", .positional([long]), deadline: .seconds(100))
                }
                #expect(error?.reason == "LINE_TOO_LONG")
            }
        }
    }

    @Test func `where nothing listens there is no connection`() async throws {
        try await withFolder { folder in
            let error = await #expect(throws: ClientError.self) {
                try await Client.withConnection(to: "\(folder)/s") { _ in }
            }
            #expect(error == .cannotConnect(path: "\(folder)/s", reason: "No such file or directory"))
        }
    }

    @Test func `a path that is too long is no crash`() async throws {
        let path = "/" + String(repeating: "x", count: 200)
        await #expect(throws: ClientError.self) { try await Client.withConnection(to: path) { _ in } }
    }
}
