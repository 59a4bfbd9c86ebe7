-- Masters, orders and offers, all made up. What a journal must never contain begins with "Secret" or "+1999".
BEGIN;
UPDATE settings SET value = '0' WHERE key = 'max_active_orders';
INSERT INTO cities (id, name, timezone) VALUES (1, 'Testville', 'Europe/Berlin');
INSERT INTO streets (id, city_id, name) VALUES (1, 1, 'Secret Street');
-- 7: by hand. 8: by Telegram. 100: only looks. 101 to 120: accept under load.
INSERT INTO masters (id, tg_user_id, full_name, phone, city_id, verified, moderation_status, is_deleted)
SELECT id, 7000000000 + id, 'Secret Master', '+1999' || id, 1, true, 'APPROVED', false
FROM unnest(ARRAY[7, 8, 100] || array(SELECT generate_series(101, 120))) AS id;
INSERT INTO orders (id, city_id, street_id, house, apartment, address_comment, description, client_name, client_phone,
                    status, type, total_sum, no_district, category)
SELECT id, 1, 1, 'SecretHouse', 'SecretFlat', 'SecretDoor', 'SecretTrouble', 'SecretClient', '+1999' || id,
    'SEARCHING', 'NORMAL', 0, true, 'PLUMBING'
FROM unnest(array(SELECT generate_series(1001, 1009)) || array(SELECT generate_series(10001, 22000))) AS id;
INSERT INTO offers (order_id, master_id, state, expires_at)
SELECT id, CASE WHEN id = 1004 THEN 8 WHEN id < 1007 THEN 7 WHEN id < 10000 THEN 100 ELSE 101 + id % 20 END,
    'SENT', now() + interval '1 day'
FROM orders;
COMMIT;
ANALYZE;
