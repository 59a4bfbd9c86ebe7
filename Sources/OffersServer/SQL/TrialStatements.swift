import Postgres

/// The statements that only trials run.
enum TrialStatements {
    /// A row of the history, as an accept writes it, of the oldest order, whose lock other programs hardly need.
    static let history = Statement(
        "offersd_try_history",
        sql: AcceptOfferStatement.record + """
             (SELECT o.id AS order_id, o.status, (SELECT min(m.id) FROM masters m) AS master_id, 0 AS offer_id
                FROM orders o ORDER BY o.id LIMIT 1) o
            """)

    /// What is deferred to COMMIT is checked by each statement, as there is no COMMIT.
    static let constraints = Statement("offersd_try_constraints", sql: "SET CONSTRAINTS ALL IMMEDIATE")

    /// A master and an order among the newest offers, such that an accept is granted now.
    static let pair = Statement(
        "offersd_try_pair",
        sql: """
            SELECT m.id::bigint, o.id::bigint
            FROM (SELECT f.id, f.order_id, f.master_id, f.state, f.expires_at FROM offers f ORDER BY f.id DESC LIMIT 200) f
            JOIN orders o ON o.id = f.order_id JOIN masters m ON m.id = f.master_id
            WHERE \(Fragment.isLive) AND o.assigned_master_id IS NULL AND o.status IN \(Fragment.acceptableStatuses)
                AND NOT m.is_blocked AND m.is_active AND NOT m.is_deleted AND m.moderation_status = 'APPROVED'
            LIMIT 1
            """)

    /// Has a COMMIT wait as one that has written does. Nothing where the server takes no writes.
    static let commit = Statement(
        "offersd_try_commit",
        sql: """
            SELECT CASE WHEN NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off'
                THEN pg_logical_emit_message(true, 'offersd', '') END
            """)
}
