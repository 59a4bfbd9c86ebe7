import Offers
import Postgres

/// The row locks that a claim takes before it decides: always the master, then the order, so that claims never
/// deadlock with each other. The deciding statement comes after them and has a snapshot of its own, taken when they
/// are held (READ COMMITTED).
///
/// FOR NO KEY UPDATE is enough for what a claim changes, and lets the other programs insert rows that refer to the
/// order or the master meanwhile.
enum ClaimLocks {
    /// Both locks, in one statement because another one would cost the server 2 % of a claim. The order's sub-select
    /// refers to the master's, which makes it the one that is run for each row of the other, after it is locked.
    ///
    /// What the locks leave of the transaction's time is the deciding statement's limit, because `statement_timeout`
    /// counts anew for every statement.
    private static let locks = ByMaster("offersd_lock", parameters: [.int8, .int8, .int8]) { isMaster in
        """
        SELECT set_config('statement_timeout', greatest(1,
            $3 - (extract(epoch FROM clock_timestamp() - transaction_timestamp()) * 1000)::bigint)::text, true)
        FROM (SELECT m.id FROM masters m WHERE \(isMaster) FOR NO KEY UPDATE) AS locked
        LEFT JOIN LATERAL
            (SELECT o.id FROM orders o WHERE o.id = $2 AND locked.id IS NOT NULL FOR NO KEY UPDATE) AS o ON true
        """
    }

    /// The locks, for a transaction that may take `milliseconds`.
    static func step(_ params: OrderParams, milliseconds: Int64) -> BoundStatement {
        locks(params.master, .int8(params.order), .int8(milliseconds))
    }
}
