/// What pgbench does in the place of the service: the same work, asked for by a client that speaks to Postgres itself.
enum PgBenchScript: String, Sendable {
    case list
    case accept

    /// In the language of pgbench(1). A list needs the variable `masters`; an accept needs `clients`, and `i` = 0.
    var text: String {
        switch self {
        case .list:
            // The plain query, which knows neither the master nor several open rows of one order.
            #"""
            \set master random(1, :masters)
            SELECT f.id, f.order_id, f.round_number, f.state, f.sent_at, f.expires_at, o.category, o.timeslot_start_utc, o.timeslot_end_utc, c.name, c.timezone, d.name, count(*) OVER () AS total FROM offers f JOIN orders o ON o.id = f.order_id JOIN cities c ON c.id = o.city_id LEFT JOIN districts d ON d.id = o.district_id WHERE f.master_id = :master AND f.state IN ('SENT', 'VIEWED') AND f.expires_at > now() AND o.status IN ('SEARCHING', 'CREATED', 'GUARANTEE') AND o.assigned_master_id IS NULL ORDER BY f.sent_at DESC, f.order_id DESC LIMIT 5;

            """#
        case .accept:
            // A careful server's transaction, one round trip per statement: locks in the order master, order; look;
            // write; commit.
            #"""
            \set n :i * :clients + :client_id
            \set i :i + 1
            \set found 0
            \set free 0
            \set may 0
            BEGIN;
            SELECT 1 AS found, p.master_id AS master, p.order_id AS task, coalesce(m.max_active_orders_override, (SELECT value::int FROM settings WHERE key = 'max_active_orders')) AS maximum FROM bench_pairs p JOIN masters m ON m.id = p.master_id WHERE p.n = :n AND m.is_active AND NOT m.is_blocked AND NOT m.is_deleted FOR NO KEY UPDATE OF m \gset
            \if :found
            SELECT (assigned_master_id IS NULL AND status IN ('SEARCHING', 'CREATED', 'GUARANTEE'))::int AS free, status FROM orders WHERE id = :task FOR NO KEY UPDATE \gset
            \endif
            \if :free
            SELECT (EXISTS (SELECT FROM offers WHERE order_id = :task AND master_id = :master AND state IN ('SENT', 'VIEWED') AND expires_at > now()) AND (SELECT count(*) FROM orders WHERE assigned_master_id = :master AND status IN ('ASSIGNED', 'EN_ROUTE', 'WORKING', 'PAYMENT')) < :maximum)::int AS may \gset
            \endif
            \if :may
            UPDATE orders SET assigned_master_id = :master, status = 'ASSIGNED', version = version + 1, updated_at = now() WHERE id = :task;
            UPDATE offers SET state = CASE WHEN master_id = :master THEN 'ACCEPTED' ELSE 'CANCELED' END::offer_state, responded_at = now() WHERE order_id = :task AND state IN ('SENT', 'VIEWED');
            INSERT INTO order_status_history (order_id, from_status, to_status, reason, changed_by_master_id, actor_type, context) VALUES (:task, :status, 'ASSIGNED', 'accepted_by_master', :master, 'MASTER', '{"action": "offer_accepted"}');
            \endif
            COMMIT;

            """#
        }
    }
}
