-- The data set of the conformance cases: loaded once into an empty database of generation G3 (`offersd schema`).
-- Everything in it is made up. Times are relative to now() and days away from it, so that no case can run out.
-- Ids below 1000000 belong to these rows; the sequences go on behind them.
--
-- Masters 1 to 29 are only read: no case accepts or declines for them with success, so their lists never change.
-- Every case that writes has orders of its own.

BEGIN;

INSERT INTO settings (key, value, value_type) VALUES ('max_active_orders', '5', 'INT')
    ON CONFLICT (key) DO UPDATE SET value = excluded.value;

INSERT INTO cities (id, name, timezone) VALUES
    (1, 'Тестоград', 'Asia/Yekaterinburg'),
    (2, 'Nowhere "on" Sea', NULL),
    (3, 'Brokenzone', ' Not/A Zone');
INSERT INTO districts (id, city_id, name) VALUES (1, 1, 'Северный');
INSERT INTO streets (id, city_id, district_id, name) VALUES (1, 1, 1, 'Примерная улица');

-- Masters. tg_user_id is 7000000000 + id, beyond int4.
INSERT INTO masters (id, tg_user_id, full_name, city_id, verified, moderation_status, is_active, is_deleted,
                     is_blocked, blocked_reason, max_active_orders_override)
SELECT id, 7000000000 + id, 'Test Master ' || id, 1, true, 'APPROVED', true, false, false, NULL, NULL
FROM unnest(ARRAY[1, 2, 3, 13, 20, 32, 36, 38, 39, 40, 41]) AS id;

INSERT INTO masters (id, tg_user_id, full_name, city_id, verified, moderation_status, is_active, is_deleted,
                     is_blocked, blocked_reason, max_active_orders_override) VALUES
    (4,  7000000004, 'Blocked With Reason',    1, true,  'APPROVED', true,  false, true,  'Пример "причины"', NULL),
    (5,  7000000005, 'Blocked Without Reason', 1, true,  'APPROVED', true,  false, true,  NULL, NULL),
    (6,  7000000006, 'Deleted',                1, true,  'APPROVED', true,  true,  false, NULL, NULL),
    (7,  7000000007, 'Inactive',               1, true,  'APPROVED', false, false, false, NULL, NULL),
    (8,  7000000008, 'Rejected',               1, true,  'REJECTED', true,  false, false, NULL, NULL),
    (9,  7000000009, 'Unverified',             1, false, 'PENDING',  true,  false, false, NULL, NULL),
    (10, 7000000010, 'Limit of One',           1, true,  'APPROVED', true,  false, false, NULL, 1),
    (11, 7000000011, 'Limit of the Setting',   1, true,  'APPROVED', true,  false, false, NULL, 0),
    -- From here on the cases write. A high limit, so that only the cases about the limit meet it.
    (30, 7000000030, 'Writer',                 1, true,  'APPROVED', true,  false, false, NULL, 1000),
    (31, 7000000031, 'Rival',                  1, true,  'APPROVED', true,  false, false, NULL, 1000),
    (33, NULL,       'Without Telegram',       1, true,  'APPROVED', true,  false, false, NULL, 1000),
    (34, 7000000034, 'Approved Only',          1, false, 'APPROVED', true,  false, false, NULL, NULL),
    (35, 7000000035, 'Verified Only',          1, true,  'PENDING',  true,  false, false, NULL, NULL),
    (37, 7000000037, 'One Guarantee Order',    1, true,  'APPROVED', true,  false, false, NULL, 1),
    (42, 7000000042, 'Blocked Decliner',       1, true,  'APPROVED', true,  false, true,  NULL, NULL);

-- Orders. Most are alike: order N is free, SEARCHING, in city 1, without details.
INSERT INTO orders (id, city_id, district_id, category, status, type, total_sum, no_district, version)
SELECT id, 1, 1, 'PLUMBING', 'SEARCHING', 'NORMAL', 0, false, 1
FROM (
    SELECT generate_series(101, 107) UNION ALL SELECT generate_series(131, 141)
    UNION ALL SELECT generate_series(202, 211) UNION ALL SELECT generate_series(302, 349)
    UNION ALL SELECT generate_series(401, 419) UNION ALL SELECT generate_series(501, 501)
) AS ids (id);

-- Complete orders, with every text that a reply gives.
INSERT INTO orders (id, city_id, district_id, street_id, house, apartment, address_comment, client_name, client_phone,
                    status, category, description, timeslot_start_utc, timeslot_end_utc, type, total_sum, no_district,
                    version)
SELECT id, 1, 1, 1, '15к2', '8', E'Домофон 8,\nвход "со двора"', 'Клиент Примерный', '+00000000101', 'SEARCHING',
       'ELECTRICS', E'Искрит розетка \\ <b>срочно</b> 😀', '2030-01-31 10:00:00.000250+00',
       '2030-01-31 13:00:00+00', 'NORMAL', 0, false, 7
FROM unnest(ARRAY[201, 301]) AS id;

