import Offers

/// What `explainOffer` answers, in sentences for a reader: a value without I/O. Times count from the database's clock.
struct ExplainText {
    private let explanation: ExplainOfferResult
    private var lines: [String] = []

    /// The lines of an explanation, each with its end.
    static func of(_ explanation: ExplainOfferResult) -> String {
        var text = ExplainText(explanation: explanation)
        if let accept = explanation.accept {
            text.tell(accept)
            text.tellOffers()
            text.tellOrder()
            text.tellHistory()
        } else {
            text.tellMaster()
            text.tellNotListed()
        }
        return text.lines.map { HumanText.printable($0) + "\n" }.joined()
    }

    private init(explanation: ExplainOfferResult) {
        self.explanation = explanation
    }

    // MARK: One order

    private mutating func tell(_ accept: AcceptForecast) {
        switch (accept.possible, accept.reason) {
        case (true, nil): lines.append("\(master) could accept \(order) now.")
        case (true, let reason?):
            lines.append("\(master) has \(order) already: an accept would succeed and change nothing (\(reason)).")
        case (false, let reason):
            let detail = detail(of: reason).map { " (\($0))" } ?? ""
            lines.append("\(master) could not accept \(order) now: \(reason ?? "no reason was given")\(detail).")
        }
        lines.append(
            explanation.listed == true
                ? "The order is in the list." : "The order is not in the list, because \(whyNotListed).")
    }

    private func detail(of reason: String?) -> String? {
        switch reason.flatMap(Reason.init) {
        case .limitReached:
            explanation.master.map { "\($0.activeOrders) active of \($0.limit); \(Self.source($0))" }
        case .masterNotActive: explanation.master.map(Self.faults)
        case .orderTaken: holder.map { "\($0) has it" }
        case .orderNotAvailable: explanation.order.map { "the order is \($0.status)" }
        case .offerNotFound where explanation.order == nil: "there is no such order"
        case .offerNotFound: "it was never offered to this master"
        case .offerExpired: "the offer has expired"
        case .offerDeclined: "the master has declined it"
        case .offerCanceled: "the offer was withdrawn"
        case .masterNotFound: "there is no such master"
        case .masterBlocked: "the office has blocked the master"
        default: nil
        }
    }

    private var whyNotListed: String {
        guard explanation.master != nil else { return "there is no such master" }
        guard let order = explanation.order else { return "there is no such order" }
        if let holder { return "\(holder) has it" }
        guard let newest = explanation.offers.first else { return "it was never offered to this master" }
        let open = explanation.offers.filter { $0.state == "SENT" || $0.state == "VIEWED" }
        if open.isEmpty { return "its offer is \(newest.state)" }
        if open.allSatisfy(\.expired) { return "its offer has expired" }
        return "it is \(order.status)"
    }

    /// Who has the order; nil: it has no master.
    private var holder: String? {
        explanation.order?.assignedMasterId.map { $0 == explanation.master?.masterId ? "this master" : "master \($0)" }
    }

    private mutating func tellOffers() {
        let offers = explanation.offers
        guard !offers.isEmpty else { return }
        let often = offers.count == 1 ? "once" : offers.count == 2 ? "twice" : "\(offers.count) times"
        lines.append("It was offered to this master \(often):")
        for offer in offers {
            var facts = ["- offer \(offer.offerId) in round \(offer.round): \(offer.state)"]
            if let sentAt = offer.sentAt { facts.append("sent \(when(sentAt))") }
            if let respondedAt = offer.respondedAt { facts.append("closed \(when(respondedAt))") }
            if let expiresAt = offer.expiresAt {
                facts.append("\(expiresAt <= explanation.asOf ? "expired" : "expires") \(when(expiresAt))")
            } else {
                facts.append("never expires")
            }
            lines.append(facts.joined(separator: ", "))
        }
    }

    private mutating func tellOrder() {
        guard let order = explanation.order else { return }
        lines.append("The order is \(order.status), and \(holder.map { "\($0) has it" } ?? "no master has it").")
    }

    private mutating func tellHistory() {
        guard let history = explanation.history else {
            return lines.append("The service may not read the history of orders (see offersd check).")
        }
        guard !history.isEmpty else {
            if explanation.order != nil { lines.append("The order has no history.") }
            return
        }
        lines.append("Its last changes of status, newest first:")
        for change in history {
            let source = [change.actor.map { "by \($0)" }, change.reason.map { "(\($0))" }].compactMap(\.self)
            let step = change.from.map { "\($0) to \(change.to)" } ?? change.to
            lines.append(
                (["- \(change.at.map(when) ?? "at an unknown time"):", step] + source).joined(separator: " "))
        }
    }

    // MARK: The list

    private mutating func tellMaster() {
        guard let state = explanation.master else { return lines.append("There is no such master.") }
        if state.blocked {
            lines.append(
                "\(master) is blocked by the office: the list works, and accepts are refused (MASTER_BLOCKED).")
        }
        if !Self.faults(state).isEmpty {
            lines.append(
                "\(master) may not accept: \(Self.faults(state)). The list works, and accepts are refused (MASTER_NOT_ACTIVE)."
            )
        }
        let isFull = state.limit > 0 && state.activeOrders >= state.limit
        lines.append(
            "\(master) has \(state.activeOrders) active orders"
                + (state.limit > 0 ? " of \(state.limit)" : "") + "; \(Self.source(state))."
                + (isFull ? " The list works, and accepts are refused (LIMIT_REACHED)." : ""))
    }

    private mutating func tellNotListed() {
        guard explanation.master != nil, let notListed = explanation.notListed else { return }
        let total = notListed.values.reduce(0, +)
        guard total > 0 else { return lines.append("Every open offer of this master is in the list.") }
        lines.append("\(total) open \(total == 1 ? "offer is" : "offers are") not in the list:")
        for (reason, count) in notListed.sorted(by: { $0.key < $1.key }) {
            lines.append("- \(count) \(reason): \(Self.meaning(of: reason))")
        }
    }

    private static func meaning(of reason: String) -> String {
        switch reason {
        case "ALREADY_YOURS": "this master has the order"
        case "ORDER_TAKEN": "another master has the order"
        case "OFFER_EXPIRED": "the offer has expired"
        case "ORDER_NOT_AVAILABLE": "the order has no master, and its status does not allow an accept"
        case "DEFERRED": "the order can be accepted, and is in no list while it is deferred"
        case "DUPLICATE": "the order is listed with a newer offer"
        default: "see Protocol/README.md"
        }
    }

    // MARK: Words

    private var master: String { explanation.masterId.map { "Master \($0)" } ?? "This master" }
    private var order: String { explanation.orderId.map { "order \($0)" } ?? "this order" }

    private static func source(_ master: MasterState) -> String {
        let limit = master.limit > 0 ? "the limit is" : "there is no limit, which is"
        return switch master.limitFrom {
        case "override": "\(limit) the master's own"
        case "setting": "\(limit) the setting's"
        default: "\(limit) the service's, as there is no valid setting"
        }
    }

    /// Why the master may not accept, apart from a block; empty if nothing is in the way.
    private static func faults(_ master: MasterState) -> String {
        var faults: [String] = []
        if master.deleted { faults.append("deleted") }
        if !master.active { faults.append("inactive") }
        if master.moderationStatus == "REJECTED" {
            faults.append("rejected")
        } else if !master.verified, master.moderationStatus != "APPROVED" {
            faults.append("neither verified nor approved")
        }
        return faults.joined(separator: ", ")
    }

    private func when(_ moment: Timestamp) -> String { HumanTime.distance(of: moment, from: explanation.asOf) }
}
