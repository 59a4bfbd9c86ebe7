import EmbeddedPostgres
import JSONRPC
import NIOCore
import NIOPosix
import Offers
import TestDatabase
import Testing
import Turns

@testable import torture

/// A call as the checker knows it; JSONRPC has one, too.
private typealias Call = torture.Call

/// Real processes at their limits.
@Suite("Overload and shutdown", .serialized, .alone)
struct OverloadTests {
    @Test("others are answered beside clients that misbehave, and memory stays small")
    func misbehaviour() async throws {
        let measures = try await Overload(duration: .milliseconds(800)).run()
        let before = try #require(measures.first)
        for measure in measures {
            // How quickly is for the command to say; here the machine has all the other tests to run.
            #expect(measure.calls > 0, "\(measure)")
            // A thousand connections have their buffers; 100,000 requests have nothing.
            #expect(measure.resident < before.resident + 96 * 1024, "\(measure), before: \(before)")
        }
    }

    @Test("accepts of free orders are granted while others are locked for longer")
    func locks() async throws {
        let measures = try await OverloadByLocks(duration: .milliseconds(1500)).run()
        #expect(measures.map(\.name) == ["alone", "beside locks", "alone again"])
        for measure in measures { #expect(measure.accepts >= 24, "\(measure)") }
    }

    @Test("clients in a process of their own are answered beside a storm of connections")
    func storm() async throws {
        let measures = try await OverloadByStorm(duration: .milliseconds(1500), reconnects: false).run()
        #expect(measures.count == 4)
        for measure in measures {
            #expect(measure.crowd.calls >= 200, "\(measure)")
            #expect((measure.perSecond > 0) == measure.name.contains("storm"), "\(measure)")
        }
    }

    @Test("a client that takes no replies is closed, and was not read any further")
    func neverReads() async throws {
        let options = Stage.Options(services: 1, arguments: ["--stalled-seconds", "1"])
        _ = try await Stage.run(options) { (stage) async throws in
            let channel = try await Misbehaviour.connect(stage.services[0].socket, on: .singleton)
            let line = #"{"jsonrpc":"2.0","id":1,"method":"rpc.discover"}"# + "\n"
            let chunk = ByteBuffer(string: String(repeating: line, count: 1000))
            for _ in 0..<100 { channel.writeAndFlush(chunk, promise: nil) }
            // Its own writes fail when the service has closed.
            try await channel.closeFuture.get()
        }
    }

    @Test("more requests than may wait are OVERLOADED at once; those that wait time out")
    func waiting() async throws {
        let arguments = ["--max-waiting", "40"]
        let options = Stage.Options(services: 1, readDeadline: .seconds(5), arguments: arguments)
        _ = try await Stage.run(options) { (stage) async throws in
            let socket = stage.services[0].socket
            let request = Call.Request.list(master: stage.masters[0])
            try await Client.withConnection(to: socket) { (client) async throws in
                // The connections to the database are there.
                guard case .listed = await LoadClient.outcome(of: request, client) else {
                    Issue.record("no list")
                    return
                }
                try await stage.database.server.pause()
                let outcomes = await withTaskGroup { group in
                    for _ in 0..<64 {
                        // A connection each: on one connection, the time of a request begins after the one before.
                        group.addTask {
                            (try? await Client.withConnection(to: socket) {
                                await LoadClient.outcome(of: request, $0)
                            }) ?? .unanswered
                        }
                    }
                    return await group.reduce(into: []) { $0.append($1) }
                }
                try await stage.database.server.resume()
                let overloaded = outcomes.count { $0 == .refused(.overloaded) }
                #expect(overloaded >= 24, "\(overloaded)")
                #expect(outcomes.count { $0 == .refused(.timedOut) } == 64 - overloaded, "\(outcomes)")
            }
        }
    }

    @Test("more connections than allowed are told so in answer to their first request")
    func connections() async throws {
        let options = Stage.Options(services: 1, arguments: ["--max-connections", "3"])
        _ = try await Stage.run(options) { (stage) async throws in
            let socket = stage.services[0].socket
            let request = Call.Request.list(master: stage.masters[0])
            try await withClients(3, socket, request) { (outcomes) async throws in
                #expect(outcomes.allSatisfy { if case .listed = $0 { true } else { false } }, "\(outcomes)")
                try await withClients(1, socket, request) { #expect($0 == [.refused(.overloaded)]) }
            }
        }
    }

    /// Makes a call on each of several connections, which stay open during `body`.
    private func withClients(
        _ count: Int, _ socket: String, _ request: Call.Request, _ outcomes: [Call.Outcome] = [],
        _ body: ([Call.Outcome]) async throws -> Void
    ) async throws {
        guard count > 0 else { return try await body(outcomes) }
        try await Client.withConnection(to: socket) { client in
            let outcome = await LoadClient.outcome(of: request, client)
            try await withClients(count - 1, socket, request, outcomes + [outcome], body)
        }
    }

    @Test("instances take over from each other on one socket without a refused connection")
    func takeover() async throws {
        let takeover = Takeover(rounds: 4)
        let outcome = try await takeover.run()
        #expect(outcome.failures.isEmpty, "\(outcome.failures.prefix(3))")
        #expect(outcome.statuses == Array(repeating: "0", count: 5))
        // A client may come just before the end of an instance, and be closed before its request has arrived.
        #expect(outcome.closed <= takeover.rounds * takeover.clients, "\(outcome.closed) closed")
    }
}
