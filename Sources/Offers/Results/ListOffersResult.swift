package import JSONRPC

/// The result of `listOffers`.
package struct ListOffersResult: ContractResult {
    /// `masters.id`, also when the request named the master otherwise.
    package let masterId: Int64
    /// How many orders the whole list has, also when the page is empty.
    package let total: Int64
    /// The database's clock at the query.
    package let asOf: Timestamp
    /// The page.
    package let offers: [OfferEntry]

    /// A page of the list.
    package init(masterId: Int64, total: Int64, asOf: Timestamp, offers: [OfferEntry]) {
        self.masterId = masterId
        self.total = total
        self.asOf = asOf
        self.offers = offers
    }

    package static let schema = JSONSchema.object([
        .init("masterId", .integer(), "The master's id."),
        .init("total", .integer(0...Int64.max), "How many orders the whole list has, whatever the page."),
        .init("asOf", .timestamp, "The database's clock at the query."),
        .init("offers", .array(.reference("OfferEntry")), "The page, newest first."),
    ])

    package func encode(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("masterId", masterId)
        writer.member("total", total)
        writer.member("asOf", asOf)
        writer.key("offers")
        writer.beginArray()
        for offer in offers {
            writer.beginObject()
            offer.encodeMembers(to: &writer)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
    }
}
