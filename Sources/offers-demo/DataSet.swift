/// A small day of work: every case that a list or an accept can meet, once. All people in it are made up.
enum DataSet {
    /// The master of the walk, who has every kind of offer.
    static let master: Int64 = 7
    /// The Telegram user of that master.
    static let telegramUser: Int64 = 7_000_000_007
    /// Another master, who is offered some of the same orders.
    static let rival: Int64 = 8
    static let blockedMaster: Int64 = 9
    /// Has the one active order that the limit allows.
    static let limitedMaster: Int64 = 10
    /// Is neither verified nor approved.
    static let inactiveMaster: Int64 = 11

    /// Live, and the subject of the walk.
    static let order: Int64 = 1042
    /// Live and looked at, for a card and a decline.
    static let viewed: Int64 = 1043
    /// Live without an end, and without a category, a district and an address.
    static let endless: Int64 = 1044
    /// Live in its second round, after the first has run out.
    static let guarantee: Int64 = 1046
    static let expired: Int64 = 1047
    static let declined: Int64 = 1048
    /// The rival's, while the master's offer still says SENT.
    static let taken: Int64 = 1049
    /// Can be accepted, but is not listed.
    static let deferred: Int64 = 1050
    static let withdrawn: Int64 = 1051
    static let canceled: Int64 = 1052
    /// Our master's already, without an offer.
    static let own: Int64 = 1053
    /// Offered to masters who cannot accept it, and not to the demo's master.
    static let others: Int64 = 1054

