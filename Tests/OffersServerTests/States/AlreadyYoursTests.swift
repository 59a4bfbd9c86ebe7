import JSONRPC
import TestDatabase
import Testing
import Turns

/// Accepting what one has already: a success that writes nothing, however one came to have it.
@Suite(.inTurn)
struct AlreadyYoursTests {
    @Test("The order of an ACCEPTED row gives that row, in every status")
    func accepted() async throws {
        try await withScene { (scene, client) async throws in
            for status in EveryState.statuses {
                let order = try await scene.order {
                    $0.status = status
                    $0.assignedMasterID = scene.master
                    $0.version = 9
                }
                let offer = try await scene.offer(order) {
                    $0.state = "ACCEPTED"
                    $0.respondedAt = "'2026-01-31 08:05:09.00025+00'"
                    $0.expiresAt = "now() - interval '1 day'"
                }
                let before = try await scene.rows()
                let answer = try await client.accept(order, by: scene.master)
                #expect(answer["alreadyAccepted"]?.boolValue == true)
                #expect(answer["offerId"]?.int64Value == Int64(offer))
                #expect(answer["acceptedAt"]?.stringValue == "2026-01-31T08:05:09.000250Z")
                #expect(answer["order.status"]?.stringValue == status)
                #expect(answer["order.version"]?.int64Value == 9)
                #expect(answer["order.clientPhone"]?.stringValue == "+70000000000")
                #expect(try await client.card(order, for: scene.master).error?.detail("status") == .string(status))
                #expect(try await client.decline(order, by: scene.master).error?.detail("status") == .string(status))
                #expect(try await scene.rows() == before)
            }
        }
    }

    @Test(
        "An order assigned by hand has no ACCEPTED row, whatever other rows there are",
        arguments: [
            [], ["CANCELED"], ["DECLINED"], ["SENT"], ["EXPIRED", "VIEWED"],
        ])
    func byHand(states: [String]) async throws {
        try await withScene { (scene, client) async throws in
            let order = try await scene.order {
                $0.status = "ASSIGNED"
                $0.assignedMasterID = scene.master
            }
            for state in states { try await scene.offer(order) { $0.state = state } }
            // The row of the earlier master stays when an administrator assigns it anew.
            try await scene.database.insert(OfferRow(orderID: order, masterID: scene.rival, state: "ACCEPTED"))
            let before = try await scene.rows()
            let answer = try await client.accept(order, by: scene.master)
            #expect(answer["alreadyAccepted"]?.boolValue == true)
            #expect(answer["offerId"]?.isNull == true)
            #expect(answer["acceptedAt"]?.isNull == true)
            #expect(try await client.decline(order, by: scene.master).reason == "ALREADY_YOURS")
            // Nor is it the rival's any more.
            #expect(try await client.accept(order, by: scene.rival).reason == "ORDER_TAKEN")
            #expect(try await client.decline(order, by: scene.rival).reason == "ORDER_TAKEN")
            #expect(try await scene.rows() == before)
        }
    }

    @Test(
        "A master who may not accept still has what they have",
        arguments: [
            "is_blocked = true", "is_active = false", "is_deleted = true", "moderation_status = 'REJECTED'",
            "verified = false, moderation_status = 'PENDING'", "max_active_orders_override = 1",
        ])
    func standing(change: String) async throws {
        try await withScene { (scene, client) async throws in
            let order = try await scene.offeredOrder()
            let next = try await scene.offeredOrder()
            let first = try await client.accept(order, by: scene.master)
            #expect(first["alreadyAccepted"]?.boolValue == false)
            try await scene.database.sql("UPDATE masters SET \(change) WHERE id = \(scene.master)")
            let before = try await scene.rows()
            let second = try await client.accept(order, by: scene.master)
            #expect(second["alreadyAccepted"]?.boolValue == true)
            for member in ["offerId", "acceptedAt", "order"] { #expect(second[member] == first[member]) }
            #expect(try await client.accept(next, by: scene.master).error != nil)
            #expect(try await scene.rows() == before)
        }
    }
}
