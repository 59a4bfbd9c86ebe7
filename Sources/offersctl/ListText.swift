import Offers

/// A list of offers for a reader: a line for each order. A value without I/O. Times count from the database's clock, so
/// that they are the same in every time zone.
enum ListText {
    /// The lines, each with its end.
    ///
    /// - Parameter width: Columns of the terminal; at least 80 are used.
    static func of(_ list: ListOffersResult, width: Int) -> String {
        var lines = [heading(list)]
        let rows = list.offers.map { offer in
            [
                "\(offer.orderId)", offer.category ?? "-",
                [offer.city, offer.district].compactMap(\.self).joined(separator: ", "),
                offer.timeslot.map { slot($0, from: list.asOf) } ?? "now",
                offer.sentAt.map { HumanTime.distance(of: $0, from: list.asOf) } ?? "-",
                offer.expiresAt.map { HumanTime.distance(of: $0, from: list.asOf) } ?? "never",
            ].map(HumanText.printable)
        }
        if !rows.isEmpty {
            lines += TextTable.lines(
                [["order", "category", "place", "visit", "sent", "ends"]] + rows, left: 6, width: max(80, width))
        }
        return lines.map { $0 + "\n" }.joined()
    }

    private static func heading(_ list: ListOffersResult) -> String {
        let orders = list.total == 1 ? "1 order" : "\(list.total) orders"
        let page = list.offers.count == list.total ? "" : ", of which \(list.offers.count) on this page"
        return "Master \(list.masterId): \(orders) to accept\(page)"
    }

    private static func slot(_ slot: Timeslot, from now: Timestamp) -> String {
        (slot.start ?? slot.end).map { HumanTime.distance(of: $0, from: now) } ?? "now"
    }
}
