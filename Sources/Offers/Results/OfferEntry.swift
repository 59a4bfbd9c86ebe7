import JSONRPC

/// One order as it stands in a master's list of offers. Texts and times are as stored.
package struct OfferEntry: Decodable, Equatable, Sendable {
    /// `offers.id` of the row that stands for the order: of the open, unexpired ones the highest.
    package let offerId: Int64
    /// `orders.id`.
    package let orderId: Int64
    /// `offers.round_number`.
    package let round: Int64
    /// SENT or VIEWED.
    package let state: String
    /// The label of `orders.category`.
    package let category: String?
    /// `cities.name`.
    package let city: String
    /// `districts.name`.
    package let district: String?
    /// `cities.timezone`, an IANA name if it was stored right.
    package let timezone: String?
    /// When the client expects the master; nil = as soon as possible.
    package let timeslot: Timeslot?
    /// `offers.sent_at`.
    package let sentAt: Timestamp?
    /// `offers.expires_at`; nil = never.
    package let expiresAt: Timestamp?

    /// One row of the list.
    package init(
        offerId: Int64, orderId: Int64, round: Int64, state: String, category: String?, city: String,
        district: String?, timezone: String?, timeslot: Timeslot?, sentAt: Timestamp?, expiresAt: Timestamp?
    ) {
        self.offerId = offerId
        self.orderId = orderId
        self.round = round
        self.state = state
        self.category = category
        self.city = city
        self.district = district
        self.timezone = timezone
        self.timeslot = timeslot
        self.sentAt = sentAt
        self.expiresAt = expiresAt
    }

    static let properties: [JSONSchema.Property] =
        [
            .init("offerId", .integer(), "The id of the offer in this entry."),
            .init("orderId", .integer(), "The order's id."),
            .init("round", .integer(), "The round of the distribution in which the offer was made."),
            .init("state", .choice(["SENT", "VIEWED"]), "The state of the offer."),
        ] + OrderProperties.visit + [
            .init("sentAt", .nullable(.timestamp), "When the offer was made."),
            .init("expiresAt", .nullable(.timestamp), "Until when it can be accepted; null = it does not expire."),
        ]

    /// The members, inside an object that the caller opened.
    func encodeMembers(to writer: inout JSONWriter) {
        writer.member("offerId", offerId)
        writer.member("orderId", orderId)
        writer.member("round", round)
        writer.member("state", state)
        writer.member("category", category)
        writer.member("city", city)
        writer.member("district", district)
        writer.member("timezone", timezone)
        writer.member("timeslot", timeslot)
        writer.member("sentAt", sentAt)
        writer.member("expiresAt", expiresAt)
    }
}

/// The descriptions that an offer and an accepted order share.
enum OrderProperties {
    static let visit: [JSONSchema.Property] = [
        .init(
            "category", .nullable(.string),
            "What kind of work: ELECTRICS, PLUMBING, APPLIANCES, WINDOWS, HANDYMAN, ROADSIDE, or a later label."),
        .init("city", .string, "The city's name."),
        .init("district", .nullable(.string), "The district's name."),
        .init("timezone", .nullable(.string), "The city's IANA time zone as stored; it may be missing or wrong."),
        .init(
            "timeslot", .nullable(.reference("Timeslot")),
            "When the client expects the master; null = as soon as possible."),
    ]

    static let place: [JSONSchema.Property] = [
        .init("street", .nullable(.string), "The street's name."),
        .init("house", .nullable(.string), "The house number as stored."),
        .init("description", .nullable(.string), "The work, in the words of the client or the office."),
    ]
}
