import Logging
import Testing

@testable import Postgres

/// The connections of one kind, without a server.
@Suite("Lane")
struct ConnectionPoolTests {
    @Test("Connections that give way for hours leave nothing behind that could overflow a stack")
    func givesWayForLong() async {
        await #expect(processExitsWith: .success) {
            let configuration = PostgresConfiguration(connectionInfo: "host=/nonexistent")
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            let watch = ServerWatch(configuration, logger: logger)
            let pool = ConnectionPool<ReadPipeline>(
                .init(name: "reads", purpose: .init(workload: .lookups, needsPrimary: false)), connections: 2,
                maximumGroup: 1, configuration: configuration, watch: watch, preparations: Preparations(),
                logger: logger, onChange: {}, onStalePreparations: {})
            pool.giveWay { false }
            // As often as one connection asks in an hour and twenty minutes.
            for _ in 0..<500_000 where pool.mayConnect(1) { Testing.Issue.record("it has to give way") }
            pool.giveWay { true }
            #expect(pool.mayConnect(1))
        }
    }
}
