import Offers
import Testing

@testable import offersctl

/// Explanations as sentences.
@Suite struct ExplainTextTests {
    private static let now = Timestamp(microseconds: 823_000_000_000_250)

    private static func ago(_ seconds: Int64) -> Timestamp {
        Timestamp(microseconds: now.microseconds - seconds * 1_000_000)
    }

    private static func master(
        blocked: Bool = false, active: Bool = true, deleted: Bool = false, verified: Bool = true,
        moderation: String = "APPROVED", activeOrders: Int64 = 2, limit: Int64 = 5, from: String = "setting"
    ) -> MasterState {
        MasterState(
            masterId: 7, blocked: blocked, active: active, deleted: deleted, verified: verified,
            moderationStatus: moderation, activeOrders: activeOrders, limit: limit, limitFrom: from)
    }

    private static func order(_ status: String, of holder: Int64? = nil) -> OrderState {
        OrderState(status: status, assignedMasterId: holder, version: 1, deferred: status == "DEFERRED")
    }

    private static func offer(_ state: String, ends seconds: Int64?, responded: Int64? = nil) -> OfferRecord {
        OfferRecord(
            offerId: 5120, round: 1, state: state, sentAt: ago(180), expiresAt: seconds.map { ago(-$0) },
            expired: state == "EXPIRED" || seconds.map { $0 <= 0 } ?? false, respondedAt: responded.map(ago))
    }

    /// The lines about a pair.
    private static func lines(
        _ reason: String?, possible: Bool = false, listed: Bool = false, master: MasterState? = master(),
        order: OrderState? = order("SEARCHING"), offers: [OfferRecord] = [offer("SENT", ends: 240)],
        history: [StatusChange]? = []
    ) -> [String] {
        let text = ExplainText.of(
            ExplainOfferResult(
                masterId: 7, orderId: 1042, asOf: now, accept: AcceptForecast(possible: possible, reason: reason),
                listed: listed, master: master, order: order, offers: offers, history: history, notListed: nil))
        #expect(text.hasSuffix("\n"))
        return text.split(separator: "\n").map(String.init)
    }

