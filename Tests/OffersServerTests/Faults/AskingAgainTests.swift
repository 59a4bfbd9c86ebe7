import JSONRPC
import OffersServer
import Postgres
import TestDatabase
import Testing
import Turns

/// What is made of a COMMIT that was not heard of, or not plainly: the database is asked again, and what it says is
/// told.
@Suite("Asking again", .inTurn)
struct AskingAgainTests {
    private func withProxy(
        _ configure: (inout Settings) -> Void = { _ in },
        _ body: (Scene, RunningService, FaultProxy) async throws -> Void
    ) async throws {
        try await TestDatabase.withDatabase(.g3) { (database) async throws in
            let scene = try await Scene(database)
            try await FaultProxy.withProxy(to: database) { (proxy) async throws in
                try await RunningService.run(on: proxy.connectionString, configure) { service in
                    try await service.waitUntilConnected()
                    try await body(scene, service, proxy)
                }
            }
        }
    }

    /// An attempt to accept; the metrics that follow it are written by another statement.
    private static let attempt = FaultProxy.Trigger.execute(containing: "WITH judged AS")

    /// Has an order accepted on a way with faults: it is this request's doing, after so many attempts.
    private func expectAccepted(attempts: Int, _ inject: (FaultProxy) -> Void) async throws {
        try await withProxy { scene, service, proxy in
            inject(proxy)
            let order = try await scene.offeredOrder()
            let answer = try await service.withClient { try await $0.accept(order, by: scene.master) }
            #expect(answer["alreadyAccepted"] == .bool(false), "\(answer)")
            #expect(proxy.count(of: Self.attempt) == attempts)
        }
    }

    @Test("what COMMIT says counts, whatever becomes of the connection after it: nothing is asked again")
    func tagAlone() async throws {
        try await expectAccepted(attempts: 1) { proxy in
            proxy.inject(.disconnect, on: .readyForQuery(after: "COMMIT"))
        }
    }

    @Test("a COMMIT that one connection says nothing of: there is time to ask on another before the deadline")
    func silentConnection() async throws {
        try await withProxy({
            // A second of silence is enough; the rest is for asking, on however busy a machine.
            $0.writeDeadline = .seconds(61)
            $0.postgres.silenceMargin = .seconds(60)
        }) { scene, service, proxy in
            proxy.inject(.mute, on: Self.attempt)
            let order = try await scene.offeredOrder()
            let answer = try await service.withClient { try await $0.accept(order, by: scene.master) }
            #expect(answer["alreadyAccepted"] == .bool(false), "\(answer)")
            #expect(proxy.count(of: Self.attempt) == 2)
        }
    }

    @Test("two taps of one master, the first of which is lost on its way: one of them is told that it was the one")
    func firstTapLost() async throws {
        try await withProxy { scene, service, proxy in
            let order = try await scene.offeredOrder()
            let begin = FaultProxy.Trigger.execute(containing: "BEGIN ISOLATION")
            proxy.inject(.delay(.milliseconds(500)), on: begin)
            proxy.inject(.disconnect, on: begin)
            async let first = service.withClient { try await $0.accept(order, by: scene.master) }
            _ = try await eventually({ proxy.count(of: begin) }, until: { $0 > 0 })
            // It waits for the first one.
            async let second = service.withClient { try await $0.accept(order, by: scene.master) }
            let answers = [try await first, try await second]
            #expect(answers.compactMap { $0["alreadyAccepted"]?.boolValue }.sorted { !$0 && $1 } == [false, true])
            #expect(try await scene.database.sql("SELECT count(*) FROM order_status_history") == ["1"])
        }
    }

    @Test("a server that is stopped says farewell by a warning behind the answer: the commit is confirmed all the same")
    func farewell() async throws {
        try await expectAccepted(attempts: 1) { proxy in
            proxy.inject(
                .warn("57P02", from: "quickdie", .behind), on: .readyForQuery(after: "COMMIT"))
        }
    }

    @Test("a warning before the answer of COMMIT: asked again, and it was this request's doing")
    func warned() async throws {
        try await expectAccepted(attempts: 2) { proxy in
            // As SyncRepWaitForLSN gives up: the same code as a shutdown's.
            proxy.inject(.warn("57P01", from: "SyncRepWaitForLSN", .before), on: .commandComplete("COMMIT"))
        }
    }

    @Test("a warning that a trigger raises at COMMIT says nothing of the commit: nothing is asked again")
    func warnedByTrigger() async throws {
        try await expectAccepted(attempts: 1) { proxy in
            proxy.inject(.warn("01000", from: "exec_stmt_raise", .before), on: .commandComplete("COMMIT"))
        }
    }

