package import JSONRPC

/// The result of `declineOffer`: this master has no open offer of this order any more, and that is committed.
package struct DeclineOfferResult: ContractResult {
    /// `masters.id`, also when the request named the master otherwise.
    package let masterId: Int64
    /// `orders.id`.
    package let orderId: Int64
    /// `offers.id` of the declined row; of several the highest.
    package let offerId: Int64
    /// Whether it was declined before this request.
    package let alreadyDeclined: Bool

    /// A refusal that holds.
    package init(masterId: Int64, orderId: Int64, offerId: Int64, alreadyDeclined: Bool) {
        self.masterId = masterId
        self.orderId = orderId
        self.offerId = offerId
        self.alreadyDeclined = alreadyDeclined
    }

    package static let schema = JSONSchema.object([
        .init("masterId", .integer(), "The master's id."),
        .init("orderId", .integer(), "The order's id."),
        .init("offerId", .integer(), "The declined offer; of several the one with the highest id."),
        .init("alreadyDeclined", .boolean, "Whether it was declined before this request."),
    ])

    package func encode(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("masterId", masterId)
        writer.member("orderId", orderId)
        writer.member("offerId", offerId)
        writer.member("alreadyDeclined", alreadyDeclined)
        writer.endObject()
    }
}
