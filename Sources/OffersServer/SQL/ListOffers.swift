import JSONRPC
import Offers
import Postgres

/// The list: one statement, which returns the list's first `offset + limit` rows with the total in each, and one row
/// without an order if the list is empty.
///
/// The page is cut out by the reader, because with OFFSET nothing would tell the total of a page past the end. What the
/// database spends is lookups by key: the narrow rows are numbered and cut first, then the names of cities and districts
/// looked up for those that are left (12 % less than joining first), the districts' by a sub-select, which spares the
/// setting up of a join of all the columns (2 %); and a master by id is looked for only when he has no offers, as an
/// offer cannot be without its master (3 %).
enum ListOffersQuery {
    private static let name = "offersd_list"
    private static let parameters: [ParameterType] = [.int8, .int8]

    private static let byID = Statement(
        name, parameters: parameters,
        sql: sql(
            masterID: "CASE WHEN p.id IS NULL THEN (SELECT m.id FROM masters m WHERE m.id = $1) ELSE $1 END",
            from: "(SELECT) AS one LEFT JOIN (\(rows(of: "$1"))) p ON true", where: ""))

    private static let byTelegramUser = Statement(
        name + "_tg", parameters: parameters,
        sql: sql(
            masterID: "m.id", from: "masters m LEFT JOIN LATERAL (\(rows(of: "m.id"))) p ON true",
            where: "WHERE m.tg_user_id = $1"))

    private static func sql(masterID: String, from: String, where condition: String) -> String {
        """
        SELECT \(masterID), statement_timestamp(), p.total, p.id, p.order_id, p.round_number, p.state, p.category,
            c.name, (SELECT d.name FROM districts d WHERE d.id = p.district_id), c.timezone, p.timeslot_start_utc,
            p.timeslot_end_utc, p.sent_at, p.expires_at
        FROM \(from) LEFT JOIN cities c ON c.id = p.city_id
        \(condition)
        """
    }

    private static func rows(of master: String) -> String {
        """
        SELECT u.*, count(*) OVER () AS total
        FROM (
            SELECT DISTINCT ON (f.order_id) f.id, f.order_id, f.round_number, f.state, f.sent_at, f.expires_at,
                o.category, o.city_id, o.district_id, o.timeslot_start_utc, o.timeslot_end_utc
            FROM offers f JOIN orders o ON o.id = f.order_id
            WHERE f.master_id = \(master) AND \(Fragment.isLive)
                AND o.assigned_master_id IS NULL AND o.status IN \(Fragment.listedStatuses)
            ORDER BY f.order_id, f.id DESC) u
        ORDER BY u.sent_at DESC, u.order_id DESC LIMIT $2
        """
    }

    static func bound(_ params: ListOffersParams) -> BoundStatement {
        let rows = Parameter.int8(Int64(params.offset) + Int64(params.limit))
        return switch params.master {
        case .id(let number): BoundStatement(byID, [.int8(number), rows])
        case .telegramUser(let number): BoundStatement(byTelegramUser, [.int8(number), rows])
        }
    }

    /// The twelve columns from offer id to expiry, as list and card have them.
    static func entry(
        _ rows: QueryResult, row: Int, from first: Int
    ) throws(ResultMismatch) -> OfferEntry {
        OfferEntry(
            offerId: try rows.requiredInteger(row: row, column: first),
            orderId: try rows.requiredInteger(row: row, column: first + 1),
            round: try rows.requiredInteger(row: row, column: first + 2),
            state: try rows.requiredText(row: row, column: first + 3),
            category: rows.text(row: row, column: first + 4),
            city: try rows.requiredText(row: row, column: first + 5),
            district: rows.text(row: row, column: first + 6),
            timezone: rows.text(row: row, column: first + 7),
            timeslot: Timeslot(
                start: try rows.moment(row: row, column: first + 8), end: try rows.moment(row: row, column: first + 9)),
            sentAt: try rows.moment(row: row, column: first + 10),
            expiresAt: try rows.moment(row: row, column: first + 11))
    }
}

/// The result of `listOffers`, written straight from the rows: what the database sent is copied once, into the reply,
/// and no value of it is made in between. (Five offers cost some 3 µs of our time; by way of an `OfferEntry` for each,
/// whose texts are strings of their own, 7 µs.) The members are those of `ListOffersResult`, which clients read it with; a
/// test holds the two together.
struct ListOffersReply: JSONEncodable {
    private let rows: QueryResult
    /// The rows of the page, in its order.
    private let page: ArraySlice<Row>
    private let masterID: Int64
    private let total: Int64
    private let asOf: Timestamp