-- Orders of which everything that may be NULL is NULL.
INSERT INTO orders (id, city_id, status, type, total_sum, no_district)
SELECT id, 2, 'SEARCHING', 'NORMAL', 0, true FROM unnest(ARRAY[121, 350]) AS id;

-- A city with a broken zone, and slots with one end only.
INSERT INTO orders (id, city_id, status, category, timeslot_start_utc, timeslot_end_utc, type, total_sum, no_district)
VALUES (122, 3, 'SEARCHING', 'WINDOWS', '2030-01-31 10:00:00+00', NULL, 'NORMAL', 0, true),
       (123, 3, 'SEARCHING', 'WINDOWS', NULL, '2030-01-31 13:00:00+00', 'NORMAL', 0, true);

-- Offers. Offer N belongs to order N - 10000 unless there are several. Open ones run for ten days.
INSERT INTO offers (id, order_id, master_id, state, sent_at, expires_at)
SELECT 10000 + o, o, m, 'SENT', now() - interval '1 day', now() + interval '10 days'
FROM (VALUES (131, 13), (136, 13), (137, 13), (138, 13), (139, 13), (141, 13),
             (201, 20), (207, 20), (208, 20), (209, 20), (211, 4),
             (301, 30), (302, 30), (303, 32), (304, 33), (306, 30), (307, 30), (314, 30), (318, 4), (319, 5), (320, 6),
             (321, 7), (322, 8), (323, 9), (324, 10), (325, 11), (326, 34), (327, 35), (328, 30), (330, 30),
             (332, 36), (333, 38), (334, 37), (335, 39), (336, 30), (337, 30), (350, 30),
             (401, 30), (402, 30), (404, 30), (409, 30), (411, 42), (412, 40), (413, 30), (415, 30),
             (501, 41)) AS rows (o, m);

-- Master 1: seven orders; the two of 103 and 104 were sent at the same moment.
INSERT INTO offers (id, order_id, master_id, round_number, state, sent_at, expires_at)
SELECT 10000 + o, o, 1, 1, 'SENT', now() - interval '9 days' + hours * interval '1 hour', now() + interval '10 days'
FROM (VALUES (101, 1), (102, 2), (103, 3), (104, 3), (105, 5), (106, 6), (107, 7)) AS rows (o, hours);

-- Master 2: NULL and odd values. NULL sent_at comes first, as in the database's own descending order.
INSERT INTO offers (id, order_id, master_id, round_number, state, sent_at, expires_at) VALUES
    (10121, 121, 2, 1, 'VIEWED', NULL, NULL),
    (10122, 122, 2, 2, 'SENT', '2020-02-29 23:59:59.999999+00', '2130-12-31 00:00:00+00'),
    (10123, 123, 2, 3, 'SENT', '2020-02-29 23:59:59.000001+00', 'infinity');

-- Master 13: what is listed (131, 139, 140, 141) and what is not.
INSERT INTO offers (id, order_id, master_id, round_number, state, sent_at, responded_at, expires_at) VALUES
    (10132, 132, 13, 1, 'SENT', now() - interval '3 days', NULL, now() - interval '2 days'),
    (10133, 133, 13, 1, 'DECLINED', now() - interval '3 days', now() - interval '2 days', now() + interval '10 days'),
    (10134, 134, 13, 1, 'CANCELED', now() - interval '3 days', now() - interval '2 days', now() + interval '10 days'),
    (10135, 135, 13, 1, 'EXPIRED', now() - interval '3 days', now() - interval '2 days', now() - interval '2 days'),
    (10140, 140, 13, 1, 'VIEWED', now() - interval '2 days', NULL, now() + interval '10 days'),
    (9141, 141, 13, 1, 'EXPIRED', now() - interval '6 days', now() - interval '5 days', now() - interval '5 days');
UPDATE offers SET round_number = 2 WHERE id = 10141;
UPDATE orders SET assigned_master_id = 31, status = 'ASSIGNED' WHERE id = 136;
UPDATE orders SET status = 'CLOSED' WHERE id = 137;
UPDATE orders SET status = 'DEFERRED' WHERE id = 138;
UPDATE orders SET status = 'GUARANTEE' WHERE id = 139;
UPDATE orders SET status = 'CREATED' WHERE id = 140;

-- Closed offers: (order, master, state, expired days ago or in days).
INSERT INTO offers (id, order_id, master_id, state, sent_at, responded_at, expires_at)
SELECT 10000 + o, o, m, s::offer_state, now() - interval '5 days', now() - interval '3 days', now() + d * interval '1 day'
FROM (VALUES (203, 20, 'DECLINED', 5), (204, 20, 'CANCELED', 5), (205, 20, 'EXPIRED', NULL), (206, 20, 'CANCELED', 5),
             (310, 30, 'DECLINED', 5), (311, 30, 'CANCELED', 5), (312, 30, 'EXPIRED', NULL), (313, 30, 'CANCELED', 5),
             (405, 30, 'CANCELED', 5), (406, 30, 'EXPIRED', -3), (407, 30, 'CANCELED', 5), (408, 30, 'DECLINED', 5),
             (416, 30, 'DECLINED', 5)) AS rows (o, m, s, d);

