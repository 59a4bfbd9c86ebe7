import Offers
import Postgres

/// The statement that decides about an accept, and writes it if it is granted; under the locks of `ClaimLocks`.
///
/// Precedence of the verdicts: DESIGN.md section 3. What is written: behaviour-facts.md section 5 and DESIGN.md G7.
enum AcceptOfferStatement {
    static let statement = ByMaster("offersd_accept", parameters: [.int8, .int8]) { isMaster in
        """
        WITH master AS (
            SELECT m.id, m.is_blocked, m.blocked_reason, m.max_active_orders_override,
                m.is_active AND NOT m.is_deleted AND m.moderation_status <> 'REJECTED'
                    AND (m.verified OR m.moderation_status = 'APPROVED') AS is_active
            FROM masters m WHERE \(isMaster)),
        task AS (
            SELECT o.id, o.status, o.assigned_master_id, o.city_id, o.district_id, o.street_id, o.house, o.apartment,
                o.address_comment, o.client_name, o.client_phone, o.category, o.description, o.timeslot_start_utc,
                o.timeslot_end_utc, o.version
            FROM orders o WHERE o.id = $2),
        \(Fragment.decidingOffer),
        held AS (
            SELECT f.id, f.responded_at FROM offers f JOIN master m ON m.id = f.master_id
            WHERE f.order_id = $2 AND f.state = 'ACCEPTED' ORDER BY f.id DESC LIMIT 1),
        quota AS (
            SELECT CASE WHEN m.max_active_orders_override > 0 THEN m.max_active_orders_override
                    ELSE coalesce((\(defaultLimit)), 5) END AS maximum,
                (SELECT count(*) FROM orders a WHERE a.assigned_master_id = m.id
                    AND a.status IN ('ASSIGNED', 'EN_ROUTE', 'WORKING', 'PAYMENT')) AS active
            FROM master m),
        judged AS (
            SELECT m.id AS master_id, m.blocked_reason, t.id AS order_id, t.status, f.id AS offer_id, f.expires_at,
                q.maximum, q.active,
                CASE WHEN m.id IS NULL THEN 'MASTER_NOT_FOUND'
                    WHEN t.assigned_master_id = m.id THEN 'ALREADY_YOURS'
                    WHEN m.is_blocked THEN 'MASTER_BLOCKED'
                    WHEN NOT m.is_active THEN 'MASTER_NOT_ACTIVE'
                    WHEN f.id IS NULL THEN 'OFFER_NOT_FOUND'
                    WHEN t.assigned_master_id IS NOT NULL THEN 'ORDER_TAKEN'
                    WHEN NOT f.is_live THEN \(Fragment.reasonOfState)
                    WHEN t.status NOT IN \(Fragment.acceptableStatuses) THEN 'ORDER_NOT_AVAILABLE'
                    WHEN q.maximum > 0 AND q.active >= q.maximum THEN 'LIMIT_REACHED'
                    ELSE 'GRANTED' END AS verdict
            FROM \(Fragment.oneRow) LEFT JOIN offer f ON true LEFT JOIN quota q ON true),
        closed AS (
            UPDATE offers f SET state = 'CANCELED', responded_at = statement_timestamp() FROM judged j
            WHERE j.verdict = 'GRANTED' AND f.order_id = j.order_id AND f.id <> j.offer_id
                AND f.state IN ('SENT', 'VIEWED', 'ACCEPTED')
            RETURNING f.id),
        accepted AS (
            UPDATE offers f SET state = 'ACCEPTED', responded_at = statement_timestamp() FROM judged j
            WHERE j.verdict = 'GRANTED' AND f.id = j.offer_id AND \(Fragment.isLive)
                AND (SELECT count(*) FROM closed) >= 0
            RETURNING f.id, f.responded_at),
        assigned AS (
            UPDATE orders o SET assigned_master_id = j.master_id, status = 'ASSIGNED', version = o.version + 1,
                updated_at = statement_timestamp()
            FROM judged j WHERE j.verdict = 'GRANTED' AND o.id = j.order_id AND o.assigned_master_id IS NULL
            RETURNING o.status, o.version),
        recorded AS (
            INSERT INTO order_status_history
                (order_id, from_status, to_status, reason, changed_by_master_id, actor_type, context)
            SELECT j.order_id, j.status, 'ASSIGNED'::order_status, 'accepted_by_master', j.master_id,
                'MASTER'::actor_type, jsonb_build_object('master_id', j.master_id, 'action', 'offer_accepted',
                    'method', 'atomic_accept', 'offer_id', j.offer_id)
            FROM judged j WHERE j.verdict = 'GRANTED')
        SELECT j.verdict, j.status, j.expires_at, j.blocked_reason, j.maximum::bigint, j.active,
            j.master_id, statement_timestamp(), coalesce(a.id, h.id), coalesce(a.responded_at, h.responded_at),
            t.id, t.category, c.name, d.name, c.timezone, t.timeslot_start_utc, t.timeslot_end_utc, s.name, t.house,
            t.description, coalesce(w.status, t.status), t.apartment, t.address_comment, t.client_name, t.client_phone,
            coalesce(w.version, t.version)::bigint, \(mustHold)
        FROM judged j LEFT JOIN task t ON true LEFT JOIN held h ON true
        LEFT JOIN accepted a ON true LEFT JOIN assigned w ON true
        LEFT JOIN cities c ON c.id = t.city_id LEFT JOIN districts d ON d.id = t.district_id
        LEFT JOIN streets s ON s.id = t.street_id
        """
    }

