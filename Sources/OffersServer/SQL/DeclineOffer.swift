import Offers
import Postgres

/// The statement that declines all open offers of a pair, or says why there is none; under the locks of `WriteLocks`.
/// It touches only SENT and VIEWED rows of the pair, and never the order.
enum DeclineOfferStatement {
    static let statement = ByMaster("offersd_decline", parameters: [.int8, .int8]) { masterNumber in
        """
        \(work(masterNumber))
        SELECT j.verdict, j.status, j.expires_at, j.master_id, j.order_id,
            coalesce((SELECT max(d.id) FROM declined d), j.offer_id), \(mustHold)
        FROM judged j
        """
    }

    /// The statement up to what it answers.
    static func work(_ masterNumber: String) -> String {
        """
        WITH master AS (SELECT m.id FROM masters m WHERE \(masterNumber) = $1),
        task AS (SELECT o.id, o.status, o.assigned_master_id FROM orders o WHERE o.id = $2),
        offer AS (
            SELECT f.id, f.state, f.expires_at FROM offers f JOIN master m ON \(Fragment.filter("m.id = f.master_id"))
            WHERE f.order_id = $2 ORDER BY f.state IN ('SENT', 'VIEWED') DESC, f.id DESC LIMIT 1),
        judged AS (
            SELECT m.id AS master_id, t.id AS order_id, t.status, f.id AS offer_id, f.expires_at,
                CASE WHEN m.id IS NULL THEN 'MASTER_NOT_FOUND'
                    WHEN t.assigned_master_id = m.id THEN 'ALREADY_YOURS'
                    WHEN f.id IS NULL THEN 'OFFER_NOT_FOUND'
                    WHEN f.state IN ('SENT', 'VIEWED') THEN 'GRANTED'
                    WHEN f.state = 'DECLINED' THEN 'ALREADY_DECLINED'
                    WHEN t.assigned_master_id IS NOT NULL THEN 'ORDER_TAKEN'
                    ELSE \(Fragment.reasonOfState) END AS verdict,
                \(areHeld) AS are_held
            FROM \(Fragment.oneRow) LEFT JOIN offer f ON true),
        declined AS (
            UPDATE offers f SET state = 'DECLINED', responded_at = statement_timestamp() FROM judged j
            WHERE j.verdict = 'GRANTED' AND j.are_held AND f.order_id = j.order_id
                AND \(Fragment.filter("f.master_id = j.master_id AND f.state IN ('SENT', 'VIEWED')"))
            RETURNING f.id)
        """
    }

    private static let areHeld = WriteLocks.held(
        masters: "(SELECT count(*) FROM master)", orders: "(SELECT count(*) FROM task)")

    /// As in `AcceptOfferStatement`: NULL if the locks are not held; or another program answered the offer in the same
    /// moment, and it is to be looked at again.
    private static let mustHold = """
        CASE WHEN j.are_held THEN
            1 / CASE WHEN j.verdict = 'GRANTED' AND NOT EXISTS (SELECT FROM declined) THEN 0 ELSE 1 END END
        """

    static func transaction(_ params: OrderParams) -> Transaction<WriteVerdict<DeclineOfferResult>> {
        Transaction(
            name: "declineOffer", keys: params.keys,
            steps: { limit in
                [
                    WriteLocks.step(params.master, BatchParameters([params.part]), limit),
                    statement(params.master, .int8(params.order)),
                ]
            },
            decode: decode)
    }

    private static func decode(
        _ rows: QueryResult
    ) throws(ResultMismatch) -> WriteVerdict<DeclineOfferResult> {
        guard !rows.isNull(row: 0, column: 6) else { return .notLocked }
        let verdict = try rows.requiredText(row: 0, column: 0)
        guard verdict == "GRANTED" || verdict == "ALREADY_DECLINED" else {
            return .refused(
                try Refusal.error(
                    verdict, status: rows.text(row: 0, column: 1), expiresAt: try rows.moment(row: 0, column: 2)))
        }
        return .done(
            DeclineOfferResult(
                masterId: try rows.requiredInteger(row: 0, column: 3),
                orderId: try rows.requiredInteger(row: 0, column: 4),
                offerId: try rows.requiredInteger(row: 0, column: 5),
                alreadyDeclined: verdict == "ALREADY_DECLINED"))
    }
}