-- Open offers whose time is over.
INSERT INTO offers (id, order_id, master_id, state, sent_at, expires_at)
SELECT 10000 + o, o, m, 'SENT', now() - interval '3 days', now() - interval '2 days'
FROM (VALUES (202, 20), (309, 30), (403, 30)) AS rows (o, m);

-- Orders of another master: 206, 313, 404, 407, 408 are master 31's.
UPDATE orders SET assigned_master_id = 31, status = 'WORKING' WHERE id IN (206, 313, 404, 407, 408);
-- Not assigned, and not open to any master.
UPDATE orders SET status = 'CANCELED' WHERE id IN (207, 413);
UPDATE orders SET status = 'CLOSED' WHERE id = 314;
-- This master's already: 208 is master 20's, 409 and 316 master 30's by hand, 317 blocked master 5's.
UPDATE orders SET assigned_master_id = 20, status = 'EN_ROUTE' WHERE id = 208;
UPDATE orders SET assigned_master_id = 30, status = 'WORKING', version = 4 WHERE id IN (316, 409);
UPDATE orders SET assigned_master_id = 5, status = 'PAYMENT' WHERE id = 317;
INSERT INTO offers (id, order_id, master_id, state, sent_at, responded_at, expires_at) VALUES
    (10317, 317, 5, 'ACCEPTED', '2026-01-01 09:00:00+00', '2026-01-01 09:01:02.345678+00', '2026-01-01 09:02:00+00');
-- Every status that can be accepted.
UPDATE orders SET status = 'DEFERRED' WHERE id IN (209, 306);
UPDATE orders SET status = 'GUARANTEE' WHERE id = 307;
UPDATE orders SET status = 'CREATED' WHERE id = 308;
INSERT INTO offers (id, order_id, master_id, state, sent_at, expires_at) VALUES
    (10308, 308, 30, 'VIEWED', now() - interval '1 day', NULL);
-- 304 was offered to two masters, 415 is taken by the rival in the case itself.
INSERT INTO offers (id, order_id, master_id, state, sent_at, expires_at) VALUES
    (20304, 304, 31, 'SENT', now() - interval '1 day', now() + interval '10 days'),
    (20415, 415, 31, 'SENT', now() - interval '1 day', now() + interval '10 days');
-- 328: an ACCEPTED row of another master was left over when the order became free again.
INSERT INTO offers (id, order_id, master_id, state, sent_at, responded_at, expires_at) VALUES
    (20328, 328, 31, 'ACCEPTED', now() - interval '4 days', now() - interval '4 days', now() - interval '3 days');
-- 329 and 417: refused once, offered again.
INSERT INTO offers (id, order_id, master_id, round_number, state, sent_at, responded_at, expires_at) VALUES
    (10329, 329, 30, 1, 'EXPIRED', now() - interval '4 days', now() - interval '3 days', now() - interval '3 days'),
    (20329, 329, 30, 2, 'SENT', now() - interval '1 day', NULL, now() + interval '10 days'),
    (10417, 417, 30, 1, 'DECLINED', now() - interval '4 days', now() - interval '3 days', now() - interval '3 days'),
    (20417, 417, 30, 2, 'VIEWED', now() - interval '1 day', NULL, now() + interval '10 days');

-- The limit: master 10 has one active order of one, master 11 five of the setting's five, master 37 only a guarantee one.
UPDATE orders SET assigned_master_id = 10, status = 'PAYMENT' WHERE id = 340;
UPDATE orders SET assigned_master_id = 11, status = 'ASSIGNED' WHERE id IN (341, 342);
UPDATE orders SET assigned_master_id = 11, status = 'EN_ROUTE' WHERE id IN (343, 344);
UPDATE orders SET assigned_master_id = 11, status = 'WORKING' WHERE id = 345;
UPDATE orders SET assigned_master_id = 37, status = 'GUARANTEE' WHERE id = 346;

-- The history of order 201. Its times do not follow the order in which it was written, and one reason was typed by hand.
INSERT INTO order_status_history (order_id, from_status, to_status, reason, actor_type, created_at) VALUES
    (201, NULL, 'CREATED', 'created_by_staff', 'ADMIN', '2026-01-01 08:00:00+00'),
    (201, 'CREATED', 'DEFERRED', 'Клиент Примерный просил позже', 'ADMIN', '2026-01-01 09:00:00.000001+00'),
    (201, 'DEFERRED', 'SEARCHING', 'deferred_wakeup', 'SYSTEM', '2026-01-01 08:59:59+00'),
    (201, 'SEARCHING', 'SEARCHING', NULL, 'AUTO_DISTRIBUTION', NULL);

SELECT setval('cities_id_seq', 1000000), setval('districts_id_seq', 1000000), setval('streets_id_seq', 1000000),
       setval('masters_id_seq', 1000000), setval('orders_id_seq', 1000000), setval('offers_id_seq', 1000000);

COMMIT;
