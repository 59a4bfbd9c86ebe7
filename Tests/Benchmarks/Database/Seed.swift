/// The data of the benchmark: a company that has worked for some months. All of it is made up.
enum Seed {
    /// Fills an empty database of `Schema`: `masters` masters with about 8 live offers each, 20 orders and about 96
    /// offers for every master (10,000 masters: 200,000 orders, 960,000 offers). The same rows in every run, but for
    /// the clock. Of 20 open offers one has run out and one is of a deferred order; neither may be listed.
    static func sql(masters: Int) -> String {
        let orders = masters * 20
        return """
            SET synchronous_commit = off;
            SET maintenance_work_mem = '256MB';
            SET work_mem = '128MB';
            -- No triggers of foreign keys: the rows below are right by the way they are made.
            SET session_replication_role = replica;
            SELECT setseed(0.5);
            BEGIN;
            UPDATE settings SET value = '1000' WHERE key = 'max_active_orders';
            INSERT INTO cities (name, timezone)
            SELECT 'City ' || i, (ARRAY['Europe/Berlin', 'Europe/Lisbon', 'Asia/Tokyo'])[1 + i % 3]
            FROM generate_series(1, 20) i;
            INSERT INTO districts (city_id, name) SELECT 1 + i % 20, 'District ' || i FROM generate_series(1, 200) i;
            INSERT INTO streets (city_id, district_id, name)
            SELECT city_id, id, 'Street ' || id FROM districts;
            INSERT INTO masters (tg_user_id, full_name, city_id, is_deleted, verified, moderation_status)
            SELECT 7000000000 + i, 'Master ' || i, 1 + i % 20, false, true, 'APPROVED'
            FROM generate_series(1, \(masters)) i;

            -- By the last digit: 0 to 3 open, 4 deferred, 5 being worked on, 6 to 8 closed, 9 canceled.
            INSERT INTO orders (city_id, district_id, street_id, house, description, client_name, client_phone,
                category, status, type, total_sum, no_district, timeslot_start_utc, timeslot_end_utc,
                assigned_master_id, version)
            SELECT 1 + district % 20, nullif(district, 200), nullif(district, 200), i % 150, 'Case ' || i,
                'Client ' || i, '+70000000000', (enum_range(NULL::order_category))[1 + i % 6],
                (ARRAY['SEARCHING', 'SEARCHING', 'SEARCHING', 'SEARCHING', 'DEFERRED', 'WORKING', 'CLOSED', 'CLOSED',
                    'CLOSED', 'CANCELED']::order_status[])[1 + i % 10],
                'NORMAL', 0, district = 200, start, start + interval '2 hours',
                CASE WHEN i % 10 BETWEEN 5 AND 8 THEN 1 + i / 10 * 7 % \(masters) END, 1
            FROM (SELECT i, 1 + i * 7919::bigint % 200 AS district,
                    date_trunc('hour', now()) + i % 96 * interval '1 hour' AS start
                FROM generate_series(1, \(orders)) i) o;

            CREATE TEMP TABLE drops ON COMMIT DROP AS
            SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition
            FROM pg_index i WHERE i.indrelid = 'offers'::regclass AND NOT i.indisprimary;
            SELECT 'DROP INDEX ' || name FROM drops \\gexec
            -- In no order, as rows that came over months. The master's open offers (4 to 12) meet those of others at
            -- about half of the open orders, two at each; the master's history is ten times as long.
            INSERT INTO offers (order_id, master_id, round_number, state, sent_at, responded_at, expires_at, created_at)
            SELECT order_id, master_id, round, state::offer_state, sent_at, responded_at, expires_at, sent_at FROM (
                SELECT DISTINCT ON (order_id, m)
                    j / 4 * 10 + CASE WHEN x = 1 THEN 4 ELSE (ARRAY[10, 1, 2, 3])[1 + j % 4] END AS order_id,
                    m AS master_id, 1 + k % 3 AS round, CASE WHEN (m + k) % 4 = 0 THEN 'VIEWED' ELSE 'SENT' END AS state,
                    now() - random() * interval '2 hours' AS sent_at, NULL::timestamptz AS responded_at,
                    now() + CASE WHEN x = 0 THEN interval '-1 minute' ELSE interval '30 days' END AS expires_at
                FROM (SELECT m, k, (m * 37 + k * 9973::bigint) % \(masters * 4) AS j, (m * 3 + k * 7) % 20 AS x
                    FROM generate_series(1, \(masters)) m, generate_series(1, 4 + m % 9) k) live
                UNION ALL
                SELECT 1 + floor(random() * \(orders))::integer, m, 1 + k % 3,
                    (ARRAY['DECLINED', 'EXPIRED', 'EXPIRED', 'CANCELED'])[1 + (m + k) % 4],
                    past, past + interval '5 minutes', past + interval '10 minutes'
                FROM (SELECT m, k, now() - interval '3 hours' - random() * interval '60 days' AS past
                    FROM generate_series(1, \(masters)) m, generate_series(1, 80) k) history
                UNION ALL
                SELECT id, assigned_master_id, 1, 'ACCEPTED', created_at - interval '1 day',
                    created_at - interval '1 day', created_at FROM orders WHERE assigned_master_id IS NOT NULL
            ) o ORDER BY random();
            SELECT definition FROM drops \\gexec
            INSERT INTO order_status_history (order_id, from_status, to_status, reason, changed_by_master_id, actor_type)
            SELECT id, 'SEARCHING', 'ASSIGNED', 'accepted_by_master', assigned_master_id, 'MASTER'
            FROM orders WHERE assigned_master_id IS NOT NULL;

            -- What the accepts of a round take, in no order: each open order once, with one of its masters.
            CREATE TABLE bench_pairs AS
            SELECT row_number() OVER (ORDER BY random()) - 1 AS n, order_id, master_id FROM (
                SELECT DISTINCT ON (f.order_id) f.order_id, f.master_id FROM offers f JOIN orders o ON o.id = f.order_id
                WHERE f.state IN ('SENT', 'VIEWED') AND f.expires_at > now() AND o.status = 'SEARCHING'
                ORDER BY f.order_id, random()) p;
            ALTER TABLE bench_pairs ADD PRIMARY KEY (n);
            COMMIT;
            VACUUM ANALYZE;
            CHECKPOINT;
            """
    }

