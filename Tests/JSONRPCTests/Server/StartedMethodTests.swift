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
            first.fail(.shuttingDown)
            #expect(try reason(await client.line()) == "SHUTTING_DOWN")
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
}
