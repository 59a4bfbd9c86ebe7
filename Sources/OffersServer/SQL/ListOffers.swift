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
        statement(of: form)(params.master, .int8(Int64(params.offset) + Int64(params.limit)))
    }
}

/// The result of `listOffers`, written straight from the rows: what the database sent is copied once, into the reply,
/// and no value of it is made in between. (Five offers cost some 3 µs of our time; by way of an `OfferEntry` for each,
/// whose texts are strings of their own, 7 µs.) The members are those of `ListOffersResult`, which clients read it
/// with; a test holds the two together.
struct ListOffersReply: JSONEncodable {
    private let rows: QueryResult
    /// The offers of the page, in its order.
    private let page: ArraySlice<Entry>
    private let masterID: Int64
    private let total: Int64
    private let asOf: Timestamp

    /// Nil if there is no such master.
    ///
    /// - Throws: `ResultMismatch` for every value that could not be written; after that, writing cannot fail.
    init?(_ rows: QueryResult, _ params: ListOffersParams) throws(ResultMismatch) {
        guard rows.rowCount > 0 else { return nil }
        self.rows = rows
        total = try rows.integer(row: 0, column: Column.total) ?? 0
        if let masterID = try rows.integer(row: 0, column: Column.master) {
            self.masterID = masterID
        } else if total > 0, case .id(let masterID?) = params.master {
            self.masterID = masterID
        } else {
            return nil
        }
        asOf = Timestamp(microseconds: try rows.requiredTimestamp(row: 0, column: Column.asOf))
        guard total > 0 else {
            page = []
            return
        }
        var list: [Entry] = []
        var isInOrder = true
        list.reserveCapacity(rows.rowCount)
        for number in 0..<rows.rowCount {
            let bytes = unsafe rows.bytes(row: number, column: Column.entry)
            guard let next = unsafe bytes.flatMap({ unsafe Entry($0, row: number) }),
                !rows.isNull(row: number, column: Column.city)
            else { throw ResultMismatch(column: Column.entry, expected: "an offer with its city") }
            if let last = list.last, !Entry.isBefore(last, next) { isInOrder = false }
            list.append(next)
        }
        // They come in order, but nothing promises that: the names are joined after the ordering.
        if !isInOrder { list.sort(by: Entry.isBefore) }
        page = list.dropFirst(params.offset)
    }

    func encode(to writer: inout JSONWriter) {
        // The moments of a list lie within few days.
        var moments = TimestampWriter()
        writer.beginObject()
        writer.key(Key.masterID)
        writer.integer(masterID)
        writer.key(Key.total)
        writer.integer(total)
        writer.key(Key.asOf)
        moments.write(asOf.microseconds, to: &writer)
        writer.key(Key.offers)
        writer.beginArray()
        for entry in page { encode(entry, to: &writer, &moments) }
        writer.endArray()
        writer.endObject()
    }

    private func encode(_ entry: Entry, to writer: inout JSONWriter, _ moments: inout TimestampWriter) {
        let texts = unsafe rows.bytes(row: entry.row, column: Column.entry)
        writer.beginObject()
        writer.key(Key.offerID)
        writer.integer(entry.offerID)
        writer.key(Key.orderID)
        writer.integer(entry.orderID)
        writer.key(Key.round)
        writer.integer(entry.round)
        writer.key(Key.state)
        unsafe text(texts, entry.state, &writer)
        writer.key(Key.category)
        unsafe text(texts, entry.category, &writer)
        writer.key(Key.city)
        unsafe text(rows.bytes(row: entry.row, column: Column.city), &writer)
        writer.key(Key.district)
        unsafe text(rows.bytes(row: entry.row, column: Column.district), &writer)
        writer.key(Key.timezone)
        unsafe text(rows.bytes(row: entry.row, column: Column.timezone), &writer)
        writer.key(Key.timeslot)
        if entry.slotStart == nil, entry.slotEnd == nil {
            writer.null()
        } else {
            writer.beginObject()
            writer.key(Key.start)
            moments.write(entry.slotStart, to: &writer)
            writer.key(Key.end)
            moments.write(entry.slotEnd, to: &writer)
            writer.endObject()
        }
        writer.key(Key.sentAt)
        moments.write(entry.sentAt, to: &writer)
        writer.key(Key.expiresAt)
        moments.write(entry.expiresAt, to: &writer)
        writer.endObject()
    }