    /// The pairs, in the order in which they are taken, as many as no round takes.
    static let pairs = "SELECT master_id || ' ' || order_id FROM bench_pairs WHERE n < 100000 ORDER BY n;"

    /// How many pairs were accepted, completely: the order, its offer, and a row of history.
    static let accepted = """
        SELECT count(*) FROM bench_pairs p JOIN orders o ON o.id = p.order_id AND o.assigned_master_id = p.master_id
        JOIN offers f ON f.order_id = o.id AND f.master_id = p.master_id AND f.state = 'ACCEPTED'
        WHERE o.status = 'ASSIGNED' AND EXISTS (SELECT FROM order_status_history h WHERE h.order_id = o.id);
        """

    /// Takes every accept back, so that the next round finds what the last one found.
    static let takeBack = """
        BEGIN;
        UPDATE offers f SET state = 'SENT', responded_at = NULL FROM bench_pairs p
        WHERE f.order_id = p.order_id AND f.state IN ('ACCEPTED', 'CANCELED') AND f.expires_at > now() + interval '1 day';
        DELETE FROM order_status_history h USING bench_pairs p WHERE h.order_id = p.order_id;
        UPDATE orders o SET status = 'SEARCHING', assigned_master_id = NULL, version = 1
        FROM bench_pairs p WHERE o.id = p.order_id AND o.assigned_master_id IS NOT NULL;
        DELETE FROM distribution_metrics;
        COMMIT;
        VACUUM ANALYZE orders, offers, order_status_history, distribution_metrics;
        CHECKPOINT;
        """
}
