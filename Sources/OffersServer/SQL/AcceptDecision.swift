/// The decision about an accept, as pieces of SQL: the one source for `acceptOffer`, which carries it out, and for
/// `explainOffer`, which foretells it. They speak of a master `m`, an order `o`, the row ``offer`` as `f` and ``quota``
/// as `q`; each of the first three may be missing.
enum AcceptDecision {
    /// The branches of a CASE. They are tested in the order of their precedence: an order that is this master's comes
    /// before everything that refuses.
    static let verdict = """
        WHEN m.id IS NULL THEN 'MASTER_NOT_FOUND'
                    WHEN o.assigned_master_id = m.id THEN 'ALREADY_YOURS'
                    WHEN m.is_blocked THEN 'MASTER_BLOCKED'
                    WHEN NOT \(isActive) THEN 'MASTER_NOT_ACTIVE'
                    WHEN f.id IS NULL THEN 'OFFER_NOT_FOUND'
                    WHEN o.assigned_master_id IS NOT NULL THEN 'ORDER_TAKEN'
                    WHEN NOT f.is_live THEN \(Fragment.reasonOfState)
                    WHEN o.status NOT IN \(Fragment.acceptableStatuses) THEN 'ORDER_NOT_AVAILABLE'
                    WHEN q.maximum > 0 AND q.active >= q.maximum THEN 'LIMIT_REACHED'
                    ELSE 'GRANTED'
        """

    /// The row of the pair that decides: of an order that is this master's the accepted one, else a live one
    /// before others, then the one with the highest id.
    static let offer = """
        SELECT f.id, f.state, f.responded_at, f.expires_at, \(Fragment.isLive) AS is_live
        FROM offers f WHERE f.order_id = o.id AND \(Fragment.filter("f.master_id = m.id"))
        ORDER BY f.state = 'ACCEPTED' AND o.assigned_master_id IS NOT DISTINCT FROM m.id DESC, \(Fragment.isLive) DESC,
            f.id DESC LIMIT 1
        """

    /// Whether the master may accept, unless blocked.
    static let isActive = """
        (m.is_active AND NOT m.is_deleted AND m.moderation_status <> 'REJECTED'
                        AND (m.verified OR m.moderation_status = 'APPROVED'))
        """

    /// How many active orders the master may have (0: any number), and has. OFFSET keeps the planner from working the
    /// limit out for each place where it is used. For the reason of `Fragment.filter` the orders are counted with
    /// FILTER: among all that the master ever had, which is the price, and never among the active ones of all masters.
    static let quota = """
        SELECT CASE WHEN \(isOverridden) THEN m.max_active_orders_override
                ELSE coalesce((\(setting)), 5) END AS maximum,
            (SELECT count(*) FILTER (WHERE a.status IN ('ASSIGNED', 'EN_ROUTE', 'WORKING', 'PAYMENT'))
                FROM orders a WHERE a.assigned_master_id = m.id) AS active OFFSET 0
        """

    /// Which of the three the limit of ``quota`` is.
    static let limitSource = """
        CASE WHEN \(isOverridden) THEN 'override' WHEN (\(setting)) IS NULL THEN 'default' ELSE 'setting' END
        """

    /// Whether the master has an own limit.
    private static let isOverridden = "m.max_active_orders_override > 0"

    /// `settings.max_active_orders`: white space around it, a plus sign and leading zeros do no harm; NULL when it is
    /// anything but an integer of Postgres's range that is not negative. OFFSET: as in `quota`.
    private static let setting = #"""
        SELECT CASE WHEN v.number <= 2147483647 THEN v.number END
        FROM (SELECT substring(btrim(s.value, E' \t\n\r\f\x0b') FROM '^\+?0*([0-9]{1,10})$')::bigint AS number
            FROM settings s WHERE s.key = 'max_active_orders' OFFSET 0) v
        """#
}
