import NIOCore
import Testing
import Turns

@testable import JSONRPC

@Suite("AcceptPace", .inTurn)
struct AcceptPaceTests {
    private let start = NIODeadline.uptimeNanoseconds(5_000_000_000)

    @Test("so many at once, then one after each interval; what was not used does not add up")
    func pace() {
        var pace = AcceptPace(perSecond: 1000, burst: 3)
        for _ in 0..<3 {
            #expect(pace.wait(at: start) == nil)
            pace.accepted(at: start)
        }
        #expect(pace.wait(at: start) == nil, "the burst is over with the next one")
        pace.accepted(at: start)
        #expect(pace.wait(at: start) == .milliseconds(1))
        #expect(pace.wait(at: start + .microseconds(400)) == .microseconds(600))
        #expect(pace.wait(at: start + .milliseconds(1)) == nil)
        let later = start + .seconds(100)
        for _ in 0..<4 { pace.accepted(at: later) }
        #expect(pace.wait(at: later) == .milliseconds(1))
    }

    @Test("more connections than may come at once are all served, a little later")
    func waiting() async throws {
        var limits = Limits()
        limits.connectionRate = 200
        limits.connectionBurst = 4
        try await withToy(limits) { toy in
            let began = ContinuousClock.now
            let clients = try (0..<40).map { _ in try toy.client() }
            for client in clients { try await client.send(request(1, "get")) }
            for client in clients { #expect(try await client.line() == reply(1, "0")) }
            // 36 of them came 5 ms after one another, four at a time at the most.
            #expect(ContinuousClock.now - began >= .milliseconds(150))
        }
    }
}
