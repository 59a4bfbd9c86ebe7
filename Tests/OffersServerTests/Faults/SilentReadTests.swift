import JSONRPC
import OffersServer
import Postgres
import TestDatabase
import Testing
import Turns

/// A read connection that says nothing any more.
@Suite("A silent read connection", .inTurn)
struct SilentReadTests {
    /// The time of each list runs only when the one before is answered: if they all had to be given up first, none of
    /// them would be answered, and no other's, either.
    @Test("it costs a client that sent many lists at once some of them, not all")
    func pipelinedLists() async throws {
        try await TestDatabase.withDatabase(.g3) { (database) async throws in
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder()
            try await FaultProxy.withProxy(to: database) { (proxy) async throws in
                try await RunningService.run(on: proxy.connectionString) {
                    $0.postgres.readConnections = 1
                    $0.postgres.readDeadline = .seconds(5)
                } _: { service in
                    try await service.waitUntilConnected()
                    let list = FaultProxy.Trigger.execute(containing: "statement_timestamp()")
                    // While the first one is on its way the others gather, and then go as one group, which is lost.
                    let first = proxy.inject(.freeze(.fromClient), on: list)
                    proxy.inject(.delay(.seconds(600)), on: list, occurrence: 2)
                    try await service.withClient { (client) async throws in
                        let answers = try await withThrowingTaskGroup { group in
                            group.addTask { (0, try await client.list(scene.master)) }
                            await first.occurred()
                            for index in 1..<20 {
                                group.addTask { (index, try await client.list(scene.master)) }
                            }
                            _ = try await eventually({ try await service.metrics() }) {
                                $0["pool"]?["reads"]?["waiting"]?.int64Value == 19
                            }
                            proxy.thaw(.fromClient)
                            return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
                        }
                        let lost = answers.values.filter { $0.reason == "TIMED_OUT" }
                        #expect(!lost.isEmpty)
                        let found = answers.values.filter { $0["total"]?.int64Value == 1 }
                        #expect(found.count >= 5, "\(answers)")
                        #expect(lost.count + found.count == 20, "\(answers)")
                        #expect(try await client.listedOrders(scene.master) == [order])
                    }
                }
            }
        }
    }
}