    /// `settings.max_active_orders`: white space around it, a plus sign and leading zeros do no harm; NULL when it is
    /// anything but an integer of Postgres's range that is not negative (DESIGN.md G6). OFFSET keeps the planner from
    /// working it out for each place where it is used.
    private static let defaultLimit = #"""
        SELECT CASE WHEN v.number <= 2147483647 THEN v.number END
        FROM (SELECT substring(btrim(s.value, E' \t\n\r\f\x0b') FROM '^\+?0*([0-9]{1,10})$')::bigint AS number
            FROM settings s WHERE s.key = 'max_active_orders' OFFSET 0) v
        """#

    /// The order is locked but the offer is not: another program may have changed it between the snapshot and the
    /// update, which then finds nothing. The division fails, everything is rolled back, and the claim is run again.
    private static let mustHold = """
        1 / CASE WHEN j.verdict = 'GRANTED' AND (a.id IS NULL OR w.version IS NULL) THEN 0 ELSE 1 END
        """

    static func transaction(_ params: OrderParams) -> Transaction<ClaimVerdict<AcceptOfferResult>> {
        Transaction(
            name: "acceptOffer",
            steps: { milliseconds in
                ClaimLocks.steps(params, milliseconds: milliseconds) + [statement(params.master, .int8(params.order))]
            },
            decode: decode)
    }

    private static func decode(
        _ rows: QueryResult
    ) throws(ResultMismatch) -> ClaimVerdict<AcceptOfferResult> {
        let verdict = try rows.requiredText(row: 0, column: 0)
        let asOf = try rows.requiredTimestamp(row: 0, column: 7)
        guard verdict == "GRANTED" || verdict == "ALREADY_YOURS" else {
            return .refused(
                try Refusal.error(
                    verdict, status: rows.text(row: 0, column: 1), expiresAt: try rows.moment(row: 0, column: 2),
                    blockedReason: rows.text(row: 0, column: 3), limit: try rows.integer(row: 0, column: 4),
                    active: try rows.integer(row: 0, column: 5)))
        }
        let result = AcceptOfferResult(
            masterId: try rows.requiredInteger(row: 0, column: 6),
            orderId: try rows.requiredInteger(row: 0, column: 10),
            offerId: try rows.integer(row: 0, column: 8),
            alreadyAccepted: verdict == "ALREADY_YOURS",
            acceptedAt: try rows.moment(row: 0, column: 9),
            order: try order(rows))
        return .done(result, statusBefore: try rows.requiredText(row: 0, column: 1), asOf: asOf)
    }

    private static func order(_ rows: QueryResult) throws(ResultMismatch) -> AcceptedOrder {
        AcceptedOrder(
            orderId: try rows.requiredInteger(row: 0, column: 10),
            category: rows.text(row: 0, column: 11),
            city: try rows.requiredText(row: 0, column: 12),
            district: rows.text(row: 0, column: 13),
            timezone: rows.text(row: 0, column: 14),
            timeslot: Timeslot(
                start: try rows.moment(row: 0, column: 15), end: try rows.moment(row: 0, column: 16)),
            street: rows.text(row: 0, column: 17),
            house: rows.text(row: 0, column: 18),
            description: rows.text(row: 0, column: 19),
            status: try rows.requiredText(row: 0, column: 20),
            apartment: rows.text(row: 0, column: 21),
            addressComment: rows.text(row: 0, column: 22),
            clientName: rows.text(row: 0, column: 23),
            clientPhone: rows.text(row: 0, column: 24),
            version: try rows.requiredInteger(row: 0, column: 25))
    }
}

/// What the database said to a claim.
enum ClaimVerdict<Success: Sendable>: Sendable {
    /// Granted now, or had been before. `statusBefore` is the order's status before; `asOf` is the database's clock,
    /// in microseconds since 2000-01-01 UTC.
    case done(Success, statusBefore: String, asOf: Int64)
    case refused(OffersError)

    var isSuccess: Bool {
        switch self {
        case .done: true
        case .refused: false
        }
    }
}
