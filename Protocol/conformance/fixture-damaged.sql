-- Beside fixture.sql, for the cases of damaged.jsonl: a database that lost both unique indexes on open offers, so that
-- one master has several open rows of one order. Give it a database of its own.

BEGIN;

DROP INDEX IF EXISTS uq_offers__order_master_active, idx_offers_order_master_active;

INSERT INTO masters (id, tg_user_id, full_name, city_id, verified, moderation_status, is_active, is_deleted)
SELECT id, 7000000000 + id, 'Test Master ' || id, 1, true, 'APPROVED', true, false
FROM unnest(ARRAY[61, 62, 63, 64]) AS id;

INSERT INTO orders (id, city_id, district_id, category, status, type, total_sum, no_district)
SELECT id, 1, 1, 'PLUMBING', 'SEARCHING', 'NORMAL', 0, false FROM unnest(ARRAY[601, 602, 603, 604, 605]) AS id;

-- 601, 603 and 605: two open rows, both running. 602 and 604: of two open rows the one with the higher id is over.
INSERT INTO offers (id, order_id, master_id, round_number, state, sent_at, expires_at) VALUES
    (10601, 601, 61, 1, 'SENT', now() - interval '2 days', now() + interval '10 days'),
    (20601, 601, 61, 2, 'SENT', now() - interval '1 day', now() + interval '10 days'),
    (10602, 602, 61, 1, 'VIEWED', now() - interval '4 days', now() + interval '10 days'),
    (20602, 602, 61, 2, 'SENT', now() - interval '3 days', now() - interval '2 days'),
    (10603, 603, 62, 1, 'SENT', now() - interval '2 days', now() + interval '10 days'),
    (20603, 603, 62, 2, 'SENT', now() - interval '1 day', now() + interval '10 days'),
    (10604, 604, 63, 1, 'VIEWED', now() - interval '4 days', now() + interval '10 days'),
    (20604, 604, 63, 2, 'SENT', now() - interval '3 days', now() - interval '2 days'),
    (10605, 605, 64, 1, 'SENT', now() - interval '2 days', now() + interval '10 days'),
    (20605, 605, 64, 2, 'SENT', now() - interval '1 day', now() + interval '10 days');

COMMIT;
