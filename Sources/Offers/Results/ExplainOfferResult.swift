package import JSONRPC

/// The result of `explainOffer`: why a master can or cannot take an order, or why the list is as it is. All of it is of
/// one moment. It has no data of the client and no text that a person typed.
package struct ExplainOfferResult: ContractResult {
    /// `masters.id`; as asked if there is no such master, nil if the master was named otherwise then.
    package let masterId: Int64?
    /// `orders.id` as asked; nil if no order was asked for, or one beyond 64 bits.
    package let orderId: Int64?
    /// The database's clock at the query.
    package let asOf: Timestamp
    /// What `acceptOffer` would answer; nil without an order.
    package let accept: AcceptForecast?
    /// Whether `listOffers` shows the order to the master; nil without an order.
    package let listed: Bool?
    /// The master; nil if there is none such.
    package let master: MasterState?
    /// The order; nil if there is none such, and without an order.
    package let order: OrderState?
    /// Every row of master and order, newest first.
    package let offers: [OfferRecord]
    /// The order's last ten changes of status, newest first; nil without an order, and where the service may not read
    /// them.
    package let history: [StatusChange]?
    /// How many open offers of the master are not listed, by reason; nil with an order. A reason is a ``Reason``;
    /// DEFERRED, a status in which orders are not listed; or DUPLICATE, an older offer of a listed order.
    package let notListed: [String: Int64]?

    /// An explanation.
    package init(
        masterId: Int64?, orderId: Int64?, asOf: Timestamp, accept: AcceptForecast?, listed: Bool?,
        master: MasterState?, order: OrderState?, offers: [OfferRecord], history: [StatusChange]?,
        notListed: [String: Int64]?
    ) {
        self.masterId = masterId
        self.orderId = orderId
        self.asOf = asOf
        self.accept = accept
        self.listed = listed
        self.master = master
        self.order = order
        self.offers = offers
        self.history = history
        self.notListed = notListed
    }

    package static let schema = JSONSchema.object([
        .init(
            "masterId", .nullable(.integer()),
            "The master's id, as asked if there is no such master; null if another name of the master is unknown."),
        .init("orderId", .nullable(.integer()), "The order's id as asked; null if none was asked for."),
        .init("asOf", .timestamp, "The database's clock at the query."),
        .init(
            "accept", .nullable(.reference("AcceptForecast")), "What acceptOffer would answer; null without orderId."),
        .init("listed", .nullable(.boolean), "Whether listOffers shows the order; null without orderId."),
        .init(
            "master", .nullable(.reference("MasterState")), "The state of the master; null if there is no such master."),
        .init(
            "order", .nullable(.reference("OrderState")),
            "The state of the order; null if there is no such order, and without orderId."),
        .init("offers", .array(.reference("OfferRecord")), "Every offer of this order to this master, newest first."),
        .init(
            "history", .nullable(.array(.reference("StatusChange"))),
            "The order's last ten changes of status, newest first; null without orderId, and if the service has no right to read them."
        ),
        .init(
            "notListed", .nullable(.counts),
            "How many open offers of the master are not in the list, by reason; null with orderId."),
    ])

    package func encode(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("masterId", masterId)
        writer.member("orderId", orderId)
        writer.member("asOf", asOf)
        writer.member("accept", orNull: accept)
        writer.member("listed", listed)
        writer.member("master", orNull: master)
        writer.member("order", orNull: order)
        writer.member("offers", elements: offers)
        writer.member("history", elements: history)
        writer.key("notListed")
        if let notListed {
            writer.beginObject()
            for reason in notListed.keys.sorted() {
                writer.key(named: reason)
                writer.integer(notListed[reason, default: 0])
            }
            writer.endObject()
        } else {
            writer.null()
        }
        writer.endObject()
    }
}

extension JSONWriter {
    /// A member that is an object or `null`.
    fileprivate mutating func member(_ name: StaticString, orNull value: (some JSONEncodable)?) {
        key(name)
        if let value { value.encode(to: &self) } else { null() }
    }

    /// A member that is an array; `null` for none.
    fileprivate mutating func member(_ name: StaticString, elements: [some JSONEncodable]?) {
        key(name)
        guard let elements else { return null() }
        beginArray()
        for element in elements { element.encode(to: &self) }
        endArray()
    }
}
