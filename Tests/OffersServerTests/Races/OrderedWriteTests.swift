import JSONRPC
import OffersServer
import TestDatabase
import Testing
import Turns

/// Writes that one connection sends without waiting for replies: they may share a transaction, and yet each takes
/// effect after the ones before it, or at the same moment, whatever becomes of those.
@Suite("Writes of one connection", .inTurn)
struct OrderedWriteTests {
    private func withService(
        _ configure: @escaping @Sendable (inout Settings) -> Void = { _ in },
        _ body: @escaping @Sendable (Scene, RunningService) async throws -> Void
    ) async throws {
        try await TestDatabase.withDatabase(.g3) { (database) async throws in
            let scene = try await Scene(database)
            try await RunningService.run(on: database.connectionString, configure) { service in
                try await service.waitUntilConnected()
                try await body(scene, service)
            }
        }
    }

    /// Sends all in one write. Returns the reason of each refusal, nil for a success; the replies must come in order.
    private func send(_ writes: [Write], to service: RunningService) async throws -> [String?] {
        let replies = try await service.exchange(
            writes.enumerated().map { $1.line(id: $0) }.joined(separator: "\n"))
        #expect(replies.map { $0["id"]?.int64Value } == writes.indices.map(Int64.init))
        for (write, reply) in zip(writes, replies) {
            #expect(reply["error"] != nil || reply["result"]?["orderId"]?.int64Value == Int64(write.order))
        }
        return replies.map { $0["error"]?["data"]?["reason"]?.stringValue }
    }

    /// Sends writes of which `first` waits for the lock of its order, by itself, as those behind it wait for it; does
    /// `meanwhile` then.
    private func send(
        _ writes: [Write], to service: RunningService, _ scene: Scene, blocking first: Int,
        meanwhile: @Sendable @escaping (HeldLock) async throws -> Void
    ) async throws -> [String?] {
        let lock = "SELECT 1 FROM orders WHERE id = \(writes[first].order) FOR UPDATE"
        return try await HeldLock.hold(lock, in: scene.database) { lock in
            async let answers = send(writes, to: service)
            try await lock.isWaitedFor()
            try await meanwhile(lock)
            try await lock.release()
            return try await answers
        }
    }

    @Test("what is sent while an accept waits has no effect before it, and then is committed together")
    func together() async throws {
        try await withService { (scene, service) async throws in
            let writes = try await scene.writes(10)
            let answers = try await send(writes, to: service, scene, blocking: 0) { _ async throws in
                // Three connections have nothing to do.
                #expect(try await scene.transactions(writes) == Array(repeating: nil, count: 10))
            }
            #expect(answers == Array(repeating: nil, count: 10))
            let transactions = try await scene.transactions(writes)
            #expect(transactions.allSatisfy { $0 != nil })
            #expect(Set(transactions.dropFirst()).count == 1 && transactions[0] != transactions[1], "\(transactions)")
        }
    }

    @Test("what shared a transaction with one that has to wait is done before or after it, as it was sent")
    func separated() async throws {
        try await withService { (scene, service) async throws in
            let writes = try await scene.writes(6)
            let answers = try await send(writes, to: service, scene, blocking: 3) { _ async throws in
                let done = try await scene.transactions(writes).map { $0 != nil }
                #expect(done == [true, true, true, false, false, false])
            }
            #expect(answers == Array(repeating: nil, count: 6))
            #expect(try await scene.transactions(writes).allSatisfy { $0 != nil })
        }
    }

    @Test(
        "one that times out costs the ones behind it nothing: their time runs from its answer, they are not slow",
        .alone)
    func timedOut() async throws {
        try await withService({
            // It waits for half a second less.
            $0.writeDeadline = .seconds(3)
            $0.slowRequest = .milliseconds(2400)
        }) { (scene, service) async throws in
            let writes = try await scene.writes(4)
            let answers = try await send(writes, to: service, scene, blocking: 0) { _ async throws in
                let assigned = try await eventually(
                    { try await scene.transactions(writes).count { $0 != nil } }, until: { $0 == 3 })
                #expect(assigned == 3)
            }
            #expect(answers == ["TIMED_OUT", nil, nil, nil])
            let slow = service.log.texts.filter { $0.hasPrefix("acceptOffer") && $0.contains("slow=true") }
            #expect(slow.count == 1 && slow[0].contains("TIMED_OUT"), "\(slow)")
        }
    }

    @Test("writes that depend on each other, declines, wrong ones: each finds what those before it left")
    func dependent() async throws {
        try await withService { (scene, service) async throws in
            let other = try await scene.writes(3)
            let (one, two) = (
                try await scene.offeredOrder(toRival: true), try await scene.offeredOrder(toRival: true)
            )
            try await scene.database.sql("UPDATE masters SET max_active_orders_override = 1 WHERE id = \(scene.master)")
            let answers = try await send(
                [
                    other[0],
                    Write(order: two, master: scene.rival, method: "declineOffer"),
                    Write(order: two, master: scene.rival),
                    Write(order: one, master: scene.master),
                    Write(order: one, master: scene.rival),
                    Write(order: two, master: scene.master),
                    Write(order: one, master: scene.master, method: "declineOffer"),
                    other[1],
                    Write(order: 0, master: 0, method: "acceptOffers"),
                    other[2],
                    other[2],
                ], to: service)
            #expect(
                answers == [
                    nil, nil, "OFFER_DECLINED", nil, "ORDER_TAKEN", "LIMIT_REACHED", "ALREADY_YOURS", nil,
                    "METHOD_NOT_FOUND", nil, nil,
                ])
        }
    }

    @Test(
        "COMMIT lost on its way or its answer on the way back: each is found out about in its turn, accepted once",
        arguments: [FaultProxy.Trigger.execute(containing: "COMMIT"), .commandComplete("COMMIT")])
    func commitLost(trigger: FaultProxy.Trigger) async throws {
        try await TestDatabase.withDatabase(.g3) { (database) async throws in
            let scene = try await Scene(database)
            let writes = try await scene.writes(5)
            try await FaultProxy.withProxy(to: database) { (proxy) async throws in
                try await RunningService.run(on: proxy.connectionString) { (service) async throws in
                    try await service.waitUntilConnected()
                    let answers = try await send(writes, to: service, scene, blocking: 0) { _ in
                        // The first COMMIT is of the attempt that left all out, the second of the one that they wait
                        // for.
                        proxy.inject(.disconnect, on: trigger, occurrence: 3)
                    }
                    #expect(proxy.count(of: trigger) >= 3)
                    #expect(answers == Array(repeating: nil, count: 5))
                }
            }
            #expect(try await scene.transactions(writes).allSatisfy { $0 != nil })
            #expect(try await database.sql("SELECT count(*) FROM order_status_history") == ["5"])
        }
    }
}