    /// Nil if there is no such master.
    ///
    /// - Throws: `ResultMismatch` for every value that could not be written; after that, writing cannot fail.
    init?(_ rows: QueryResult, offset: Int) throws(ResultMismatch) {
        guard rows.rowCount > 0, let masterID = try rows.integer(row: 0, column: 0) else { return nil }
        self.rows = rows
        self.masterID = masterID
        asOf = Timestamp(microseconds: try rows.requiredTimestamp(row: 0, column: 1))
        total = try rows.integer(row: 0, column: 2) ?? 0
        guard total > 0 else {
            page = []
            return
        }
        for column in Column.integers where !rows.holdsIntegers(column) {
            throw ResultMismatch(column: column, expected: "integer")
        }
        for column in Column.moments where !rows.holdsTimestamps(column) {
            throw ResultMismatch(column: column, expected: "timestamp")
        }
        var list: [Row] = []
        var isInOrder = true
        list.reserveCapacity(rows.rowCount)
        for row in 0..<rows.rowCount {
            for column in Column.required where rows.isNull(row: row, column: column) {
                throw ResultMismatch(column: column, expected: "not null")
            }
            let sentAt = try rows.timestamp(row: row, column: Column.sentAt)
            let orderID = try rows.requiredInteger(row: row, column: Column.orderID)
            let next = Row(hasNoTime: sentAt == nil, sentAt: sentAt ?? 0, orderID: orderID, number: row)
            if let last = list.last, !Row.isBefore(last, next) { isInOrder = false }
            list.append(next)
        }
        // They come in order, but nothing promises that: the names are joined after the ordering.
        if !isInOrder { list.sort(by: Row.isBefore) }
        page = list.dropFirst(offset)
    }

    /// A row, and what it is ordered by.
    private struct Row {
        /// NULL comes first, as it does in Postgres when the order is descending.
        let hasNoTime: Bool
        let sentAt: Int64
        let orderID: Int64
        let number: Int

        static func isBefore(_ one: Row, _ other: Row) -> Bool {
            if one.hasNoTime != other.hasNoTime { return one.hasNoTime }
            return (one.sentAt, one.orderID) > (other.sentAt, other.orderID)
        }
    }

    private enum Column {
        static let offerID = 3
        static let orderID = 4
        static let round = 5
        static let state = 6
        static let category = 7
        static let city = 8
        static let district = 9
        static let timezone = 10
        static let slotStart = 11
        static let slotEnd = 12
        static let sentAt = 13
        static let expiresAt = 14

        static let integers = [offerID, orderID, round]
        static let moments = [slotStart, slotEnd, sentAt, expiresAt]
        static let required = [offerID, orderID, round, state, city]
    }

    func encode(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("masterId", masterID)
        writer.member("total", total)
        writer.key("asOf")
        asOf.encode(to: &writer)
        writer.key("offers")
        writer.beginArray()
        for row in page { encode(row.number, to: &writer) }
        writer.endArray()
        writer.endObject()
    }

    private func encode(_ row: Int, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("offerId")
        integer(row, Column.offerID, &writer)
        writer.key("orderId")
        integer(row, Column.orderID, &writer)
        writer.key("round")
        integer(row, Column.round, &writer)
        writer.key("state")
        text(row, Column.state, &writer)
        writer.key("category")
        text(row, Column.category, &writer)
        writer.key("city")
        text(row, Column.city, &writer)
        writer.key("district")
        text(row, Column.district, &writer)
        writer.key("timezone")
        text(row, Column.timezone, &writer)
        writer.key("timeslot")
        if rows.isNull(row: row, column: Column.slotStart), rows.isNull(row: row, column: Column.slotEnd) {
            writer.null()
        } else {
            writer.beginObject()
            writer.key("start")
            moment(row, Column.slotStart, &writer)
            writer.key("end")
            moment(row, Column.slotEnd, &writer)
            writer.endObject()
        }
        writer.key("sentAt")
        moment(row, Column.sentAt, &writer)
        writer.key("expiresAt")
        moment(row, Column.expiresAt, &writer)
        writer.endObject()
    }

    private func integer(_ row: Int, _ column: Int, _ writer: inout JSONWriter) {
        if let value = try? rows.integer(row: row, column: column) { writer.integer(value) } else { writer.null() }
    }

    private func moment(_ row: Int, _ column: Int, _ writer: inout JSONWriter) {
        if let value = try? rows.timestamp(row: row, column: column) {
            Timestamp(microseconds: value).encode(to: &writer)
        } else {
            writer.null()
        }
    }

    private func text(_ row: Int, _ column: Int, _ writer: inout JSONWriter) {
        if let bytes = rows.bytes(row: row, column: column) { writer.string(utf8: bytes) } else { writer.null() }
    }
}

extension QueryResult {
    /// A `timestamptz` as the contract's type.
    func moment(row: Int, column: Int) throws(ResultMismatch) -> Timestamp? {
        guard let microseconds = try timestamp(row: row, column: column) else { return nil }
        return Timestamp(microseconds: microseconds)
    }
}
