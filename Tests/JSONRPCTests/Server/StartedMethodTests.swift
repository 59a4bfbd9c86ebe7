import Synchronization
import Testing
import Turns

@testable import JSONRPC

/// Methods that start and are ended from elsewhere, here by the test, which is on no event loop.
@Suite("StartedMethod", .inTurn)
struct StartedMethodTests {
    @Test("ended in any order, they are answered in theirs; a notification is not")
    func order() async throws {
        try await withToy { toy in
            let client = try toy.client()
            try await client.send(
                request(1, "later") + #"{"jsonrpc":"2.0","method":"later"}"# + "\n" + request(2, "later"))
            var calls = toy.state.started.stream.makeAsyncIterator()
            let first = try #require(await calls.next())
            let notification = try #require(await calls.next())
            let second = try #require(await calls.next())
            second.succeed(JSONResult(json: "22"))
            notification.succeed(JSONResult(json: "0"))
            first.fail(.forbidden)
            #expect(try reason(await client.line()) == "FORBIDDEN")
            #expect(try await client.line() == reply(2, "22"))
        }
    }

    @Test("a write waits until they have ended, and they wait until it has; also in a batch")
    func exclusion() async throws {
        try await withToy { toy in
            let client = try toy.client()
            let lines = [request(1, "later"), request(2, "add"), request(3, "later"), request(4, "get")]
            try await client.send("[" + lines.map { $0.dropLast() }.joined(separator: ",") + "]\n")
            var calls = toy.state.started.stream.makeAsyncIterator()
            let first = try #require(await calls.next())
            #expect(first.request.id == RequestID(1))
            #expect(toy.state.value.withLock { $0 } == 0, "the write has not begun")
            first.succeed(JSONResult(json: "1"))
            let second = try #require(await calls.next())
            #expect(second.request.id == RequestID(3))
            #expect(toy.state.value.withLock { $0 } == 1, "the write has ended")
            second.succeed(JSONResult(json: "3"))
            let replies = [reply(1, "1"), reply(2, "1"), reply(3, "3"), reply(4, "1")]
            #expect(try await client.line() == "[" + replies.joined(separator: ",") + "]")
        }
    }

    @Test("a connection whose client has sent all waits for them")
    func halfClosed() async throws {
        try await withToy { toy in
            let client = try toy.client()
            try await client.send(request(1, "later"))
            client.endOutput()
            var calls = toy.state.started.stream.makeAsyncIterator()
            let call = try #require(await calls.next())
            call.succeed(JSONResult(json: "1"))
            #expect(try await client.linesToEnd() == [reply(1, "1")])
        }
    }

    @Test("one whose client is gone ends all the same, and what came behind it is carried out")
    func clientGone() async throws {
        var state: ToyState?
        try await withToy { toy in
            state = toy.state
            var calls = toy.state.started.stream.makeAsyncIterator()
            let client = try toy.client()
            try await client.send(request(1, "later") + request(2, "add"))
            let call = try #require(await calls.next())
            #expect(toy.state.value.withLock { $0 } == 0)
            client.close()
            call.succeed(JSONResult(json: "1"))
        }
        // `withToy` has returned, so the connection has ended.
        #expect(state?.value.withLock { $0 } == 1)
    }

    @Test("those of a client that left before they could start do not start; its writes are carried out")
    func leftBefore() async throws {
        try await withFolder { folder in
            let listener = try Listener.bind(path: "\(folder)/s", name: "toys")
            let gone = try RawClient(connectingTo: "\(folder)/s")
            try await gone.send(request(1, "later") + request(2, "later") + request(3, "add") + request(4, "later"))
            gone.close()
            let ended = try RawClient(connectingTo: "\(folder)/s")
            try await ended.send(request(5, "later"))
            ended.endOutput()
            try await withToy(listener: listener) { (toy) async throws in
                let state = toy.state
                let answers = Task {
                    for await call in state.started.stream {
                        state.noted.withLock { $0.append([call.request.id]) }
                        call.succeed(JSONResult(json: "5"))
                    }
                }
                defer { answers.cancel() }
                // A client that only ended its output waits for its replies.
                #expect(try await ended.linesToEnd() == [reply(5, "5")])
                #expect(try await toy.ask(request(6, "get")) == [reply(6, "1")])
                #expect(state.noted.withLock { $0 } == [[RequestID(5)]])
            }
        }
    }
}