    /// Loads it into an empty database of `Schema`. Times are relative to now: what is live stays so for half a day,
    /// but for order 1045, which runs out in ten minutes.
    static let sql = """
        BEGIN;

        INSERT INTO cities (id, name, timezone) VALUES
            (1, 'Екатеринбург', 'Asia/Yekaterinburg'), (2, 'Москва', 'Europe/Moscow'),
            (3, 'Новосибирск', 'Asia/Novosibirsk'), (4, 'Калининград', 'Europe/Kaliningrad'),
            (5, 'Владивосток', NULL);
        INSERT INTO districts (id, city_id, name) VALUES
            (1, 1, 'Ленинский'), (2, 2, 'ЦАО'), (3, 2, 'СВАО');
        INSERT INTO streets (id, city_id, district_id, name) VALUES
            (1, 1, 1, 'Примерная улица'), (2, 2, 2, 'Образцовый проезд'), (3, 4, NULL, 'Тестовая набережная');

        INSERT INTO masters (id, tg_user_id, full_name, city_id, verified, moderation_status, is_active, is_deleted,
                             is_blocked, blocked_reason, max_active_orders_override) VALUES
            (\(master), \(telegramUser), 'Мастер Примерный', 1, true, 'APPROVED', true, false, false, NULL, NULL),
            (\(rival), 7000000008, 'Мастер Соперник', 1, true, 'APPROVED', true, false, false, NULL, NULL),
            (\(blockedMaster), 7000000009, 'Мастер Заблокированный', 2, true, 'APPROVED', true, false, true,
                'Не сдан отчёт', NULL),
            (\(limitedMaster), 7000000010, 'Мастер Занятой', 2, true, 'APPROVED', true, false, false, NULL, 1),
            (\(inactiveMaster), 7000000011, 'Мастер Новый', 2, false, 'PENDING', true, false, false, NULL, NULL);

        -- Orders without an address, a client and a slot; some get them below.
        INSERT INTO orders (id, city_id, district_id, category, status, assigned_master_id, type, total_sum, no_district)
        SELECT id, city, district, category::order_category, status::order_status, master, 'NORMAL', 0, district IS NULL
        FROM (VALUES
            (\(order), 1, 1, 'PLUMBING', 'SEARCHING', NULL::integer),
            (\(viewed), 2, 2, 'ELECTRICS', 'SEARCHING', NULL),
            (\(endless), 3, NULL, NULL, 'CREATED', NULL),
            (1045, 5, NULL, 'APPLIANCES', 'SEARCHING', NULL),
            (\(guarantee), 4, NULL, 'WINDOWS', 'GUARANTEE', NULL),
            (\(expired), 1, 1, 'HANDYMAN', 'SEARCHING', NULL),
            (\(declined), 1, 1, 'ROADSIDE', 'SEARCHING', NULL),
            (\(taken), 1, NULL, 'PLUMBING', 'EN_ROUTE', \(rival)),
            (\(deferred), 2, 3, 'ELECTRICS', 'DEFERRED', NULL),
            (\(withdrawn), 1, 1, 'PLUMBING', 'SEARCHING', NULL),
            (\(canceled), 1, 1, 'PLUMBING', 'CANCELED', NULL),
            (\(own), 1, 1, 'HANDYMAN', 'WORKING', \(master)),
            (\(others), 2, 2, 'APPLIANCES', 'SEARCHING', NULL),
            (1055, 2, 2, 'APPLIANCES', 'PAYMENT', \(limitedMaster))
        ) AS rows (id, city, district, category, status, master);

        UPDATE orders SET street_id = 1, house = '15к2', apartment = '8', description = 'Течёт кран на кухне',
            address_comment = 'Домофон 8, вход со двора'
            WHERE id = \(order);
        UPDATE orders SET street_id = 2, house = '3', apartment = '41', description = 'Искрит розетка "у окна"'
            WHERE id = \(viewed);
        UPDATE orders SET street_id = 3, house = '10', description = 'Повторно: не закрывается створка', type = 'GUARANTEE'
            WHERE id = \(guarantee);
        UPDATE orders SET client_name = 'Клиент Примерный', client_phone = '+7000000' || id;
        -- Tomorrow from 10 to 13, by the clock of the city.
        UPDATE orders SET
            timeslot_start_utc = (date_trunc('day', now() AT TIME ZONE c.timezone) + interval '34 hours')
                AT TIME ZONE c.timezone,
            timeslot_end_utc = (date_trunc('day', now() AT TIME ZONE c.timezone) + interval '37 hours')
                AT TIME ZONE c.timezone
            FROM cities c WHERE c.id = orders.city_id AND orders.id IN (\(order), \(viewed), \(guarantee), \(deferred));

        -- Sent some minutes ago; open until some minutes from now.
        INSERT INTO offers (order_id, master_id, round_number, state, sent_at, responded_at, expires_at)
        SELECT order_id, master, round, state::offer_state, now() - sent * interval '1 minute',
            CASE WHEN state IN ('SENT', 'VIEWED') THEN NULL ELSE now() - (sent - 1) * interval '1 minute' END,
            now() + expires * interval '1 minute'
        FROM (VALUES
            (\(order), \(master), 1, 'SENT', 2, 720),
            (\(order), \(rival), 1, 'SENT', 2, 720),
            (\(viewed), \(master), 1, 'VIEWED', 4, 720),
            (\(endless), \(master), 1, 'SENT', 6, NULL),
            (1045, \(master), 1, 'SENT', 8, 10),
            (\(guarantee), \(master), 1, 'EXPIRED', 90, -88),
            (\(guarantee), \(master), 2, 'SENT', 10, 720),
            (\(expired), \(master), 1, 'SENT', 12, -10),
            (\(declined), \(master), 1, 'DECLINED', 14, 720),
            (\(taken), \(rival), 1, 'ACCEPTED', 16, 720),
            (\(taken), \(master), 1, 'SENT', 16, 720),
            (\(deferred), \(master), 1, 'SENT', 18, 720),
            (\(withdrawn), \(master), 1, 'CANCELED', 20, 720),
            (\(canceled), \(master), 1, 'SENT', 22, 720),
            (\(others), \(blockedMaster), 1, 'SENT', 24, 720),
            (\(others), \(limitedMaster), 1, 'SENT', 24, 720),
            (\(others), \(inactiveMaster), 1, 'SENT', 24, 720),
            (1055, \(limitedMaster), 1, 'ACCEPTED', 60, -58)
        ) AS rows (order_id, master, round, state, sent, expires);

        SELECT setval('cities_id_seq', 1000), setval('districts_id_seq', 1000), setval('streets_id_seq', 1000),
            setval('masters_id_seq', 1000), setval('orders_id_seq', 2000);

        COMMIT;
        """
}
