package import JSONRPC

/// One offer with the address down to the house; no data of the client.
package struct OfferCard: Equatable, Sendable {
    /// What the list shows, too.
    package let entry: OfferEntry
    /// `streets.name`.
    package let street: String?
    /// `orders.house`.
    package let house: String?
    /// `orders.description`.
    package let description: String?

    /// The card of an offer.
    package init(entry: OfferEntry, street: String?, house: String?, description: String?) {
        self.entry = entry
        self.street = street
        self.house = house
        self.description = description
    }

    static let schema = JSONSchema.object(OfferEntry.properties + OrderProperties.place)
}

extension OfferCard: Decodable {
    private enum CodingKeys: CodingKey { case street, house, description }

    /// The members of the entry are members of the card.
    package init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            entry: try OfferEntry(from: decoder),
            street: try members.decodeIfPresent(String.self, forKey: .street),
            house: try members.decodeIfPresent(String.self, forKey: .house),
            description: try members.decodeIfPresent(String.self, forKey: .description))
    }
}

/// The result of `getOffer`.
package struct GetOfferResult: ContractResult {
    /// `masters.id`, also when the request named the master otherwise.
    package let masterId: Int64
    /// The database's clock at the query.
    package let asOf: Timestamp
    /// The offer.
    package let offer: OfferCard

    /// An offer that could be accepted at `asOf`.
    package init(masterId: Int64, asOf: Timestamp, offer: OfferCard) {
        self.masterId = masterId
        self.asOf = asOf
        self.offer = offer
    }

    package static let schema = JSONSchema.object([
        .init("masterId", .integer(), "The master's id."),
        .init("asOf", .timestamp, "The database's clock at the query."),
        .init("offer", .reference("OfferCard")),
    ])

    package func encode(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("masterId", masterId)
        writer.member("asOf", asOf)
        writer.key("offer")
        writer.beginObject()
        offer.entry.encodeMembers(to: &writer)
        writer.member("street", offer.street)
        writer.member("house", offer.house)
        writer.member("description", offer.description)
        writer.endObject()
        writer.endObject()
    }
}