    @Test("An order that can be accepted, with its offers and its history")
    func possible() {
        let lines = Self.lines(
            nil, possible: true, listed: true,
            offers: [Self.offer("SENT", ends: 240), Self.offer("EXPIRED", ends: -90, responded: 60)],
            history: [
                StatusChange(
                    at: Self.ago(7300), from: "CREATED", to: "SEARCHING", reason: "manual_return", actor: "ADMIN"),
                StatusChange(at: nil, from: nil, to: "CREATED", reason: nil, actor: "SYSTEM"),
            ])
        #expect(
            lines == [
                "Master 7 could accept order 1042 now.", "The order is in the list.",
                "It was offered to this master twice:",
                "- offer 5120 in round 1: SENT, sent 3 min ago, expires in 4 min",
                "- offer 5120 in round 1: EXPIRED, sent 3 min ago, closed 60 s ago, expired 90 s ago",
                "The order is SEARCHING, and no master has it.", "Its last changes of status, newest first:",
                "- 2 h ago: CREATED to SEARCHING by ADMIN (manual_return)",
                "- at an unknown time: CREATED by SYSTEM",
            ])
    }

    @Test("Every reason is told, and why the order is not listed")
    func reasons() {
        func first(_ lines: [String]) -> String { lines.prefix(2).joined(separator: "\n") }
        let full = Self.master(activeOrders: 5)
        #expect(
            first(Self.lines("LIMIT_REACHED", master: full, order: Self.order("DEFERRED"))) == """
                Master 7 could not accept order 1042 now: LIMIT_REACHED (5 active of 5; the limit is the setting's).
                The order is not in the list, because it is DEFERRED.
                """)
        #expect(
            first(Self.lines("MASTER_NOT_FOUND", master: nil)) == """
                Master 7 could not accept order 1042 now: MASTER_NOT_FOUND (there is no such master).
                The order is not in the list, because there is no such master.
                """)
        #expect(
            first(Self.lines("OFFER_NOT_FOUND", order: nil, offers: [])) == """
                Master 7 could not accept order 1042 now: OFFER_NOT_FOUND (there is no such order).
                The order is not in the list, because there is no such order.
                """)
        #expect(
            first(Self.lines("OFFER_NOT_FOUND", offers: [])) == """
                Master 7 could not accept order 1042 now: OFFER_NOT_FOUND (it was never offered to this master).
                The order is not in the list, because it was never offered to this master.
                """)
        #expect(
            first(Self.lines("ORDER_TAKEN", order: Self.order("WORKING", of: 8))) == """
                Master 7 could not accept order 1042 now: ORDER_TAKEN (master 8 has it).
                The order is not in the list, because master 8 has it.
                """)
        #expect(
            first(Self.lines("ALREADY_YOURS", possible: true, order: Self.order("WORKING", of: 7))) == """
                Master 7 has order 1042 already: an accept would succeed and change nothing (ALREADY_YOURS).
                The order is not in the list, because this master has it.
                """)
        #expect(
            first(Self.lines("OFFER_EXPIRED", offers: [Self.offer("SENT", ends: 0)])) == """
                Master 7 could not accept order 1042 now: OFFER_EXPIRED (the offer has expired).
                The order is not in the list, because its offer has expired.
                """)
        #expect(
            first(Self.lines("OFFER_DECLINED", offers: [Self.offer("DECLINED", ends: 9)])) == """
                Master 7 could not accept order 1042 now: OFFER_DECLINED (the master has declined it).
                The order is not in the list, because its offer is DECLINED.
                """)
        #expect(
            first(Self.lines("ORDER_NOT_AVAILABLE", order: Self.order("CANCELED"))) == """
                Master 7 could not accept order 1042 now: ORDER_NOT_AVAILABLE (the order is CANCELED).
                The order is not in the list, because it is CANCELED.
                """)
        let inactive = Self.master(active: false, deleted: true, verified: false, moderation: "PENDING")
        #expect(
            first(Self.lines("MASTER_NOT_ACTIVE", listed: true, master: inactive)) == """
                Master 7 could not accept order 1042 now: MASTER_NOT_ACTIVE (deleted, inactive, neither verified nor approved).
                The order is in the list.
                """)
        // A reason of a later version, and a history that the service may not read.
        let later = Self.lines("NEW_REASON", history: nil)
        #expect(later.first == "Master 7 could not accept order 1042 now: NEW_REASON.")
        #expect(later.last == "The service may not read the history of orders (see offersd check).")
    }

    @Test("A list: how the master stands, and what is not in it, in the order of the reasons' names")
    func list() {
        func lines(_ master: MasterState?, _ notListed: [String: Int64] = [:]) -> String {
            ExplainText.of(
                ExplainOfferResult(
                    masterId: 7, orderId: nil, asOf: Self.now, accept: nil, listed: nil, master: master, order: nil,
                    offers: [], history: nil, notListed: notListed))
        }
        #expect(lines(nil) == "There is no such master.\n")
        #expect(
            lines(Self.master(), ["OFFER_EXPIRED": 2, "DEFERRED": 1]) == """
                Master 7 has 2 active orders of 5; the limit is the setting's.
                3 open offers are not in the list:
                - 1 DEFERRED: the order can be accepted, and is in no list while it is deferred
                - 2 OFFER_EXPIRED: the offer has expired

                """)
        #expect(
            lines(Self.master(blocked: true, moderation: "REJECTED", activeOrders: 1, limit: 1, from: "override"))
                == """
                Master 7 is blocked by the office: the list works, and accepts are refused (MASTER_BLOCKED).
                Master 7 may not accept: rejected. The list works, and accepts are refused (MASTER_NOT_ACTIVE).
                Master 7 has 1 active orders of 1; the limit is the master's own. The list works, and accepts are refused (LIMIT_REACHED).
                Every open offer of this master is in the list.

                """)
        #expect(lines(Self.master(limit: 0)).hasPrefix("Master 7 has 2 active orders; there is no limit, which is the"))
        #expect(
            lines(Self.master(from: "default")).contains("the limit is the service's, as there is no valid setting"))
    }

    @Test("No label can move the cursor or make a line")
    func controlCharacters() {
        #expect(Self.lines("A\u{1B}[2J\nB").first == "Master 7 could not accept order 1042 now: A [2J B.")
    }
}
