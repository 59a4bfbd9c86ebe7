import Deadlines
import Offers
import Postgres

/// What an accept writes, judged change by change in their order.
struct ClaimRules {
    private let evidence: Evidence
    private let attribution: Attribution
    private var violations: [Violation] = []

    /// The offers of each order as they are at this point of the changes, and since when they are there.
    private var offers: [Int: [Int: (state: OfferState, inserted: Span?)]] = [:]
    /// The orders that each master holds by accepts of offersd.
    private var held: [Int: Set<Int>] = [:]

    static func violations(_ evidence: Evidence, _ attribution: Attribution) -> [Violation] {
        var rules = ClaimRules(evidence: evidence, attribution: attribution)
        rules.run()
        return rules.violations
    }

    private init(evidence: Evidence, attribution: Attribution) {
        self.evidence = evidence
        self.attribution = attribution
    }

    private mutating func run() {
        // A claim is judged at its last change, when all of it is in the picture.
        var claims: [Int: Attribution.Claim] = [:]
        for claim in attribution.claims { claims[claim.changes.last?.sequence ?? 0] = claim }
        var orders: [Int: OrderState] = [:]
        for change in evidence.changes {
            switch change.content {
            case .order(let id, _, let to):
                orders[id] = to
                if change.writer != .offersd || to.owner == nil { release(id) }
            case .offer(let id, let order, _, let from, let to):
                let inserted = from == nil ? attribution.spans[change.transaction] : offers[order]?[id]?.inserted
                offers[order, default: [:]][id] = (to, inserted)
            case .history: break
            case .other(let what):
                if change.writer == .offersd { note(.explained, "offersd changed \(what)") }
            }
            if let claim = claims[change.sequence] { judge(claim) }
        }
        for (id, state) in evidence.orders where orders[id] != state {
            note(.sameAtTheEnd, "order \(id) is \(state) and was left as \(orders[id].map { "\($0)" } ?? "nothing")")
        }
    }

    private mutating func note(_ promise: Violation.Promise, _ what: String) {
        violations.append(Violation(promise: promise, what: what))
    }

    private mutating func release(_ order: Int) {
        for master in held.keys where held[master]?.contains(order) == true { held[master]?.remove(order) }
    }

    private mutating func judge(_ claim: Attribution.Claim) {
        let name = "order \(claim.order), master \(claim.master), version \(claim.after.version)"
        if !claim.before.isAcceptable { note(.oneWinner, "\(name): it was \(claim.before)") }
        if claim.after.status != "ASSIGNED" || claim.after.version != claim.before.version + 1 {
            note(.complete, "\(name): \(claim.before) became \(claim.after)")
        }
        judgeOrder(claim, name)
        let accepted = judgeOffers(claim, name)
        judgeHistory(claim, name, accepted)
        judgeRivals(claim, name)
        release(claim.order)
        held[claim.master, default: []].insert(claim.order)
        let limit = evidence.terms.limits[claim.master] ?? 0
        // Releases count from when they were begun, so this never blames a claim that saw one of them.
        if limit > 0, let count = held[claim.master]?.count, count > limit {
            note(.limitHolds, "\(name): \(count) orders by accepts, limit \(limit): \(held[claim.master] ?? [])")
        }
    }

    private mutating func judgeOrder(_ claim: Attribution.Claim, _ name: String) {
        for change in claim.changes {
            guard case .order(let id, _, _) = change.content else { continue }
            let expected: Set = ["assigned_master_id", "status", "version", "updated_at"]
            if id != claim.order || change.columns != expected {
                note(.complete, "\(name): columns \(change.columns.sorted()) of order \(id) were changed")
            }
        }
    }

    /// The offer that was accepted.
    private mutating func judgeOffers(_ claim: Attribution.Claim, _ name: String) -> Int? {
        var accepted: [Int] = []
        for change in claim.changes {
            guard case .offer(let id, let order, let master, let from, let to) = change.content else { continue }
            if order != claim.order || change.columns != ["state", "responded_at"] {
                note(.complete, "\(name): columns \(change.columns.sorted()) of offer \(id) were changed")
            }
            if to.state == "ACCEPTED" {
                accepted.append(id)
                if master != claim.master || from?.isOpen != true {
                    note(
                        .oneWinner, "\(name): offer \(id) of master \(master) was accepted, it was \(from?.state ?? "")"
                    )
                }
                if let expires = from?.expires, let began = attribution.spans[claim.transaction]?.began,
                    expires < evidence.terms.clock(at: began)
                {
                    note(.oneWinner, "\(name): offer \(id) had expired before the request was sent")
                }
            } else if to.state != "CANCELED" {
                note(.complete, "\(name): offer \(id) became \(to.state)")
            }
        }
        if accepted.count != 1 { note(.complete, "\(name): accepted offers \(accepted)") }
        return accepted.first
    }

    private mutating func judgeHistory(_ claim: Attribution.Claim, _ name: String, _ offer: Int?) {
        var count = 0
        for change in claim.changes {
            guard case .history(let order, let from, let to, let master, let note) = change.content else { continue }
            count += 1
            let expected = "MASTER accepted_by_master offer_accepted atomic_accept \(claim.master) \(offer ?? 0)"
            if order != claim.order || from != claim.before.status || to != "ASSIGNED" || master != claim.master
                || note != expected
            {
                self.note(
                    .complete,
                    "\(name): the history says \(order) \(from) \(to) \(master ?? 0) '\(note)', the order was "
                        + "\(claim.before)")
            }
        }
        if count != 1 { note(.complete, "\(name): \(count) history rows") }
    }

    private mutating func judgeRivals(_ claim: Attribution.Claim, _ name: String) {
        guard let began = attribution.spans[claim.transaction]?.began else { return }
        let changed = Set(claim.changes.map(\.offerID))
        for (id, offer) in offers[claim.order] ?? [:] where !changed.contains(id) {
            guard offer.state.isOpen || offer.state.state == "ACCEPTED" else { continue }
            // What was inserted meanwhile the claim cannot have seen.
            if let inserted = offer.inserted, inserted.ended < began {
                note(.complete, "\(name): offer \(id) was left as \(offer.state.state)")
            }
        }
    }
}

extension Change {
    fileprivate var offerID: Int? {
        if case .offer(let id, _, _, _, _) = content { id } else { nil }
    }
}

extension Terms {
    /// The database's clock at a moment of ours.
    func clock(at moment: MonotonicTime) -> Timestamp {
        Timestamp(
            microseconds: moment == Span.never
                ? .max : epoch.microseconds + Int64(clamping: moment.nanoseconds / 1000))
    }
}
