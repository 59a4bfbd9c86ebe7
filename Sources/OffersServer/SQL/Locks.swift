import Offers
import Postgres

/// The row locks that a claim takes before it decides: always the master, then the order, so that claims never
/// deadlock with each other. The deciding statement comes after them and has a snapshot of its own, taken when they
/// are held (READ COMMITTED).
///
/// FOR NO KEY UPDATE is enough for what a claim changes, and lets the other programs insert rows that refer to the
/// order or the master meanwhile.
enum ClaimLocks {
    /// Each lock leaves to the next statement only what is left of the transaction's time, because
    /// `statement_timeout` counts anew for every statement. The sub-select keeps `set_config` behind the lock.
    private static let timeLeft = """
        set_config('statement_timeout', greatest(1,
            $2 - (extract(epoch FROM clock_timestamp() - transaction_timestamp()) * 1000)::bigint)::text, true)
        """

    private static let master = ByMaster("offersd_lock_master", parameters: [.int8, .int8]) { isMaster in
        "SELECT \(timeLeft) FROM (SELECT m.id FROM masters m WHERE \(isMaster) FOR NO KEY UPDATE) AS locked"
    }

    private static let order = Statement(
        "offersd_lock_order", parameters: [.int8, .int8],
        sql: "SELECT \(timeLeft) FROM (SELECT o.id FROM orders o WHERE o.id = $1 FOR NO KEY UPDATE) AS locked")

    /// The two locks, for a transaction that may take `milliseconds`.
    static func steps(_ params: OrderParams, milliseconds: Int64) -> [BoundStatement] {
        [
            master(params.master, .int8(milliseconds)),
            BoundStatement(order, [.int8(params.order), .int8(milliseconds)]),
        ]
    }
}
