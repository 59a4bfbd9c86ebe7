import JSONRPC
import OffersServer
import TestDatabase
import Testing
import Turns

/// The backend of a write is ended before each of its statements, when all statements before it have been carried out,
/// and after COMMIT: the write happens once, and no caller notices.
@Suite("Backends ended at every statement of a write", .inTurn)
struct TerminationTests {
    private static func statements(deciding: String) -> [String] {
        ["BEGIN", "current_setting('synchronous_commit')", "FOR NO KEY UPDATE", deciding, "COMMIT"]
    }

    /// Has a call's backend ended when a message is about to pass the proxy, and returns the call's answer.
    private func answer(
        _ scene: Scene, endedOn trigger: FaultProxy.Trigger, holding direction: FaultProxy.Direction,
        _ call: @escaping @Sendable (TestClient) async throws -> TestClient.Answer
    ) async throws -> TestClient.Answer {
        try await FaultProxy.withProxy(to: scene.database) { (proxy) async throws in
            try await RunningService.run(on: proxy.connectionString) { service in
                try await service.withClient { client in
                    let held = proxy.inject(.freeze(direction), on: trigger)
                    // A message that never came would make the test one of nothing.
                    defer { #expect(proxy.count(of: trigger) > 0) }
                    return try await withThrowingTaskGroup(of: TestClient.Answer?.self) { group in
                        group.addTask { try await call(client) }
                        group.addTask {
                            await held.occurred()
                            // All of the service's: the proxy does not tell which one it is. Ten seconds for their end.
                            try await scene.database.sql(
                                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
                                    + "WHERE application_name = 'offersd' AND datname = current_database()")
                            proxy.heal()
                            return nil
                        }
                        // A call that ends without its message having been seen ends the waiting for it.
                        defer { group.cancelAll() }
                        while let answer = try await group.next() {
                            if let answer { return answer }
                        }
                        return .error(.internalError)
                    }
                }
            }
        }
    }

    private func expect(_ rows: String, of order: Int, _ scene: Scene) async throws {
        let found = try await scene.database.sql(
            """
            SELECT o.status, o.version, (SELECT count(*) FROM order_status_history h WHERE h.order_id = o.id),
                (SELECT string_agg(f.state::text, ',' ORDER BY f.id) FROM offers f WHERE f.order_id = o.id)
            FROM orders o WHERE o.id = \(order)
            """)
        #expect(found == [rows])
    }

    @Test("before a statement of an accept", arguments: statements(deciding: "WITH judged AS"))
    func accept(statement: String) async throws {
        try await TestDatabase.withDatabase(.g3) { (database) async throws in
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder(toRival: true)
            let answer = try await answer(
                scene, endedOn: .execute(containing: statement), holding: .fromClient
            ) { try await $0.accept(order, by: scene.master) }
            #expect(answer["alreadyAccepted"] == .bool(false), "\(answer)")
            try await expect("ASSIGNED|2|1|ACCEPTED,CANCELED", of: order, scene)
        }
    }

    @Test("before a statement of a decline", arguments: statements(deciding: "WITH master AS"))
    func decline(statement: String) async throws {
        try await TestDatabase.withDatabase(.g3) { (database) async throws in
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder(toRival: true)
            let answer = try await answer(
                scene, endedOn: .execute(containing: statement), holding: .fromClient
            ) { try await $0.decline(order, by: scene.master) }
            #expect(answer["alreadyDeclined"] == .bool(false), "\(answer)")
            try await expect("SEARCHING|1|0|DECLINED,SENT", of: order, scene)
        }
    }

    @Test("after COMMIT, whose answer is heard when its backend has gone")
    func afterCommit() async throws {
        try await TestDatabase.withDatabase(.g3) { (database) async throws in
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder(toRival: true)
            let answer = try await answer(scene, endedOn: .commandComplete("COMMIT"), holding: .fromServer) {
                try await $0.accept(order, by: scene.master)
            }
            #expect(answer["alreadyAccepted"] == .bool(false), "\(answer)")
            try await expect("ASSIGNED|2|1|ACCEPTED,CANCELED", of: order, scene)
        }
    }

    @Test("while it waits for a lock")
    func whileWaiting() async throws {
        try await TestDatabase.withDatabase(.g3) { (database) async throws in
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder(toRival: true)
            try await RunningService.run(on: database.connectionString) { (service) async throws in
                try await service.withClient { (client) async throws in
                    let lock = "SELECT 1 FROM orders WHERE id = \(order) FOR UPDATE"
                    try await HeldLock.hold(lock, in: database) { held in
                        let answer = try await held.answer {
                            try await client.accept(order, by: scene.master)
                        } meanwhile: {
                            try await database.sql(
                                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
                                    + "WHERE application_name = 'offersd' AND datname = current_database()")
                            try await held.release()
                        }
                        #expect(answer["alreadyAccepted"] == .bool(false), "\(answer)")
                    }
                }
            }
            try await expect("ASSIGNED|2|1|ACCEPTED,CANCELED", of: order, scene)
        }
    }
}