    @Test(
        "a database that takes no work at the moment is asked once more after a lost COMMIT",
        arguments: ["57P01", "57P02", "57P03", "53300", "25006", "08006"])
    func refusedMeanwhile(code: String) async throws {
        try await expectAccepted(attempts: 3) { proxy in
            let begin = "BEGIN ISOLATION LEVEL READ COMMITTED"
            let refusal = "DO $$ BEGIN RAISE 'not now' USING ERRCODE = '\(code)'; END $$"
            proxy.inject(.disconnect, on: .commandComplete("COMMIT"))
            // Each attempt is the first write of a connection, which prepares its statements: the second is refused.
            proxy.inject(.rewrite(begin, to: refusal), on: .parse(containing: begin), occurrence: 2)
            proxy.inject(.attribute(to: "ProcessInterrupts"), on: .serverMessage("E"), repeats: true)
        }
    }

    @Test("a COMMIT that becomes a ROLLBACK says nothing of the lost one before it: asked once more")
    func rolledBackMeanwhile() async throws {
        try await expectAccepted(attempts: 3) { proxy in
            proxy.inject(.disconnect, on: .commandComplete("COMMIT"))
            proxy.inject(.rewrite("COMMIT", to: "ROLLBACK"), on: .parse(containing: "COMMIT"), occurrence: 2)
        }
    }

    @Test("nothing says whether the backend of a lost COMMIT is gone: that question does not use up the time")
    func silentQuestion() async throws {
        try await expectAccepted(attempts: 2) { proxy in
            proxy.inject(.disconnect, on: .commandComplete("COMMIT"))
            proxy.inject(.delay(.seconds(60)), on: .execute(containing: "pg_terminate_backend"))
        }
    }

    @Test("conflicts after a lost write are no reason to stop asking: there is time until the deadline")
    func conflictsMeanwhile() async throws {
        try await withProxy { scene, service, proxy in
            let order = try await scene.offeredOrder()
            try await scene.database.sql(
                """
                CREATE SEQUENCE conflicts;
                CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                    IF nextval('conflicts') <= 15 THEN RAISE 'conflict' USING ERRCODE = '40001'; END IF;
                    RETURN NEW;
                END $$;
                CREATE TRIGGER conflict BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION conflict()
                """)
            proxy.inject(.disconnect, on: .execute(containing: "BEGIN ISOLATION"))
            let answer = try await service.withClient { try await $0.accept(order, by: scene.master) }
            #expect(answer["alreadyAccepted"] == .bool(false), "\(answer)")
            #expect(try await scene.database.sql("SELECT last_value FROM conflicts") == ["16"])
        }
    }

    @Test("a refusal found by asking again is given only when the backend of the lost COMMIT can do nothing any more")
    func orphan() async throws {
        try await withProxy { scene, service, proxy in
            let orphan = proxy.inject(.orphan, on: .execute(containing: "BEGIN ISOLATION"))
            let order = try await scene.offeredOrder { $0.status = "CLOSED" }
            let answer = try await service.withClient { try await $0.accept(order, by: scene.master) }
            #expect(answer.reason == "ORDER_NOT_AVAILABLE", "\(answer)")
            // Now it could be accepted. A master who was told otherwise must not get it unseen.
            try await scene.database.sql("UPDATE orders SET status = 'SEARCHING' WHERE id = \(order)")
            await orphan.release()
            let rows = try await scene.database.sql("SELECT status, version FROM orders WHERE id = \(order)")
            #expect(rows == ["SEARCHING|1"])
        }
    }

    @Test("two taps that both lose their COMMIT: one has accepted, the other finds it accepted before")
    func twoTaps() async throws {
        try await withProxy { scene, service, proxy in
            let order = try await scene.offeredOrder()
            // Half a second between the two, so that the database's clock tells them apart on any machine.
            proxy.inject(.delay(.milliseconds(500)), on: .commandComplete("COMMIT"))
            proxy.inject(.disconnect, on: .commandComplete("COMMIT"))
            proxy.inject(.disconnect, on: .commandComplete("COMMIT"), occurrence: 2)
            let accept: @Sendable () async throws -> TestClient.Answer = {
                // A connection each: on one connection a write waits for the one before it.
                try await service.withClient { try await $0.accept(order, by: scene.master) }
            }
            let answers = try await withThrowingTaskGroup { group in
                try await HeldLock.hold("SELECT 1 FROM orders FOR UPDATE", in: scene.database) { lock in
                    group.addTask { try await accept() }
                    try await lock.isWaitedFor()
                    // The second waits in the service for the first: it is asked for before the first has decided.
                    group.addTask { try await accept() }
                    _ = try await eventually({ try await service.metrics() }) {
                        $0["pool"]?["writes"]?["waiting"]?.int64Value == 1
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(answers.count { $0["alreadyAccepted"] == .bool(false) } == 1, "\(answers)")
            #expect(answers.count { $0["alreadyAccepted"] == .bool(true) } == 1, "\(answers)")
        }
    }
}
