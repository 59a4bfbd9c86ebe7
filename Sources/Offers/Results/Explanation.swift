package import JSONRPC

/// What `acceptOffer` would answer now.
package struct AcceptForecast: Decodable, Equatable, JSONEncodable {
    /// Whether it would be a success.
    package let possible: Bool
    /// The refusal's reason; of a success ALREADY_YOURS, or nil if it would assign the order.
    package let reason: String?

    /// A forecast.
    package init(possible: Bool, reason: String?) {
        self.possible = possible
        self.reason = reason
    }

    /// The reasons that there can be.
    private static let reasons: [Reason] =
        [.alreadyYours] + Contract.acceptOffer.errors.filter { $0.origin == .domain }

    static let schema = JSONSchema.object([
        .init("possible", .boolean, "Whether acceptOffer would succeed."),
        .init(
            "reason", .nullable(.choice(reasons.map(\.rawValue))),
            "Why not; ALREADY_YOURS if it would succeed without changing anything, null if it would assign the order."),
    ])

    package func encode(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("possible", possible)
        writer.member("reason", reason)
        writer.endObject()
    }
}

/// How a master stands.
package struct MasterState: Decodable, Equatable, JSONEncodable {
    /// `masters.id`.
    package let masterId: Int64
    /// `masters.is_blocked`.
    package let blocked: Bool
    /// `masters.is_active`.
    package let active: Bool
    /// `masters.is_deleted`.
    package let deleted: Bool
    /// `masters.verified`.
    package let verified: Bool
    /// The label of `masters.moderation_status`.
    package let moderationStatus: String
    /// How many orders count against the limit.
    package let activeOrders: Int64
    /// How many there may be; 0: any number.
    package let limit: Int64
    /// Where the limit is from: `override`, `setting` or `default`.
    package let limitFrom: String

    /// A master as stored.
    package init(
        masterId: Int64, blocked: Bool, active: Bool, deleted: Bool, verified: Bool, moderationStatus: String,
        activeOrders: Int64, limit: Int64, limitFrom: String
    ) {
        self.masterId = masterId
        self.blocked = blocked
        self.active = active
        self.deleted = deleted
        self.verified = verified
        self.moderationStatus = moderationStatus
        self.activeOrders = activeOrders
        self.limit = limit
        self.limitFrom = limitFrom
    }

    static let schema = JSONSchema.object([
        .init("masterId", .integer(), "The master's id."),
        .init("blocked", .boolean, "Whether the office has blocked the master."),
        .init("active", .boolean, "Whether the master is active."),
        .init("deleted", .boolean, "Whether the master is deleted."),
        .init("verified", .boolean, "Whether the master is verified."),
        .init("moderationStatus", .string, "PENDING, APPROVED, REJECTED, or a later label."),
        .init("activeOrders", .integer(0...Int64.max), "How many orders count against the limit."),
        .init("limit", .integer(0...Int64.max), "The most active orders that are allowed; 0 = any number."),
        .init(
            "limitFrom", .choice(["override", "setting", "default"]),
            "Where the limit comes from: the master, the setting, or the service's default without a valid setting."),
    ])

    package func encode(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("masterId", masterId)
        writer.member("blocked", blocked)
        writer.member("active", active)
        writer.member("deleted", deleted)
        writer.member("verified", verified)
        writer.member("moderationStatus", moderationStatus)
        writer.member("activeOrders", activeOrders)
        writer.member("limit", limit)
        writer.member("limitFrom", limitFrom)
        writer.endObject()
    }
}

