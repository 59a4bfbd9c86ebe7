package import JSONRPC

/// The result of `acceptOffer`: the order is this master's, and that is committed.
package struct AcceptOfferResult: ContractResult {
    /// `masters.id`, also when the request named the master otherwise.
    package let masterId: Int64
    /// `orders.id`.
    package let orderId: Int64
    /// `offers.id` of the accepted row; nil if the order came to the master without an offer.
    package let offerId: Int64?
    /// Whether it was this master's before this request.
    package let alreadyAccepted: Bool
    /// `offers.responded_at` of the accepted row; nil if there is none.
    package let acceptedAt: Timestamp?
    /// The order with the client's data.
    package let order: AcceptedOrder

    /// An accept that holds.
    package init(
        masterId: Int64, orderId: Int64, offerId: Int64?, alreadyAccepted: Bool, acceptedAt: Timestamp?,
        order: AcceptedOrder
    ) {
        self.masterId = masterId
        self.orderId = orderId
        self.offerId = offerId
        self.alreadyAccepted = alreadyAccepted
        self.acceptedAt = acceptedAt
        self.order = order
    }

    package static let schema = JSONSchema.object([
        .init("masterId", .integer(), "The master's id."),
        .init("orderId", .integer(), "The order's id."),
        .init("offerId", .nullable(.integer()), "The accepted offer; null if the order was assigned without one."),
        .init("alreadyAccepted", .boolean, "Whether the order was this master's before this request."),
        .init("acceptedAt", .nullable(.timestamp), "When the offer was accepted; null if there is none."),
        .init("order", .reference("AcceptedOrder")),
    ])

    package func encode(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("masterId", masterId)
        writer.member("orderId", orderId)
        writer.member("offerId", offerId)
        writer.member("alreadyAccepted", alreadyAccepted)
        writer.member("acceptedAt", acceptedAt)
        writer.key("order")
        order.encode(to: &writer)
        writer.endObject()
    }
}

/// An order in the hands of its master: the only place where the client's data is given.
package struct AcceptedOrder: Decodable, Equatable, JSONEncodable {
    /// `orders.id`.
    package let orderId: Int64
    /// The label of `orders.category`.
    package let category: String?
    /// `cities.name`.
    package let city: String
    /// `districts.name`.
    package let district: String?
    /// `cities.timezone`.
    package let timezone: String?
    /// When the client expects the master; nil = as soon as possible.
    package let timeslot: Timeslot?
    /// `streets.name`.
    package let street: String?
    /// `orders.house`.
    package let house: String?
    /// `orders.description`.
    package let description: String?
    /// The label of `orders.status`: ASSIGNED after a fresh accept.
    package let status: String
    /// `orders.apartment`.
    package let apartment: String?
    /// `orders.address_comment`.
    package let addressComment: String?
    /// `orders.client_name`.
    package let clientName: String?
    /// `orders.client_phone`.
    package let clientPhone: String?
    /// `orders.version`.
    package let version: Int64

    /// The order as stored.
    package init(
        orderId: Int64, category: String?, city: String, district: String?, timezone: String?, timeslot: Timeslot?,
        street: String?, house: String?, description: String?, status: String, apartment: String?,
        addressComment: String?, clientName: String?, clientPhone: String?, version: Int64
    ) {
        self.orderId = orderId
        self.category = category
        self.city = city
        self.district = district
        self.timezone = timezone
        self.timeslot = timeslot
        self.street = street
        self.house = house
        self.description = description
        self.status = status
        self.apartment = apartment
        self.addressComment = addressComment
        self.clientName = clientName
        self.clientPhone = clientPhone
        self.version = version
    }

    static let schema = JSONSchema.object(
        [.init("orderId", .integer(), "The order's id.")] + OrderProperties.visit + OrderProperties.place + [
            .init(
                "status", .string,
                "The order's status: ASSIGNED after a fresh accept; later EN_ROUTE, WORKING, PAYMENT, CLOSED and others."
            ),
            .init("apartment", .nullable(.string), "The apartment as stored."),
            .init("addressComment", .nullable(.string), "How to find the place."),
            .init("clientName", .nullable(.string), "The client's name."),
            .init("clientPhone", .nullable(.string), "The client's phone as stored."),
            .init("version", .integer(), "The order's version; every accept adds one."),
        ])

    package func encode(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("orderId", orderId)
        writer.member("category", category)
        writer.member("city", city)
        writer.member("district", district)
        writer.member("timezone", timezone)
        writer.member("timeslot", timeslot)
        writer.member("street", street)
        writer.member("house", house)
        writer.member("description", description)
        writer.member("status", status)
        writer.member("apartment", apartment)
        writer.member("addressComment", addressComment)
        writer.member("clientName", clientName)
        writer.member("clientPhone", clientPhone)
        writer.member("version", version)
        writer.endObject()
    }
}