    private func text(_ bytes: UnsafeRawBufferPointer?, _ range: Range<Int>?, _ writer: inout JSONWriter) {
        unsafe text(
            bytes.flatMap { bytes in unsafe range.map { unsafe UnsafeRawBufferPointer(rebasing: bytes[$0]) } }, &writer)
    }

    private func text(_ bytes: UnsafeRawBufferPointer?, _ writer: inout JSONWriter) {
        if let bytes = unsafe bytes { unsafe writer.string(utf8: bytes) } else { writer.null() }
    }

    // MARK: The rows and their names

    private enum Column {
        static let master = 0
        static let asOf = 1
        static let total = 2
        static let entry = 3
        static let city = 4
        static let district = 5
        static let timezone = 6
    }

    /// An offer: the column `entry` of a row.
    private struct Entry {
        let row: Int
        let offerID: Int64
        let orderID: Int64
        let round: Int64
        /// Where in the column's bytes the text lies.
        let state: Range<Int>
        let category: Range<Int>?
        let slotStart: Int64?
        let slotEnd: Int64?
        let sentAt: Int64?
        let expiresAt: Int64?

        /// Nil if these are not the fields that the statement is to give.
        init?(_ bytes: UnsafeRawBufferPointer, row: Int) {
            guard var fields = unsafe RecordFields(bytes),
                let offerID = unsafe fields.next()?.integer, let orderID = unsafe fields.next()?.integer,
                let round = unsafe fields.next()?.integer, let state = unsafe fields.next()?.bytes,
                let category = unsafe fields.next(),
                let slotStart = unsafe Self.moment(&fields), let slotEnd = unsafe Self.moment(&fields),
                let sentAt = unsafe Self.moment(&fields), let expiresAt = unsafe Self.moment(&fields)
            else { return nil }
            (self.row, self.offerID, self.orderID, self.round) = (row, offerID, orderID, round)
            self.state = unsafe bytes.offsets(of: state)
            self.category = unsafe category.bytes.map(bytes.offsets)
            (self.slotStart, self.slotEnd, self.sentAt, self.expiresAt) = (slotStart, slotEnd, sentAt, expiresAt)
        }

        /// `.some(nil)` is NULL, nil something that is no moment.
        private static func moment(_ fields: inout RecordFields) -> Int64?? {
            guard let field = unsafe fields.next() else { return nil }
            guard unsafe field.bytes != nil else { return .some(nil) }
            return unsafe field.timestamp.map { .some($0) }
        }

        /// NULL comes first, as it does in Postgres when the order is descending.
        static func isBefore(_ one: Entry, _ other: Entry) -> Bool {
            guard one.sentAt != other.sentAt else { return one.orderID > other.orderID }
            guard let sentAt = one.sentAt else { return true }
            return other.sentAt.map { sentAt > $0 } ?? false
        }
    }

    private enum Key {
        static let masterID = JSONKey(#","masterId":"#)
        static let total = JSONKey(#","total":"#)
        static let asOf = JSONKey(#","asOf":"#)
        static let offers = JSONKey(#","offers":"#)
        static let offerID = JSONKey(#","offerId":"#)
        static let orderID = JSONKey(#","orderId":"#)
        static let round = JSONKey(#","round":"#)
        static let state = JSONKey(#","state":"#)
        static let category = JSONKey(#","category":"#)
        static let city = JSONKey(#","city":"#)
        static let district = JSONKey(#","district":"#)
        static let timezone = JSONKey(#","timezone":"#)
        static let timeslot = JSONKey(#","timeslot":"#)
        static let start = JSONKey(#","start":"#)
        static let end = JSONKey(#","end":"#)
        static let sentAt = JSONKey(#","sentAt":"#)
        static let expiresAt = JSONKey(#","expiresAt":"#)
    }
}

extension UnsafeRawBufferPointer {
    /// Where a part of these bytes lies in them.
    fileprivate func offsets(of part: UnsafeRawBufferPointer) -> Range<Int> {
        let start = unsafe baseAddress.flatMap { base in unsafe part.baseAddress.map { unsafe $0 - base } } ?? 0
        return start..<start + part.count
    }
}
