import Offers
import Postgres

/// The list: one statement, one row per order on the page, and always at least one row if the master exists.
///
/// The first row of all is returned besides the page, because it carries the total even past the last page. One window
/// gives the total and each row's place; the rows come in any order.
enum ListOffersQuery {
    static let statement = ByMaster("offersd_list", parameters: [.int8, .int8, .int8]) { isMaster in
        """
        SELECT m.id, statement_timestamp(), p.total, p.place, p.id, p.order_id, p.round_number, p.state, p.category,
            p.city, p.district, p.timezone, p.timeslot_start_utc, p.timeslot_end_utc, p.sent_at, p.expires_at
        FROM masters m
        LEFT JOIN LATERAL (
            SELECT u.*, count(*) OVER listed AS total, row_number() OVER listed AS place
            FROM (
                SELECT DISTINCT ON (f.order_id) f.id, f.order_id, f.round_number, f.state, f.sent_at, f.expires_at,
                    o.category, c.name AS city, d.name AS district, c.timezone, o.timeslot_start_utc,
                    o.timeslot_end_utc
                FROM offers f JOIN orders o ON o.id = f.order_id JOIN cities c ON c.id = o.city_id
                LEFT JOIN districts d ON d.id = o.district_id
                WHERE f.master_id = m.id AND \(Fragment.isLive)
                    AND o.assigned_master_id IS NULL AND o.status IN \(Fragment.listedStatuses)
                ORDER BY f.order_id, f.id DESC) u
            WINDOW listed AS (ORDER BY u.sent_at DESC, u.order_id DESC
                ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
            ) p ON p.place = 1 OR (p.place > $2 AND p.place <= $2 + $3)
        WHERE \(isMaster)
        """
    }

    static func bound(_ params: ListOffersParams) -> BoundStatement {
        statement(params.master, .int8(Int64(params.offset)), .int8(Int64(params.limit)))
    }

    /// The page, or nil if there is no such master.
    static func decode(_ rows: borrowing QueryResult, offset: Int) throws(ResultMismatch) -> ListOffersResult? {
        guard rows.rowCount > 0 else { return nil }
        var offers: [(place: Int64, entry: OfferEntry)] = []
        offers.reserveCapacity(rows.rowCount)
        for row in 0..<rows.rowCount {
            // NULL: no offers at all. Not past the offset: the row that only carries the total.
            guard let place = try rows.integer(row: row, column: 3), place > Int64(offset) else { continue }
            offers.append((place, try entry(rows, row: row, from: 4)))
        }
        offers.sort { $0.place < $1.place }
        return ListOffersResult(
            masterId: try rows.requiredInteger(row: 0, column: 0),
            total: try rows.integer(row: 0, column: 2) ?? 0,
            asOf: Timestamp(microseconds: try rows.requiredTimestamp(row: 0, column: 1)),
            offers: offers.map(\.entry))
    }

    /// The twelve columns from offer id to expiry, as list and card have them.
    static func entry(
        _ rows: borrowing QueryResult, row: Int, from first: Int
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

extension QueryResult {
    /// A `timestamptz` as the contract's type.
    borrowing func moment(row: Int, column: Int) throws(ResultMismatch) -> Timestamp? {
        guard let microseconds = try timestamp(row: row, column: column) else { return nil }
        return Timestamp(microseconds: microseconds)
    }
}
