import Deadlines
import Logging
import Testing

@testable import Postgres

/// How long connections wait for what the watch finds out.
@Suite("The watch over the servers")
struct ServerWatchTests {
    /// A watch that knows a primary and searches no more.
    private func watch(proofTime: Duration) -> ServerWatch {
        var configuration = PostgresConfiguration()
        configuration.proofTime = proofTime
        let watch = ServerWatch(configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let history = ServerHistory(systemIdentifier: 1, timeline: 1)
        let primary = PrimaryState.Found(
            address: ServerAddress(host: "east"), report: ServerReport(history: history, role: .primary))
        watch.conclude(ServerSearch.Outcome(began: .now(), isComplete: true, found: [primary], failures: []), {})
        return watch
    }

    /// An answer of a server that says it takes no writes: another one may take them, which only a search can tell.
    private func confirm(_ watch: ServerWatch, until limit: MonotonicTime?) throws(LibPQConnection.Broken) {
        try watch.confirmServer(
            term: 1, isInRecovery: false, isReadOnly: true, timeline: nil, sent: .now(), needsProof: true,
            until: limit, meanwhile: {})
    }

    @Test("the answer to a write waits for its proof until the limit of the write, and not longer")
    func limitOfWrites() {
        let (began, limit) = (MonotonicTime.now(), MonotonicTime.now().advanced(by: .milliseconds(50)))
        #expect(throws: LibPQConnection.Broken.self) { try confirm(watch(proofTime: .seconds(60)), until: limit) }
        #expect((Duration.milliseconds(50)...(.seconds(30))).contains(began.duration(to: .now())))
    }

    @Test("the answer to a read waits for the time of its proof")
    func limitOfReads() {
        let began = MonotonicTime.now()
        #expect(throws: LibPQConnection.Broken.self) { try confirm(watch(proofTime: .milliseconds(50)), until: nil) }
        #expect(began.duration(to: .now()) >= .milliseconds(50))
    }

    @Test("the write with the most time says how long a proof may take, and one without time waits for none")
    func lateWrites() {
        let now = MonotonicTime(nanoseconds: 10_000_000_000)
        func proof(_ milliseconds: Int...) -> (limit: Int, late: Set<Int>) {
            let (limit, late) = TransactionPipeline.proof(
                for: milliseconds.map { now.advanced(by: .milliseconds($0)) }, at: now, within: .milliseconds(500),
                reserve: .milliseconds(400))
            return (Int(now.duration(to: limit).wholeMilliseconds), late)
        }
        #expect(proof(5000, 5000) == (500, []))
        #expect(proof(401, 5000) == (500, []))
        #expect(proof(700, 500) == (300, []))
        #expect(proof(5000, 401, 400, -3) == (500, [2, 3]))
        #expect(proof(100).late == [0])
    }
}
