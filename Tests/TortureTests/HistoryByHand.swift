import Deadlines
import Offers
import Postgres

@testable import torture

/// What a history made by hand consists of.
extension CheckerTests {
    /// A moment, in milliseconds.
    static func at(_ milliseconds: UInt64) -> MonotonicTime {
        MonotonicTime(nanoseconds: milliseconds * 1_000_000)
    }

    static func span(_ began: UInt64, _ ended: UInt64) -> Span { Span(began: at(began), ended: at(ended)) }

    static func call(
        _ request: Call.Request, _ span: Span, _ outcome: Call.Outcome
    ) -> Call {
        Call(request: request, connection: 1, service: 0, span: span, outcome: outcome)
    }

    static func list(_ offers: (id: Int64, order: Int64)..., asOf: Int64 = 0, expires: Int64? = nil)
        -> Call.Outcome
    {
        .listed(
            ListOffersResult(
                masterId: 7, total: Int64(offers.count), asOf: Timestamp(microseconds: asOf),
                offers: offers.map {
                    OfferEntry(
                        offerId: $0.id, orderId: $0.order, round: 1, state: "SENT", category: nil, city: "Testville",
                        district: nil, timezone: nil, timeslot: nil, sentAt: nil,
                        expiresAt: expires.map { Timestamp(microseconds: $0) })
                }))
    }

    static let free = OrderState(owner: nil, status: "SEARCHING", version: 1)
    static let sent = OfferState(state: "SENT")
    static let history = "MASTER accepted_by_master offer_accepted atomic_accept 7 71"

    /// Adds the changes of one transaction.
    static func commit(
        _ transaction: Int, by writer: Change.Writer, _ contents: [(Change.Content, Set<String>)],
        to evidence: inout Evidence
    ) {
        for (content, columns) in contents {
            evidence.changes.append(
                Change(
                    sequence: evidence.changes.count + 1, transaction: transaction, writer: writer, columns: columns,
                    content: content))
        }
    }

    static let orderColumns: Set = ["assigned_master_id", "status", "version", "updated_at"]
    static let offerColumns: Set = ["state", "responded_at"]

    /// The changes of a right accept of order 1 by master 7.
    static func claim(order: Int = 1, offer: Int = 71, rival: Int = 81) -> [(Change.Content, Set<String>)] {
        [
            (.offer(rival, order: order, master: 8, from: sent, to: OfferState(state: "CANCELED")), offerColumns),
            (.offer(offer, order: order, master: 7, from: sent, to: OfferState(state: "ACCEPTED")), offerColumns),
            (
                .order(order, from: free, to: OrderState(owner: 7, status: "ASSIGNED", version: 2)), orderColumns
            ),
            (
                .history(
                    order: order, from: "SEARCHING", to: "ASSIGNED", master: 7,
                    note: history.replacing("71", with: "\(offer)")), []
            ),
        ]
    }

    static func setUp(_ evidence: inout Evidence, orders: [Int] = [1]) {
        for order in orders {
            commit(
                0, by: .setup,
                [
                    (.order(order, from: nil, to: free), []),
                    (.offer(70 + order, order: order, master: 7, from: nil, to: sent), []),
                    (.offer(80 + order, order: order, master: 8, from: nil, to: sent), []),
                ], to: &evidence)
        }
    }

    /// Master 7 lists, accepts order 1, and lists again; master 8 is told the truth.
    static func rightHistory(_ change: (inout [(Change.Content, Set<String>)]) -> Void = { _ in }) -> Evidence {
        var evidence = Evidence()
        setUp(&evidence)
        var changes = claim()
        change(&changes)
        commit(1, by: .offersd, changes, to: &evidence)
        evidence.orders = [1: OrderState(owner: 7, status: "ASSIGNED", version: 2)]
        evidence.calls = [
            call(.list(master: 7), span(10, 20), list((71, 1))),
            call(.accept(master: 7, order: 1), span(30, 40), .accepted(offer: 71, version: 2, already: false)),
            call(.list(master: 7), span(50, 60), list()),
            call(.accept(master: 8, order: 1), span(35, 45), .refused(.orderTaken)),
            call(.accept(master: 7, order: 1), span(50, 60), .accepted(offer: 71, version: 2, already: true)),
        ]
        return evidence
    }

    func promises(_ evidence: Evidence) -> Set<Violation.Promise> {
        Set(Checker.violations(in: evidence).map(\.promise))
    }
}
