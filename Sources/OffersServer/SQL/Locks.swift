import Offers
import Postgres

/// The row locks that claims take before they decide: always the masters, then the orders, each in the order of their
/// ids, so that claims never deadlock with each other. The deciding statement comes after them and has a snapshot of its
/// own, taken when they are held (READ COMMITTED).
///
/// FOR NO KEY UPDATE is enough for what a claim changes, and lets the other programs insert rows that refer to the
/// order or the master meanwhile.
enum ClaimLocks {
    /// All locks, in one statement because another one would cost the server 2 % of a claim. The orders' sub-select
    /// refers to the count of the masters', which is known when all of those are locked.
    ///
    /// Both counts are left in a setting of the transaction, where the deciding statement finds them: row security can
    /// let a row be read and not be locked, and then the server passes over it without a word. See ``held``.
    ///
    /// What the locks leave of the transaction's time is the deciding statement's limit, because `statement_timeout`
    /// counts anew for every statement.
    static let statement = ByMaster("offersd_lock", parameters: [.int8Array, .int8Array, .int8]) { masterNumber in
        """
        SELECT set_config('statement_timeout', greatest(1,
            $3 - (extract(epoch FROM clock_timestamp() - transaction_timestamp()) * 1000)::bigint)::text, true),
            set_config('\(counts)', locked.masters || ' ' || o.orders, true)
        FROM (SELECT count(*) AS masters FROM (
            SELECT m.id FROM unnest($1) AS c(number) JOIN masters m ON \(masterNumber) = c.number
            ORDER BY m.id FOR NO KEY UPDATE OF m) AS m) AS locked,
        LATERAL (SELECT count(*) AS orders FROM (
            SELECT o.id FROM unnest($2) AS c(id) JOIN orders o ON o.id = c.id WHERE locked.masters > 0
            ORDER BY o.id FOR NO KEY UPDATE OF o) AS o) AS o
        """
    }

    /// Where the counts are. Any role may set it: the part before the dot belongs to no extension.
    static let counts = "offersd.locked"

    /// Whether as many masters and orders are locked as the deciding statement sees; the two expressions are the numbers
    /// that it sees. A row that came into being after the locks were taken is not locked, either. NULL without the lock
    /// statement.
    static func held(masters: String, orders: String) -> String {
        "\(masters) || ' ' || CASE WHEN \(masters) > 0 THEN \(orders) ELSE 0 END = current_setting('\(counts)', true)"
    }

    /// The locks of the claims in `parts`, whose masters are named as `master` is, for a transaction that may take
    /// `milliseconds`.
    static func step(_ master: MasterReference, _ parts: Parts, _ milliseconds: Int64) -> BoundStatement {
        BoundStatement(statement.form(for: master), [parts.column(0), parts.column(1), .int8(milliseconds)])
    }
}

extension OrderParams {
    /// The claim as its part of a transaction: the master's number, and the order's.
    var part: [Int64?] { [master.number, order] }
}
