import Glibc
import JSONRPC
import Logging
import Synchronization
import Testing
import Turns

/// The end of a server.
@Suite(.inTurn) struct ShutdownTests {
    @Test func `what has arrived is answered, a part of a line is dropped, and the server ends`() async throws {
        try await withToy { toy in
            let client = try toy.client()
            try await client.send(request(1, "hold") + request(2, "add"))
            await toy.state.gate.arrivals(1)
            try await client.send(request(3, "get") + request(4, "add").dropLast())
            toy.server.beginGracefulShutdown()
            await toy.state.gate.open()
            #expect(try await client.linesToEnd() == [reply(1, "0"), reply(2, "1"), reply(3, "1")])
            #expect(toy.state.value.withLock { $0 } == 1)
        }
    }

    @Test func `idle connections are closed and none can be opened`() async throws {
        try await withToy { toy in
            let client = try toy.client()
            try await client.send(request(1, "get"))
            #expect(try await client.line() == reply(1, "0"))
            toy.server.beginGracefulShutdown()
            #expect(try await client.line() == nil)
            #expect(access(toy.path, F_OK) != 0)
            #expect(throws: RawClient.Failure.self) { try toy.client() }
        }
    }

    @Test func `more requests than the read-ahead are answered too`() async throws {
        try await withToy { toy in
            let client = try toy.client()
            try await client.send((1...300).map { request($0, "hold") }.joined())
            await toy.state.gate.arrivals(64)
            toy.server.beginGracefulShutdown()
            await toy.state.gate.open()
            #expect(try await client.linesToEnd() == (1...300).map { reply($0, "0") })
        }
    }

    @Test func `what lasts longer than the drain is cancelled`() async throws {
        try await withFolder { folder in
            var limits = Limits()
            limits.drain = .milliseconds(100)
            let gate = Gate()
            let method = Method(name: "sleep", effect: .read) { _ throws(RPCError) in
                await gate.pass()
                do { try await Task.sleep(for: .seconds(60)) } catch { throw RPCError.forbidden }
                return JSONResult(json: "true")
            }
            let server = Server(
                listeners: [try Listener.bind(path: "\(folder)/s", name: "toys")], methods: [method], limits: limits,
                logger: Logger(label: "toys") { _ in SwiftLogNoOpLogHandler() })
            await gate.open()
            try await withThrowingTaskGroup { group in
                group.addTask { try await server.run() }
                let client = try RawClient(connectingTo: "\(folder)/s")
                try await client.send(request(1, "sleep"))
                await gate.arrivals(1)
                server.beginGracefulShutdown()
                try await group.waitForAll()
                // The method's last word may still have left before the connection closed.
                let reasons = try await client.linesToEnd().map(reason)
                #expect(reasons == [] || reasons == ["FORBIDDEN"])
            }
        }
    }

    @Test func `cancelling the server ends it and removes the file`() async throws {
        try await withFolder { folder in
            let gate = Gate()
            let server = Server(
                listeners: [try Listener.bind(path: "\(folder)/s", name: "toys")], methods: [],
                logger: Logger(label: "toys") { _ in SwiftLogNoOpLogHandler() }, onListening: { await gate.pass() })
            await gate.open()
            try await withThrowingTaskGroup { group in
                group.addTask { try await server.run() }
                await gate.arrivals(1)
                let client = try RawClient(connectingTo: "\(folder)/s")
                try await client.send(request(1, "nothing"))
                #expect(try reason(try await client.line()) == "METHOD_NOT_FOUND")
                group.cancelAll()
                try? await group.waitForAll()
                #expect(try await client.line() == nil)
            }
            #expect(access("\(folder)/s", F_OK) != 0)
        }
    }

    @Test func `an adopted socket goes on listening for the next server`() async throws {
        try await withFolder { folder in
            let bound = try BoundSocket(path: "\(folder)/s")
            defer { bound.close() }
            for _ in 1...2 {
                try await withToy(listener: try Listener(adopting: bound.descriptor, name: "toys")) { toy in
                    #expect(toy.path == "\(folder)/s")
                    let lines = try await toy.ask(request(1, "get"))
                    #expect(lines == [reply(1, "0")])
                }
            }
            // Nothing accepts now, and still a client finds the socket and waits.
            let client = try RawClient(connectingTo: "\(folder)/s")
            try await client.send(request(2, "get"))
            try await withToy(listener: try Listener(adopting: bound.descriptor, name: "toys")) { _ in
                let line = try await client.line()
                #expect(line == reply(2, "0"))
            }
            #expect(access("\(folder)/s", F_OK) == 0)
        }
    }
}
