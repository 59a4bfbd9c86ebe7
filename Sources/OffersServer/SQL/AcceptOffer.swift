import Offers
import Postgres

/// The statement that decides about accepts, and writes those that are granted; under the locks of `WriteLocks`. It
/// takes any number of them and returns a row for each. They must be of different masters and different orders: that is
/// what keeps the limit, and one winner, among writes that are decided at the same time (`ExclusionKey.keys`).
///
/// What it decides is ``AcceptDecision``. `accepted` counts what `closed` has returned, so that a leftover ACCEPTED row
/// is closed before there is a new one, as a unique index demands.
///
/// It is most of what a write costs the server, and a quarter of that is to set up the plan anew each time: narrow rows
/// and sub-selects take 8 % less of the server's instructions than joins of whole rows did.
enum AcceptOfferStatement {
    static let statement = ByMaster("offersd_accept", parameters: [.int8Array, .int8Array]) { masterNumber in
        """
        \(work(masterNumber, history: "\(record) granted"))
        SELECT j.verdict, j.status, j.expires_at, j.blocked_reason, j.maximum::bigint, j.active,
            j.master_id, statement_timestamp(),
            CASE WHEN j.verdict = 'GRANTED' OR j.state = 'ACCEPTED' THEN j.offer_id END,
            CASE WHEN j.verdict = 'GRANTED' THEN statement_timestamp()
                WHEN j.state = 'ACCEPTED' THEN j.responded_at END,
            o.id, o.category, (SELECT c.name FROM cities c WHERE c.id = o.city_id),
            (SELECT d.name FROM districts d WHERE d.id = o.district_id),
            (SELECT c.timezone FROM cities c WHERE c.id = o.city_id), o.timeslot_start_utc, o.timeslot_end_utc,
            (SELECT s.name FROM streets s WHERE s.id = o.street_id), o.house, o.description,
            CASE WHEN j.verdict = 'GRANTED' THEN 'ASSIGNED' ELSE o.status END, o.apartment, o.address_comment,
            o.client_name, o.client_phone,
            coalesce((SELECT a.version FROM assigned a WHERE a.id = o.id), o.version)::bigint, \(mustHold)
        FROM judged j LEFT JOIN orders o ON o.id = j.order_id ORDER BY j.place
        """
    }

    /// The statement up to what it answers. `history` inserts the rows of the history.
    static func work(_ masterNumber: String, history: String) -> String {
        """
        WITH judged AS (
            SELECT c.place, m.id AS master_id, m.blocked_reason, o.id AS order_id, o.status, f.id AS offer_id, f.state,
                f.responded_at, f.expires_at, q.maximum, q.active,
                CASE WHEN c.place = ANY (l.places) THEN '\(leftOut)'
                    \(AcceptDecision.verdict) END AS verdict
            FROM (SELECT \(WriteLocks.leftOut) AS places OFFSET 0) AS l,
            unnest($1, $2) WITH ORDINALITY AS c(master_number, order_id, place)
            LEFT JOIN masters m ON \(masterNumber) = c.master_number LEFT JOIN orders o ON o.id = c.order_id
            LEFT JOIN LATERAL (\(AcceptDecision.offer)) f ON true LEFT JOIN LATERAL (\(AcceptDecision.quota)) q ON true),
        locks AS (
            SELECT CASE WHEN count(*) <> cardinality($1) THEN false
                WHEN \(WriteLocks.held(masters: decided("master_id"), orders: decided("order_id"))) THEN true END AS are_held
            FROM judged),
        granted AS (
            SELECT master_id, order_id, status, offer_id FROM judged
            WHERE verdict = 'GRANTED' AND (SELECT are_held FROM locks)),
        closed AS (
            UPDATE offers f SET state = 'CANCELED', responded_at = statement_timestamp() FROM granted g
            WHERE f.order_id = g.order_id AND f.id <> g.offer_id
                AND \(Fragment.filter("f.state IN ('SENT', 'VIEWED', 'ACCEPTED')"))
            RETURNING f.id),
        accepted AS (
            UPDATE offers f SET state = 'ACCEPTED', responded_at = statement_timestamp() FROM granted g
            WHERE f.id = g.offer_id AND \(Fragment.filter(Fragment.isLive)) AND (SELECT count(*) FROM closed) >= 0
            RETURNING f.id),
        assigned AS (
            UPDATE orders o SET assigned_master_id = g.master_id, status = 'ASSIGNED', version = o.version + 1,
                updated_at = statement_timestamp()
            FROM granted g WHERE o.id = g.order_id AND \(Fragment.filter("o.assigned_master_id IS NULL"))
            RETURNING o.id, o.version),
        recorded AS (
            \(history))
        """
    }

    /// The verdict about a write of several that has to wait for another program.
    private static let leftOut = "LEFT_OUT"

    private static func decided(_ column: String) -> String {
        "count(\(column)) FILTER (WHERE verdict <> '\(leftOut)')"
    }

