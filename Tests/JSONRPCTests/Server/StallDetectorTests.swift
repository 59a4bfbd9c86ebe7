import NIOCore
import Testing

@testable import JSONRPC

/// When a client counts as stalled.
@Suite struct StallDetectorTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000)

    @Test func `a client that takes nothing is stalled when the timeout is over`() {
        var progress = StallDetector(timeout: .seconds(40))
        progress.wrote(100)
        #expect(progress.check(unsent: 100, now: start) == .seconds(10))
        #expect(progress.check(unsent: 100, now: start + .seconds(39)) == .seconds(10))
        #expect(progress.check(unsent: 100, now: start + .seconds(40)) == nil)
    }

    @Test func `a byte taken is progress, more output is not`() {
        var progress = StallDetector(timeout: .seconds(40))
        progress.wrote(100)
        #expect(progress.check(unsent: 100, now: start) == .seconds(10))
        #expect(progress.check(unsent: 99, now: start + .seconds(39)) == .seconds(10))
        progress.wrote(50)
        #expect(progress.check(unsent: 149, now: start + .seconds(50)) == .seconds(10))
        #expect(progress.check(unsent: 149, now: start + .seconds(79)) == nil)
    }

    @Test func `output after all was taken has the whole time`() {
        var progress = StallDetector(timeout: .seconds(40))
        progress.wrote(100)
        #expect(progress.check(unsent: 100, now: start) == .seconds(10))
        // All is taken, unseen, and as much is written again.
        progress.wrote(100)
        #expect(progress.check(unsent: 100, now: start + .seconds(60)) == .seconds(10))
        #expect(progress.check(unsent: 100, now: start + .seconds(99)) == .seconds(10))
        #expect(progress.check(unsent: 100, now: start + .seconds(100)) == nil)
    }
}
