import Deadlines
import Offers
import Postgres

/// Whether what clients heard can be true, given when the rows were what.
struct ReplyRules {
    private struct Offer {
        let id: Int
        let order: Int
        let master: Int
        let timeline: Timeline<OfferState>
    }

    private let evidence: Evidence
    private var orders: [Int: Timeline<OrderState>] = [:]
    private var offers: [Int: Offer] = [:]
    private var offersOfMaster: [Int: [Offer]] = [:]
    /// The orders that were a master's at any time.
    private var ordersOfMaster: [Int: Set<Int>] = [:]
    private var violations: [Violation] = []

    static func violations(_ evidence: Evidence, _ attribution: Attribution) -> [Violation] {
        var rules = ReplyRules(evidence, attribution)
        for call in evidence.calls { rules.judge(call) }
        return rules.violations
    }

    private init(_ evidence: Evidence, _ attribution: Attribution) {
        self.evidence = evidence
        var orderSteps: [Int: [(state: OrderState, commit: Span)]] = [:]
        var offerSteps: [Int: [(state: OfferState, commit: Span)]] = [:]
        var pairs: [Int: (order: Int, master: Int)] = [:]
        let anytime = Span(began: MonotonicTime(nanoseconds: 0), ended: Span.never)
        for change in evidence.changes {
            let commit = attribution.spans[change.transaction] ?? anytime
            switch change.content {
            case .order(let id, _, let to):
                orderSteps[id, default: []].append((to, commit))
                if let owner = to.owner { ordersOfMaster[owner, default: []].insert(id) }
            case .offer(let id, let order, let master, _, let to):
                offerSteps[id, default: []].append((to, commit))
                pairs[id] = (order, master)
            case .history, .other: break
            }
        }
        orders = orderSteps.mapValues { Timeline($0) }
        for (id, pair) in pairs {
            offers[id] = Offer(
                id: id, order: pair.order, master: pair.master, timeline: Timeline(offerSteps[id] ?? []))
        }
        offersOfMaster = Dictionary(grouping: offers.values, by: \.master)
    }

    private mutating func note(_ promise: Violation.Promise, _ what: String, _ call: Call) {
        violations.append(Violation(promise: promise, what: "\(what): \(call)"))
    }

    private mutating func judge(_ call: Call) {
        switch (call.request, call.outcome) {
        case (.list(let master), .listed(let list)):
            judge(list, of: master, call)
        case (.accept(let master, let order), .accepted(_, _, already: true)):
            if !states(order, call).contains(where: { $0.owner == master }) {
                note(.truthful, "the order was not this master's", call)
            }
        case (.card(let master, let order), .shown(let offer)):
            judge(offer: offer, of: master, order, statuses: OrderState.acceptable, call)
        case (.decline(let master, let order), .declined(_, already: true)):
            if !offerStates(master, order, call).contains(where: { $0.state == "DECLINED" }) {
                note(.truthful, "no offer of the pair was declined", call)
            }
        case (.card(let master, let order), .refused(let reason)),
            (.accept(let master, let order), .refused(let reason)),
            (.decline(let master, let order), .refused(let reason)):
            if reason.origin == .domain, !isTrue(reason, master, order, call) {
                note(.truthful, "\(reason.rawValue) was never so", call)
            }
        case (.list, .refused(let reason)):
            if reason.origin == .domain { note(.truthful, "\(reason.rawValue) was never so", call) }
        default: break
        }
    }

    // MARK: Lists

    private mutating func judge(_ list: ListOffersResult, of master: Int, _ call: Call) {
        if Set(list.offers.map(\.orderId)).count != list.offers.count { note(.neverStale, "an order twice", call) }
        for entry in list.offers {
            judge(offer: Int(entry.offerId), of: master, Int(entry.orderId), statuses: OrderState.listed, call)
            if let expires = entry.expiresAt, expires <= list.asOf {
                note(.neverStale, "offer \(entry.offerId) had expired", call)
            }
        }
        guard list.total <= 100 else { return }
        let shown = Set(list.offers.map { Int($0.offerId) })
        for offer in offersOfMaster[master] ?? [] where !shown.contains(offer.id) {
            let states = offer.timeline.possible(during: call.span)
            guard !offer.timeline.mayBeMissing(during: call.span),
                states.allSatisfy({ $0.isOpen && $0.expires.map { $0 > list.asOf } ?? true }),
                let order = orders[offer.order], !order.mayBeMissing(during: call.span),
                order.possible(during: call.span).allSatisfy(\.isListed)
            else { continue }
            note(.nothingMissing, "offer \(offer.id) of order \(offer.order) is not there", call)
        }
    }

    private mutating func judge(
        offer id: Int, of master: Int, _ order: Int, statuses: Set<String>, _ call: Call
    ) {
        let isFree = states(order, call).contains { $0.owner == nil && statuses.contains($0.status) }
        if !isFree { note(.neverStale, "order \(order) was not free", call) }
        guard let offer = offers[id], offer.master == master, offer.order == order,
            offer.timeline.possible(during: call.span).contains(where: \.isOpen)
        else { return note(.neverStale, "offer \(id) of order \(order) was not open", call) }
    }

    // MARK: Refusals

    private func states(_ order: Int, _ call: Call) -> [OrderState] {
        orders[order]?.possible(during: call.span) ?? []
    }

    private func offers(_ master: Int, _ order: Int) -> [Offer] {
        (offersOfMaster[master] ?? []).filter { $0.order == order }
    }

    private func offerStates(_ master: Int, _ order: Int, _ call: Call) -> [OfferState] {
        offers(master, order).flatMap { $0.timeline.possible(during: call.span) }
    }

    /// Whether the reason was true at some moment of the call.
    private func isTrue(_ reason: Reason, _ master: Int, _ order: Int, _ call: Call) -> Bool {
        switch reason {
        case .orderTaken:
            return states(order, call).contains { $0.owner != nil && $0.owner != master }
        case .alreadyYours:
            return states(order, call).contains { $0.owner == master }
        case .orderNotAvailable:
            return states(order, call).contains { $0.owner == nil && !$0.isAcceptable }
        case .offerNotFound:
            return offers(master, order).allSatisfy { $0.timeline.mayBeMissing(during: call.span) }
        case .offerDeclined:
            return offerStates(master, order, call).contains { $0.state == "DECLINED" }
        case .offerCanceled:
            return offerStates(master, order, call).contains { $0.state == "CANCELED" || $0.state == "ACCEPTED" }
        case .offerExpired:
            let end = evidence.terms.clock(at: call.span.ended)
            return offerStates(master, order, call).contains {
                $0.state == "EXPIRED" || $0.isOpen && $0.expires.map { $0 <= end } ?? false
            }
        case .limitReached:
            let limit = evidence.terms.limits[master] ?? 0
            let active = (ordersOfMaster[master] ?? []).count { id in
                states(id, call).contains { $0.isActive(of: master) }
            }
            return limit > 0 && active >= limit
        default:
            // No master of a run is unknown, blocked or inactive.
            return false
        }
    }
}
