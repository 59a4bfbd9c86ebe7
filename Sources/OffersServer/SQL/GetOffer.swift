import Offers
import Postgres

/// One offer with what a master may see of a free order, or why it cannot be accepted.
/// Of several rows of the pair a live one decides before others, then the one with the highest id, as in an accept.
/// It writes nothing; the master's block, activity and limit do not matter.
enum GetOfferQuery {
    static let statement = ByMaster("offersd_get", parameters: [.int8, .int8]) { masterNumber in
        """
        WITH master AS (SELECT m.id FROM masters m WHERE \(masterNumber) = $1),
        task AS (
            SELECT o.id, o.status, o.assigned_master_id, o.category, o.house, o.description, o.timeslot_start_utc,
                o.timeslot_end_utc, c.name AS city, d.name AS district, c.timezone, s.name AS street
            FROM orders o JOIN cities c ON c.id = o.city_id LEFT JOIN districts d ON d.id = o.district_id
            LEFT JOIN streets s ON s.id = o.street_id WHERE o.id = $2),
        offer AS (
            SELECT f.id, f.state, f.round_number, f.sent_at, f.expires_at, \(Fragment.isLive) AS is_live
            FROM offers f JOIN master m ON \(Fragment.filter("m.id = f.master_id")) WHERE f.order_id = $2
            ORDER BY \(Fragment.isLive) DESC, f.id DESC LIMIT 1)
        SELECT
            CASE WHEN m.id IS NULL THEN 'MASTER_NOT_FOUND'
                WHEN t.assigned_master_id = m.id THEN 'ALREADY_YOURS'
                WHEN f.id IS NULL THEN 'OFFER_NOT_FOUND'
                WHEN t.assigned_master_id IS NOT NULL THEN 'ORDER_TAKEN'
                WHEN NOT f.is_live THEN \(Fragment.reasonOfState)
                WHEN t.status NOT IN \(Fragment.acceptableStatuses) THEN 'ORDER_NOT_AVAILABLE'
                ELSE 'ACCEPTABLE' END,
            t.status, f.expires_at, m.id, statement_timestamp(),
            f.id, t.id, f.round_number, f.state, t.category, t.city, t.district, t.timezone, t.timeslot_start_utc,
            t.timeslot_end_utc, f.sent_at, f.expires_at, t.street, t.house, t.description
        FROM \(Fragment.oneRow) LEFT JOIN offer f ON true
        """
    }

    static func bound(_ params: OrderParams) -> BoundStatement {
        statement(params.master, .int8(params.order))
    }

    static func decode(_ rows: QueryResult) throws(ResultMismatch) -> Result<GetOfferResult, OffersError> {
        let verdict = try rows.requiredText(row: 0, column: 0)
        guard verdict == "ACCEPTABLE" else {
            return .failure(
                try Refusal.error(
                    verdict, status: rows.text(row: 0, column: 1), expiresAt: try rows.moment(row: 0, column: 2)))
        }
        return .success(
            GetOfferResult(
                masterId: try rows.requiredInteger(row: 0, column: 3),
                asOf: Timestamp(microseconds: try rows.requiredTimestamp(row: 0, column: 4)),
                offer: OfferCard(
                    entry: try entry(rows),
                    street: rows.text(row: 0, column: 17), house: rows.text(row: 0, column: 18),
                    description: rows.text(row: 0, column: 19))))
    }

    /// The twelve columns from offer id to expiry.
    private static func entry(
        _ rows: QueryResult
    ) throws(ResultMismatch) -> OfferEntry {
        OfferEntry(
            offerId: try rows.requiredInteger(row: 0, column: 5),
            orderId: try rows.requiredInteger(row: 0, column: 6),
            round: try rows.requiredInteger(row: 0, column: 7),
            state: try rows.requiredText(row: 0, column: 8),
            category: rows.text(row: 0, column: 9),
            city: try rows.requiredText(row: 0, column: 10),
            district: rows.text(row: 0, column: 11),
            timezone: rows.text(row: 0, column: 12),
            timeslot: Timeslot(
                start: try rows.moment(row: 0, column: 13), end: try rows.moment(row: 0, column: 14)),
            sentAt: try rows.moment(row: 0, column: 15),
            expiresAt: try rows.moment(row: 0, column: 16))
    }
}

/// The refusals that statements name by the contract's reason.
enum Refusal {
    static func error(
        _ verdict: String, status: String?, expiresAt: Timestamp?, blockedReason: String? = nil, limit: Int64? = nil,
        active: Int64? = nil
    ) throws(ResultMismatch) -> OffersError {
        switch verdict {
        case "MASTER_NOT_FOUND": .masterNotFound
        case "MASTER_BLOCKED": .masterBlocked(reason: blockedReason)
        case "MASTER_NOT_ACTIVE": .masterNotActive
        case "LIMIT_REACHED": .limitReached(limit: limit ?? 0, active: active ?? 0)
        case "OFFER_NOT_FOUND": .offerNotFound
        case "OFFER_EXPIRED": .offerExpired(at: expiresAt)
        case "OFFER_DECLINED": .offerDeclined
        case "OFFER_CANCELED": .offerCanceled
        case "ORDER_TAKEN": .orderTaken
        case "ORDER_NOT_AVAILABLE": .orderNotAvailable(status: status ?? "")
        case "ALREADY_YOURS": .alreadyYours(status: status ?? "")
        default: throw ResultMismatch(column: 0, expected: "a verdict of this program")
        }
    }
}
