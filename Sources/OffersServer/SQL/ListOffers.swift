import JSONRPC
import Offers
import Postgres

/// The list: one statement, which returns the list's first `offset + limit` rows with the total in each, and one row
/// without an order if the list is empty.
///
/// The page is cut out by the reader, because with OFFSET nothing would tell the total of a page past the end. What the
/// database spends is lookups by key, and the setting up of the plan, where each node describes each of its columns
/// anew:
/// - rows are numbered and cut first, then the names of cities and districts looked up for those that are left (12 %
///   less than joining first), the districts' by a sub-select, which spares a join (2 %);
/// - what is only handed through is one column, `entry` (2 %, and a third of libpq's work on our side);
/// - a master by id is looked up only without offers, as an offer cannot be without its master (3 %);
/// - an order that is offered to a master twice is looked for only where that can be (7 %): see ``Form``.
enum ListOffersQuery {
    /// How an order that has several open rows comes to be listed once.
    enum Form: String, CaseIterable {
        /// The statement sees to it: the row with the highest id stands for the order.
        case distinct = "offersd_list"
        /// The index of ``uniqueIndex`` makes it impossible. The statement names the index, by a constant that the
        /// planner computes away and that has the server look for the index again whenever something was done to it:
        /// once it is gone, the statement is refused (undefined_table). What the server does not look for is seen when
        /// the database is looked at next: an index that has its name but is being dropped concurrently, or is another
        /// one.
        case unique = "offersd_list_unique"
    }

    /// The unique index on the order and master of open offers, which not all databases have.
    static let uniqueIndex = "uq_offers__order_master_active"

    private static let distinct = make(.distinct)
    private static let unique = make(.unique)

    private static func make(_ form: Form) -> ByMaster {
        ByMaster(
            form.rawValue, parameters: [.int8, .int8],
            byID: sql(
                master: "CASE WHEN p.total IS NULL THEN (SELECT m.id FROM masters m WHERE m.id = $1) END",
                from: "(SELECT) AS one LEFT JOIN (\(page(of: "$1", form))) p ON true", where: ""),
            byTelegramUser: sql(
                master: "m.id", from: "masters m LEFT JOIN LATERAL (\(page(of: "m.id", form))) p ON true",
                where: "WHERE m.tg_user_id = $1"))
    }

    private static func sql(master: String, from: String, where condition: String) -> String {
        """
        SELECT \(master), statement_timestamp(), p.total, p.entry, c.name,
            (SELECT d.name FROM districts d WHERE d.id = p.district_id), c.timezone
        FROM \(from) LEFT JOIN cities c ON c.id = p.city_id
        \(condition)
        """
    }

    private static func page(of master: String, _ form: Form) -> String {
        let columns = """
            f.sent_at, f.order_id, o.city_id, o.district_id,
            ROW(f.id, f.order_id, f.round_number, f.state, o.category, o.timeslot_start_utc, o.timeslot_end_utc, f.sent_at,
                f.expires_at) AS entry
            """
        let listed = """
            FROM offers f JOIN orders o ON o.id = f.order_id
            WHERE f.master_id = \(master) AND \(Fragment.isLive)
                AND \(Fragment.filter(Fragment.isListed))
            """
        return switch form {
        case .distinct:
            """
            SELECT u.*, count(*) OVER () AS total
            FROM (SELECT DISTINCT ON (f.order_id) \(columns) \(listed) ORDER BY f.order_id, f.id DESC) u
            ORDER BY u.sent_at DESC, u.order_id DESC LIMIT $2
            """
        case .unique:
            """
            SELECT \(columns), count(*) OVER () AS total \(listed) AND '\(uniqueIndex)'::regclass IS NOT NULL
            ORDER BY f.sent_at DESC, f.order_id DESC LIMIT $2
            """
        }
    }

    /// The statement of one form.
    static func statement(of form: Form) -> ByMaster {
        switch form {
        case .distinct: distinct
        case .unique: unique
        }
    }

    static func bound(_ params: ListOffersParams, _ form: Form) -> BoundStatement {
        BoundStatement(
            statement(of: form).form(for: params.master),
            [.int8(params.master.number), .int8(Int64(params.offset) + Int64(params.limit))])
    }
}

extension QueryResult {
    /// A `timestamptz` as the contract's type.
    func moment(row: Int, column: Int) throws(ResultMismatch) -> Timestamp? {
        guard let microseconds = try timestamp(row: row, column: column) else { return nil }
        return Timestamp(microseconds: microseconds)
    }
}
