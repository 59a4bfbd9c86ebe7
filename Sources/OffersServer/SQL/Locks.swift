import Deadlines
import Offers
import Postgres

/// The row locks that writes take before they decide. A write by itself waits for its master and then for its order, so
/// that writes never deadlock with each other. Writes that share a transaction wait for nothing. The deciding statement
/// comes after the locks and has a snapshot of its own, taken when they are held (READ COMMITTED).
///
/// FOR NO KEY UPDATE is enough for what a write changes, and lets the other programs insert rows that refer to the
/// order or the master meanwhile.
enum WriteLocks {
    /// Both locks of a write by itself, in one statement because another one would cost the server 2 % of a write. The
    /// order's sub-select refers to the count of the masters, which is known when the master is locked.
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

    /// The same for writes that share a transaction, which wait for no other program: a write is left out if another
    /// program has its master, its order or an open offer of it, and so are those of the same caller behind it. The
    /// places of these are left in the setting, too. What does not exist is not locked, and left out as well.
    ///
    /// An open offer that is locked here cannot make the deciding statement wait.
    static let ofFree = ByMaster(
        "offersd_lock_free", parameters: [.int8Array, .int8Array, .int8, .int8Array]
    ) { masterNumber in
        """
        SELECT set_config('statement_timeout', greatest(1,
            $3 - (extract(epoch FROM clock_timestamp() - transaction_timestamp()) * 1000)::bigint)::text, true),
            set_config('\(counts)', CASE WHEN cardinality(m.numbers) = cardinality($1)
                    AND cardinality(o.ids) = cardinality($2) AND cardinality(f.ids) = seen.offers
                THEN cardinality($1) || ' ' || cardinality($1) || '|'
                ELSE (
                    SELECT count(*) FILTER (WHERE c.is_free) || ' ' || count(*) FILTER (WHERE c.is_free) || '|'
                        || coalesce(string_agg(c.place::text, ' ') FILTER (WHERE NOT c.is_free), '')
                    FROM (
                        SELECT c.place, bool_and(c.number IS NOT NULL AND c.number = ANY (m.numbers)
                                AND c.order_id IS NOT NULL AND c.order_id = ANY (o.ids)
                                AND NOT EXISTS (SELECT FROM offers p WHERE p.order_id = c.order_id
                                    AND \(open("p")) AND p.id <> ALL (f.ids)))
                            OVER (PARTITION BY c.caller ORDER BY c.place) AS is_free
                        FROM unnest($1, $2, $4) WITH ORDINALITY AS c(number, order_id, caller, place)) AS c)
                END, true)
        FROM (SELECT coalesce(array_agg(m.number), '{}') AS numbers FROM (
            SELECT c.number FROM unnest($1) AS c(number) JOIN masters m ON \(masterNumber) = c.number
            FOR NO KEY UPDATE OF m SKIP LOCKED) AS m) AS m,
        LATERAL (SELECT coalesce(array_agg(o.id), '{}') AS ids FROM (
            SELECT o.id FROM unnest($2) AS c(id) JOIN orders o ON o.id = c.id WHERE cardinality(m.numbers) > 0
            FOR NO KEY UPDATE OF o SKIP LOCKED) AS o) AS o,
        LATERAL (SELECT coalesce(array_agg(f.id), '{}') AS ids FROM (
            SELECT f.id FROM unnest(o.ids) AS c(id) JOIN offers f ON f.order_id = c.id AND \(open("f"))
            FOR NO KEY UPDATE OF f SKIP LOCKED) AS f) AS f,
        LATERAL (SELECT count(*) AS offers FROM unnest(o.ids) AS c(id) JOIN offers p ON p.order_id = c.id
            AND \(open("p"))) AS seen
        """
    }

    private static func open(_ offer: String) -> String {
        Fragment.filter("\(offer).state IN ('SENT', 'VIEWED', 'ACCEPTED')")
    }

    /// The places of the writes that are left out, as an array.
    static let leftOut = "string_to_array(split_part(current_setting('\(counts)', true), '|', 2), ' ')::bigint[]"

    /// Where the counts are. Any role may set it: the part before the dot belongs to no extension.
    static let counts = "offersd.locked"

    /// Whether as many masters and orders are locked as the deciding statement sees; the two expressions are the
    /// numbers that it sees. A row that came into being after the locks were taken is not locked, either. NULL without
    /// the lock statement.
    static func held(masters: String, orders: String) -> String {
        "\(masters) || ' ' || CASE WHEN \(masters) > 0 THEN \(orders) ELSE 0 END"
            + " = split_part(current_setting('\(counts)', true), '|', 1)"
    }

    /// The locks of the writes in `parts`, whose masters are named as `master` is, for a transaction that may take
    /// `limit`.
    static func step(_ master: MasterReference, _ parts: BatchParameters, _ limit: Duration) -> BoundStatement {
        let parameters = parts.columns + [.int8(limit.wholeMilliseconds)]
        return parts.areShared
            ? BoundStatement(ofFree.form(for: master), parameters + [parts.callerColumn])
            : BoundStatement(statement.form(for: master), parameters)
    }
}

extension OrderParams {
    /// The write as its part of a transaction: the master's number, and the order's.
    var part: [Int64?] { [master.number, order] }

    /// At most one write per order and per master is under way, so that those that wait for a lock do not use up the
    /// connections, and no two of them share a transaction. A master named by Telegram user is another key than by id:
    /// telling that they are one would take a query more. Such writes share no transaction either, by their batch key.
    var keys: [ExclusionKey] {
        var keys: [ExclusionKey] = []
        switch master {
        case .id(let number): if let number { keys.append(ExclusionKey(space: 0, value: number)) }
        case .telegramUser(let number): if let number { keys.append(ExclusionKey(space: 1, value: number)) }
        }
        if let order { keys.append(ExclusionKey(space: 2, value: order)) }
        return keys
    }
}
