import Glibc
import NIOCore
import NIOPosix
import Synchronization
import Testing
import Turns

@testable import JSONRPC

/// What feeds a watchdog: requests of the server to itself.
@Suite(.inTurn)
struct SelfProbeTests {
    @Test("A request is answered on every event loop, again and again")
    func answered() async throws {
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: 3)
        let requests = SelfProbe(loops: loops, limits: Limits())
        for _ in 1...100 { try await requests.answer() }
        try await loops.shutdownGracefully()
    }

    /// What happened, and whether the loop may go on.
    private final class Watch: Sendable {
        let events = Mutex<[String]>([])
        let isReleased = Atomic(false)

        func note(_ event: String) { events.withLock { $0.append(event) } }
    }

    @Test("While one loop of two is stuck there is no answer; when it moves, there is")
    func stuck() async throws {
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let others = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let (blocked, isBlocked) = AsyncStream.makeStream(of: Void.self)
        let watch = Watch()
        loops.any().execute {
            isBlocked.finish()
            while !watch.isReleased.load(ordering: .acquiring) { sched_yield() }
        }
        for await _ in blocked {}
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await SelfProbe(loops: loops, limits: Limits()).answer()
                watch.note("answered")
            }
            // Meanwhile others are answered many times over.
            for _ in 1...50 { try await SelfProbe(loops: others, limits: Limits()).answer() }
            watch.note("released")
            watch.isReleased.store(true, ordering: .releasing)
            try await group.waitForAll()
        }
        #expect(watch.events.withLock { $0 } == ["released", "answered"])
        try await loops.shutdownGracefully()
        try await others.shutdownGracefully()
    }
}
