import Offers
import Postgres

/// Why the list of a master is as it is: how the master stands, and how many open offers are not listed for which
/// reason; in one statement. An open offer is either listed or counted here, and never both.
///
/// There is a row for each reason, and one without a reason if everything is listed.
enum ExplainListQuery {
    static let statement = ByMaster("offersd_explain_list", parameters: [.int8]) { masterNumber in
        """
        SELECT statement_timestamp(), \(MasterStateColumns.sql), r.reason, r.number
        FROM (SELECT) AS one LEFT JOIN masters m ON \(masterNumber) = $1
        LEFT JOIN LATERAL (\(AcceptDecision.quota)) q ON true
        LEFT JOIN LATERAL (
            SELECT u.reason, count(*) AS number FROM (
                SELECT CASE WHEN \(Fragment.isLive) AND \(Fragment.isListed)
                            THEN CASE WHEN f.id < max(f.id) FILTER (WHERE \(Fragment.isLive)) OVER (PARTITION BY f.order_id)
                                THEN 'DUPLICATE' END
                        WHEN o.assigned_master_id = m.id THEN 'ALREADY_YOURS'
                        WHEN o.assigned_master_id IS NOT NULL THEN 'ORDER_TAKEN'
                        WHEN NOT \(Fragment.isLive) THEN 'OFFER_EXPIRED'
                        WHEN o.status NOT IN \(Fragment.acceptableStatuses) THEN 'ORDER_NOT_AVAILABLE'
                        ELSE o.status::text END AS reason
                FROM offers f JOIN orders o ON o.id = f.order_id
                WHERE f.master_id = m.id AND f.state IN ('SENT', 'VIEWED')) u
            WHERE u.reason IS NOT NULL GROUP BY u.reason) r ON true
        """
    }

    static func decode(
        _ rows: QueryResult, _ params: ExplainOfferParams
    ) throws(ResultMismatch) -> ExplainOfferResult {
        let reason = MasterStateColumns.count + 1
        var notListed: [String: Int64] = [:]
        for row in 0..<rows.rowCount where !rows.isNull(row: row, column: reason) {
            notListed[try rows.requiredText(row: row, column: reason)] =
                try rows.requiredInteger(row: row, column: reason + 1)
        }
        let master = try MasterStateColumns.decode(rows, from: 1)
        return ExplainOfferResult(
            masterId: master?.masterId ?? params.master.asked, orderId: nil,
            asOf: Timestamp(microseconds: try rows.requiredTimestamp(row: 0, column: 0)),
            accept: nil, listed: nil, master: master, order: nil, offers: [], history: nil, notListed: notListed)
    }
}

extension MasterReference {
    /// The id by which the master was asked for.
    var asked: Int64? { if case .id(let number) = self { number } else { nil } }
}

/// How the master `m` stands, with the `q` of ``AcceptDecision/quota``: the columns that explanations share.
enum MasterStateColumns {
    static let sql = """
        m.id, m.is_blocked, m.is_active, m.is_deleted, m.verified, m.moderation_status, q.active, q.maximum::bigint,
            \(AcceptDecision.limitSource)
        """

    /// How many they are.
    static let count = 9

    /// Nil if there is no such master.
    static func decode(_ rows: QueryResult, from first: Int) throws(ResultMismatch) -> MasterState? {
        guard let masterId = try rows.integer(row: 0, column: first) else { return nil }
        return MasterState(
            masterId: masterId,
            blocked: try rows.bool(row: 0, column: first + 1) == true,
            active: try rows.bool(row: 0, column: first + 2) == true,
            deleted: try rows.bool(row: 0, column: first + 3) == true,
            verified: try rows.bool(row: 0, column: first + 4) == true,
            moderationStatus: try rows.requiredText(row: 0, column: first + 5),
            activeOrders: try rows.requiredInteger(row: 0, column: first + 6),
            limit: try rows.requiredInteger(row: 0, column: first + 7),
            limitFrom: try rows.requiredText(row: 0, column: first + 8))
    }
}