/// How an order stands.
package struct OrderState: Decodable, Equatable, JSONEncodable {
    /// The label of `orders.status`.
    package let status: String
    /// `orders.assigned_master_id`.
    package let assignedMasterId: Int64?
    /// `orders.version`.
    package let version: Int64
    /// Whether its status is DEFERRED: it can be accepted, and is in no list.
    package let deferred: Bool

    /// An order as stored.
    package init(status: String, assignedMasterId: Int64?, version: Int64, deferred: Bool) {
        self.status = status
        self.assignedMasterId = assignedMasterId
        self.version = version
        self.deferred = deferred
    }

    static let schema = JSONSchema.object([
        .init("status", .string, "The order's status."),
        .init("assignedMasterId", .nullable(.integer()), "The master who has the order; null if it has none."),
        .init("version", .integer(), "The order's version; every accept adds one."),
        .init("deferred", .boolean, "Whether its status is DEFERRED: it can be accepted, and is in no list."),
    ])

    package func encode(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("status", status)
        writer.member("assignedMasterId", assignedMasterId)
        writer.member("version", version)
        writer.member("deferred", deferred)
        writer.endObject()
    }
}

/// An offer of an order to a master, in whatever state.
package struct OfferRecord: Decodable, Equatable, JSONEncodable {
    /// `offers.id`.
    package let offerId: Int64
    /// `offers.round_number`.
    package let round: Int64
    /// The label of `offers.state`.
    package let state: String
    /// `offers.sent_at`.
    package let sentAt: Timestamp?
    /// `offers.expires_at`; nil = never.
    package let expiresAt: Timestamp?
    /// Whether it is expired, by the database's clock or by its state.
    package let expired: Bool
    /// `offers.responded_at`.
    package let respondedAt: Timestamp?

    /// An offer as stored.
    package init(
        offerId: Int64, round: Int64, state: String, sentAt: Timestamp?, expiresAt: Timestamp?, expired: Bool,
        respondedAt: Timestamp?
    ) {
        self.offerId = offerId
        self.round = round
        self.state = state
        self.sentAt = sentAt
        self.expiresAt = expiresAt
        self.expired = expired
        self.respondedAt = respondedAt
    }

    static let schema = JSONSchema.object([
        .init("offerId", .integer(), "The offer's id."),
        .init("round", .integer(), "The round of the distribution in which the offer was made."),
        .init("state", .string, "SENT, VIEWED, ACCEPTED, DECLINED, EXPIRED, CANCELED, or a later label."),
        .init("sentAt", .nullable(.timestamp), "When the offer was made."),
        .init("expiresAt", .nullable(.timestamp), "Until when it can be accepted; null = it does not expire."),
        .init("expired", .boolean, "Whether it is expired, by the database's clock or by its state."),
        .init("respondedAt", .nullable(.timestamp), "When it was answered or closed; null = not yet."),
    ])

    package func encode(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("offerId", offerId)
        writer.member("round", round)
        writer.member("state", state)
        writer.member("sentAt", sentAt)
        writer.member("expiresAt", expiresAt)
        writer.member("expired", expired)
        writer.member("respondedAt", respondedAt)
        writer.endObject()
    }
}

/// A change of an order's status.
package struct StatusChange: Decodable, Equatable, JSONEncodable {
    /// `order_status_history.created_at`.
    package let at: Timestamp?
    /// The label of `from_status`; nil for a new order.
    package let from: String?
    /// The label of `to_status`.
    package let to: String
    /// `reason`, if it is one that programs write; nil for any other.
    package let reason: String?
    /// The label of `actor_type`.
    package let actor: String?

    /// A change as stored.
    package init(at: Timestamp?, from: String?, to: String, reason: String?, actor: String?) {
        self.at = at
        self.from = from
        self.to = to
        self.reason = reason
        self.actor = actor
    }

    static let schema = JSONSchema.object([
        .init("at", .nullable(.timestamp), "When the change was begun."),
        .init("from", .nullable(.string), "The previous status; null for a new order."),
        .init("to", .string, "The status after."),
        .init(
            "reason", .nullable(.string),
            "A reason that programs write, such as accepted_by_master; null if a person typed it, or there is none."),
        .init("actor", .nullable(.string), "SYSTEM, ADMIN, MASTER, AUTO_DISTRIBUTION, or a later label."),
    ])

    package func encode(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("at", at)
        writer.member("from", from)
        writer.member("to", to)
        writer.member("reason", reason)
        writer.member("actor", actor)
        writer.endObject()
    }
}