    /// Writes the history of accepts. What they are is to follow: a relation with `order_id`, `status`, `master_id` and
    /// `offer_id`. The labels have no types here, and so take those of the columns, wherever these are.
    static let record = """
        INSERT INTO order_status_history
            (order_id, from_status, to_status, reason, changed_by_master_id, actor_type, context)
        SELECT order_id, status, 'ASSIGNED', 'accepted_by_master', master_id, 'MASTER',
            jsonb_build_object('master_id', master_id, 'action', 'offer_accepted', 'method', 'atomic_accept',
                'offer_id', offer_id)
        FROM
        """

    /// NULL if the locks are not held: then nothing is granted.
    ///
    /// The order is locked but the offer is not: another program may have changed it between the snapshot and the
    /// update, which then finds nothing. The division fails, everything is rolled back, and the write is run again.
    /// So it is if a write has two rows, as it would where two masters have one Telegram user: no row is another's
    /// answer.
    private static let mustHold = """
        1 / CASE (SELECT are_held FROM locks) WHEN false THEN 0
            WHEN true THEN CASE WHEN (SELECT count(*) FROM accepted) = (SELECT count(*) FROM granted)
                AND (SELECT count(*) FROM assigned) = (SELECT count(*) FROM granted) THEN 1 ELSE 0 END END
        """

    static func transaction(_ params: OrderParams) -> Transaction<WriteVerdict<Acceptance>> {
        let form = statement.form(for: params.master)
        return Transaction(
            name: "acceptOffer", batchKey: form.name, part: params.part, keys: params.keys,
            steps: { parts, limit in
                [
                    WriteLocks.step(params.master, parts, limit),
                    BoundStatement(form, parts.columns),
                ]
            },
            isLeftOut: { $0.text(row: $1, column: Column.verdict) == leftOut },
            decode: decode)
    }

    /// The columns of `statement`, in their order.
    private enum Column {
        static let verdict = 0
        static let status = 1
        static let expiresAt = 2
        static let blockedReason = 3
        static let limit = 4
        static let active = 5
        static let master = 6
        static let asOf = 7
        static let offer = 8
        static let acceptedAt = 9
        static let order = 10
        static let category = 11
        static let city = 12
        static let district = 13
        static let timezone = 14
        static let start = 15
        static let end = 16
        static let street = 17
        static let house = 18
        static let description = 19
        static let orderStatus = 20
        static let apartment = 21
        static let comment = 22
        static let clientName = 23
        static let clientPhone = 24
        static let version = 25
        static let holds = 26
    }

    private static func decode(
        _ rows: QueryResult, row: Int
    ) throws(ResultMismatch) -> WriteVerdict<Acceptance> {
        guard !rows.isNull(row: row, column: Column.holds) else { return .notLocked }
        let verdict = try rows.requiredText(row: row, column: Column.verdict)
        guard verdict == "GRANTED" || verdict == "ALREADY_YOURS" else {
            return .refused(
                try Refusal.error(
                    verdict, status: rows.text(row: row, column: Column.status),
                    expiresAt: try rows.moment(row: row, column: Column.expiresAt),
                    blockedReason: rows.text(row: row, column: Column.blockedReason),
                    limit: try rows.integer(row: row, column: Column.limit),
                    active: try rows.integer(row: row, column: Column.active)))
        }
        let result = AcceptOfferResult(
            masterId: try rows.requiredInteger(row: row, column: Column.master),
            orderId: try rows.requiredInteger(row: row, column: Column.order),
            offerId: try rows.integer(row: row, column: Column.offer),
            alreadyAccepted: verdict == "ALREADY_YOURS",
            acceptedAt: try rows.moment(row: row, column: Column.acceptedAt),
            order: try order(rows, row))
        return .done(
            Acceptance(
                result: result, statusBefore: try rows.requiredText(row: row, column: Column.status),
                asOf: try rows.requiredTimestamp(row: row, column: Column.asOf)))
    }

    private static func order(_ rows: QueryResult, _ row: Int) throws(ResultMismatch) -> AcceptedOrder {
        AcceptedOrder(
            orderId: try rows.requiredInteger(row: row, column: Column.order),
            category: rows.text(row: row, column: Column.category),
            city: try rows.requiredText(row: row, column: Column.city),
            district: rows.text(row: row, column: Column.district),
            timezone: rows.text(row: row, column: Column.timezone),
            timeslot: Timeslot(
                start: try rows.moment(row: row, column: Column.start),
                end: try rows.moment(row: row, column: Column.end)),
            street: rows.text(row: row, column: Column.street),
            house: rows.text(row: row, column: Column.house),
            description: rows.text(row: row, column: Column.description),
            status: try rows.requiredText(row: row, column: Column.orderStatus),
            apartment: rows.text(row: row, column: Column.apartment),
            addressComment: rows.text(row: row, column: Column.comment),
            clientName: rows.text(row: row, column: Column.clientName),
            clientPhone: rows.text(row: row, column: Column.clientPhone),
            version: try rows.requiredInteger(row: row, column: Column.version))
    }
}

/// An order that is this master's, now or since before.
struct Acceptance: Sendable {
    let result: AcceptOfferResult
    /// The order's status before.
    let statusBefore: String
    /// The database's clock, in microseconds since 2000-01-01 UTC.
    let asOf: Int64
}
