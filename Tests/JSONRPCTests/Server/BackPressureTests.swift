import Glibc
import JSONRPC
import NIOCore
import Synchronization
import Testing
import Turns

/// Clients that ask too much, take too little, or go away.
@Suite(.inTurn) struct BackPressureTests {
    @Test func `no more requests than the read-ahead run for one connection`() async throws {
        try await withToy { toy in
            let client = try toy.client()
            try await client.send((1...200).map { request($0, "hold") }.joined())
            await toy.state.gate.arrivals(64)
            // Whatever else was read is in the loop's queue before this.
            #expect(try await toy.ask(request(1, "get")) == [reply(1, "0")])
            #expect(await toy.state.gate.count == 64)
            await toy.state.gate.open()
            #expect(try await client.lines(200) == (1...200).map { reply($0, "0") })
        }
    }

    @Test func `replies that wait for an earlier one count as read ahead`() async throws {
        try await withToy { toy in
            let client = try toy.client()
            try await client.send(request(0, "hold") + (1...500).map { request($0, "get") }.joined())
            await toy.state.gate.arrivals(1)
            #expect(try await toy.ask(request(1, "echo", "[0]")) == [reply(1, "0")])
            #expect(toy.state.deadlineStarts.withLock { $0.count } == 63)
            await toy.state.gate.open()
            #expect(try await client.lines(501).count == 501)
        }
    }

    @Test func `the socket of a client that never reads is not read either, and recovers when it does`() async throws {
        var limits = Limits()
        limits.maximumUnsentBytes = 100_000
        // It takes nothing for as long as a busy machine pleases; being cut off for that has a test of its own.
        limits.stalledOutput = .seconds(600)
        try await withToy(limits) { toy in
            let client = try toy.client()
            let ask = Array(request(7, "big", "[10000]").utf8)
            // Every reply is about 150 times as long as its request. The server must stop taking them.
            var sent = 0
            var refusals = 0
            while refusals < 100 {
                let count = client.sendWhatFits(Array(ask[(sent % ask.count)...]))
                sent += count
                refusals = count == 0 ? refusals + 1 : 0
                if count == 0 { #expect(try await toy.ask(request(1, "get")) == [reply(1, "0")]) }
                try #require(sent < 10_000_000, "the server goes on reading")
            }
            let whole = sent / ask.count
            async let rest: Void = client.send(Array(ask[(sent % ask.count)...]))
            let lines = try await client.lines(whole + 1)
            try await rest
            #expect(lines.count == whole + 1)
            #expect(lines.allSatisfy { $0.utf8.count > 10_000 })
        }
    }

    @Test func `a client that takes nothing is cut off after the time for that`() async throws {
        var limits = Limits()
        limits.stalledOutput = .milliseconds(200)
        try await withToy(limits) { toy in
            let client = try toy.client()
            try await client.send(request(1, "get"))
            #expect(try await client.line() == reply(1, "0"))
            try await client.send(request(2, "big", "[3000000]"))
            while toy.server.openConnections(on: "toys") > 0 { await Task.yield() }
            // What the kernel had is still there, then the connection ends in the middle of the reply.
            #expect(try await client.line() == nil)
        }
    }

    @Test func `a client beyond the limit is told so in answer to its first request`() async throws {
        var limits = Limits()
        limits.maximumConnections = 1
        limits.overLimitConnections = 1
        try await withToy(limits) { toy in
            let first = try toy.client()
            try await first.send(request(1, "get"))
            #expect(try await first.line() == reply(1, "0"))

            let second = try toy.client()
            try await second.send(request(#""mine""#, "get"))
            let answer = try #require(try await second.line())
            #expect(try reason(answer) == "OVERLOADED")
            #expect(answer.contains(#""id":"mine""#))
            #expect(try await second.line() == nil)

            first.endOutput()
            #expect(try await first.line() == nil)
        }
    }

    @Test func `a client beyond the limit that says nothing is closed, and at once if many wait`() async throws {
        var limits = Limits()
        limits.maximumConnections = 0
        limits.overLimitConnections = 1
        limits.overLimitWait = .milliseconds(300)
        try await withToy(limits) { toy in
            let clock = ContinuousClock()
            let start = clock.now
            let waiting = try toy.client()
            let closed = try toy.client()
            #expect(try await closed.line() == nil)
            #expect(try await waiting.line() == nil)
            #expect(clock.now - start >= .milliseconds(300))
        }
    }

    @Test func `a connection that ends makes room for another`() async throws {
        var limits = Limits()
        limits.maximumConnections = 1
        try await withToy(limits) { toy in
            for _ in 1...20 {
                let lines = try await toy.ask(request(1, "get"))
                #expect(lines == [reply(1, "0")])
                while toy.server.openConnections(on: "toys") > 0 { await Task.yield() }
            }
        }
    }

    @Test func `what a vanished client asked for runs to its end`() async throws {
        try await withToy { toy in
            let client = try toy.client()
            try await client.send(request(1, "hold") + request(2, "add") + request(3, "big", "[100000]"))
            await toy.state.gate.arrivals(1)
            client.close()
            await toy.state.gate.open()
            while toy.state.value.withLock({ $0 }) == 0 { await Task.yield() }
            while toy.server.openConnections(on: "toys") > 0 { await Task.yield() }
            #expect(try await toy.ask(request(4, "get")) == [reply(4, "1")])
        }
    }

    @Test func `what a client sent before it closed at once is carried out`() async throws {
        try await withToy { toy in
            for count in 1...20 {
                let client = try toy.client()
                try await client.send(#"{"jsonrpc":"2.0","method":"add"}"# + "\n")
                client.close()
                while toy.state.value.withLock({ $0 }) < count { await Task.yield() }
            }
        }
    }
}
