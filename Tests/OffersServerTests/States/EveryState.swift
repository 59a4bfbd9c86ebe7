/// A state in which a master and an order can be: every combination of what decides about a write.
struct EveryState: Sendable, CustomStringConvertible {
    enum Holder: CaseIterable { case nobody, master, rival }

    /// Whether the master may accept.
    struct Standing: Hashable, CustomStringConvertible {
        var isBlocked = false
        var isInactive = false
        var isFull = false

        var description: String {
            [(isBlocked, "blocked"), (isInactive, "inactive"), (isFull, "full")].filter(\.0).map(\.1)
                .joined(separator: "+")
        }

        static let all = [false, true].flatMap { blocked in
            [false, true].flatMap { inactive in
                [false, true].map { Standing(isBlocked: blocked, isInactive: inactive, isFull: $0) }
            }
        }
    }

    /// An offer row of the pair: its state in the database, and when it ends.
    enum Row: String {
        case sent = "SENT", viewed = "VIEWED", accepted = "ACCEPTED", declined = "DECLINED", expired = "EXPIRED"
        case canceled = "CANCELED", overdue = "SENT overdue", overdueViewed = "VIEWED overdue", endless = "SENT endless"

        var state: String { String(rawValue.prefix { $0 != " " }) }
        var isOpen: Bool { state == "SENT" || state == "VIEWED" }
        var isOver: Bool { self == .expired || self == .overdue || self == .overdueViewed }
        var isLive: Bool { self == .sent || self == .viewed || self == .endless }
    }

    static let statuses = [
        "CREATED", "SEARCHING", "ASSIGNED", "EN_ROUTE", "WORKING", "PAYMENT", "CLOSED", "DEFERRED", "GUARANTEE",
        "CANCELED",
    ]

    /// Offers of the pair, oldest first. Those with two open rows need a database without the unique indexes.
    static let histories: [[Row]] = [
        [], [.sent], [.viewed], [.endless], [.overdue], [.overdueViewed], [.expired], [.declined], [.canceled],
        [.accepted], [.declined, .sent], [.sent, .declined], [.expired, .overdue], [.overdue, .canceled],
        [.sent, .overdue], [.overdue, .viewed], [.sent, .viewed], [.accepted, .sent], [.canceled, .expired],
        [.accepted, .canceled],
    ]

    let standing: Standing
    let holder: Holder
    let status: String
    let history: [Row]

    static let all = Standing.all.flatMap { standing in
        Holder.allCases.flatMap { holder in
            statuses.flatMap { status in
                histories.map { EveryState(standing: standing, holder: holder, status: status, history: $0) }
            }
        }
    }

    var description: String { "[\(standing)] \(status) of \(holder), offers \(history.map(\.rawValue))" }

    // MARK: What the contract says

    /// The answer to acceptOffer; nil is a success that changes something, "" one that does not.
    var accept: String? {
        if holder == .master { return "" }
        if standing.isBlocked { return "MASTER_BLOCKED" }
        if standing.isInactive { return "MASTER_NOT_ACTIVE" }
        if let reason = unavailability { return reason }
        return standing.isFull ? "LIMIT_REACHED" : nil
    }

    /// The answer to getOffer; nil is a success.
    var card: String? { holder == .master ? "ALREADY_YOURS" : unavailability }

    /// The answer to declineOffer; nil is a success that changes something, "" one that does not.
    var decline: String? {
        if holder == .master { return "ALREADY_YOURS" }
        if history.contains(where: \.isOpen) { return nil }
        guard let last = history.last else { return "OFFER_NOT_FOUND" }
        if last == .declined { return "" }
        return holder == .rival ? "ORDER_TAKEN" : Self.reason(of: last)
    }

    var isListed: Bool {
        holder == .nobody && ["SEARCHING", "CREATED", "GUARANTEE"].contains(status) && history.contains(where: \.isLive)
    }

    /// The place in the history of the row that an accept takes and the card shows.
    var liveIndex: Int? { history.lastIndex(where: \.isLive) }

    /// Why each open row of the pair is not in the list, as explainOffer counts them; a row that is listed has no
    /// reason.
    var reasonsOfUnlisted: [String] {
        history.indices.filter { history[$0].isOpen }.compactMap { index in
            switch (holder, status) {
            case (.master, _): "ALREADY_YOURS"
            case (.rival, _): "ORDER_TAKEN"
            case _ where !history[index].isLive: "OFFER_EXPIRED"
            case (_, "SEARCHING"), (_, "CREATED"), (_, "GUARANTEE"): index == liveIndex ? nil : "DUPLICATE"
            case (_, "DEFERRED"): "DEFERRED"
            default: "ORDER_NOT_AVAILABLE"
            }
        }
    }

    private var unavailability: String? {
        guard let last = history.last else { return "OFFER_NOT_FOUND" }
        if holder == .rival { return "ORDER_TAKEN" }
        if liveIndex == nil { return Self.reason(of: last) }
        return ["SEARCHING", "CREATED", "GUARANTEE", "DEFERRED"].contains(status) ? nil : "ORDER_NOT_AVAILABLE"
    }

    private static func reason(of row: Row) -> String {
        switch row {
        case .declined: "OFFER_DECLINED"
        case .accepted, .canceled: "OFFER_CANCELED"
        default: "OFFER_EXPIRED"
        }
    }
}
