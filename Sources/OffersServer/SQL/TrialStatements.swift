import Postgres

/// The statements that only trials run. None is prepared: what a connection has prepared hides what the database says
/// now.
enum TrialStatements {
    /// What is deferred to COMMIT is checked by each statement, as there is no COMMIT.
    static let constraints = Statement("offersd_try_constraints", sql: "SET CONSTRAINTS ALL IMMEDIATE")

    /// A trial waits for others no longer than this. It is the last resort, for the server logs the error: tables that
    /// are locked are left alone, and so are rows.
    static let lockTimeout = Statement(
        "offersd_try_lock_timeout", sql: "SELECT set_config('lock_timeout', '500ms', true)")

    /// Some masters and orders among the newest offers, such that an accept is granted now; the oldest of them first,
    /// which masters answer least.
    static let pairs = Statement(
        "offersd_try_pairs",
        sql: """
            SELECT m.id::bigint, o.id::bigint
            FROM (SELECT f.id, f.order_id, f.master_id, f.state, f.expires_at FROM offers f ORDER BY f.id DESC LIMIT 1000) f
            JOIN orders o ON o.id = f.order_id JOIN masters m ON m.id = f.master_id
            CROSS JOIN LATERAL (\(AcceptDecision.quota)) q
            WHERE \(Fragment.isLive) AND o.assigned_master_id IS NULL AND o.status IN \(Fragment.acceptableStatuses)
                AND NOT m.is_blocked AND \(AcceptDecision.isActive)
                AND NOT (q.maximum > 0 AND q.active >= q.maximum)
            ORDER BY f.id LIMIT 30
            """)

    /// The newest offer, for a card.
    static let newest = Statement(
        "offersd_try_newest",
        sql: "SELECT f.master_id::bigint, f.order_id::bigint FROM offers f ORDER BY f.id DESC LIMIT 1")

    /// A row of the history as an accept writes it, for the oldest offer whose rows no other program has locked. Its
    /// status is one in which an order can be accepted, for a constraint may ask for that.
    static let history = Statement(
        "offersd_try_history",
        sql: """
            WITH inserted AS (
                \(AcceptOfferStatement.record)
                    (SELECT o.id AS order_id, m.id AS master_id, f.id AS offer_id,
                        CASE WHEN o.status IN \(Fragment.acceptableStatuses) THEN o.status ELSE 'SEARCHING' END AS status
                    FROM offers f JOIN orders o ON o.id = f.order_id JOIN masters m ON m.id = f.master_id
                    ORDER BY f.id LIMIT 1 FOR KEY SHARE OF o, m SKIP LOCKED) AS oldest
                RETURNING 1)
            SELECT count(*) > 0 FROM inserted
            """)

    /// The locks of a write, and of the offers that it closes, but only of what no other program has locked: a trial
    /// neither waits nor fails for that, it then decides nothing. The locks are those of ``WriteLocks``, in the same
    /// order.
    static let locks = Statement(
        "offersd_try_lock", parameters: [.int8, .int8],
        sql: """
            SELECT set_config('\(WriteLocks.counts)',
                CASE WHEN f.locked = f.seen THEN m.masters || ' ' || o.orders ELSE '' END, true)
            FROM (SELECT count(*) AS masters FROM (
                SELECT m.id FROM masters m WHERE m.id = $1 FOR NO KEY UPDATE OF m SKIP LOCKED) AS m) AS m,
            LATERAL (SELECT count(*) AS orders FROM (
                SELECT o.id FROM orders o WHERE o.id = $2 AND m.masters > 0
                FOR NO KEY UPDATE OF o SKIP LOCKED) AS o) AS o,
            LATERAL (SELECT
                (SELECT count(*) FROM (SELECT f.id FROM offers f WHERE o.orders > 0 AND \(open)
                    FOR NO KEY UPDATE OF f SKIP LOCKED) AS f) AS locked,
                (SELECT count(*) FROM offers f WHERE o.orders > 0 AND \(open)) AS seen) AS f
            """)

    private static let open = "f.order_id = $2 AND \(Fragment.filter("f.state IN ('SENT', 'VIEWED', 'ACCEPTED')"))"

    /// An accept, which answers what it decided, whether the locks were held, and for each table whether all rows were
    /// written that were sent: a trigger can pass over one without a word.
    static let accept = Statement(
        "offersd_try_accept", parameters: [.int8Array, .int8Array],
        sql: """
            \(AcceptOfferStatement.work("m.id", history: "\(AcceptOfferStatement.record) granted RETURNING 1 AS one"))
            SELECT j.verdict, coalesce((SELECT are_held FROM locks), false),
                (SELECT count(*) FROM closed) = (SELECT count(*) FROM offers f JOIN granted g ON f.order_id = g.order_id
                        AND f.id <> g.offer_id AND \(Fragment.filter("f.state IN ('SENT', 'VIEWED', 'ACCEPTED')")))
                    AND (SELECT count(*) FROM accepted) = (SELECT count(*) FROM granted),
                (SELECT count(*) FROM assigned) = (SELECT count(*) FROM granted),
                (SELECT count(*) FROM recorded) = (SELECT count(*) FROM granted)
            FROM judged j
            """)

    /// The same for a decline, which writes offers only.
    static let decline = Statement(
        "offersd_try_decline", parameters: [.int8, .int8],
        sql: """
            \(DeclineOfferStatement.work("m.id"))
            SELECT j.verdict, coalesce(j.are_held, false),
                NOT coalesce(j.are_held, false) OR j.verdict <> 'GRANTED' OR (SELECT count(*) FROM declined) = (
                    SELECT count(*) FROM offers f WHERE f.order_id = j.order_id
                        AND \(Fragment.filter("f.master_id = j.master_id AND f.state IN ('SENT', 'VIEWED')"))),
                true, true
            FROM judged j
            """)

    /// Has a COMMIT wait as one that has written does. Nothing where the server takes no writes.
    static let commit = Statement(
        "offersd_try_commit",
        sql: """
            SELECT CASE WHEN NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off'
                THEN pg_logical_emit_message(true, 'offersd', '') END
            """)
}
