/// The methods that the service has, and nothing else: parsing, the OpenRPC document and the tests all read this.
package enum Contract {
    /// The version of the contract; its policy is in `Protocol/README.md`, "Versions".
    package static let version = "1.1.0"

    /// All methods, in the order of the documentation.
    package static let methods = [
        listOffers, getOffer, acceptOffer, declineOffer, explainOffer, health, metrics, discover,
    ]

    /// The open offers of a master.
    package static let listOffers = MethodDescription(
        name: "listOffers",
        summary: "The orders that a master can accept now, newest first.",
        description: """
            One entry per order, by sentAt and then orderId, both descending. Everything listed could be accepted at \
            asOf, the master's own state and limit aside. Deferred orders are not listed.
            """,
        parameters: [
            masterId,
            ParameterDescription("limit", "How many entries at most.", .integer(1...100, default: 20)),
            ParameterDescription("offset", "How many entries to skip.", .integer(0...2_147_483_647, default: 0)),
            telegramUserId,
        ],
        result: .reference("ListOffersResult"),
        errors: [.masterNotFound] + databaseErrors + callErrors)

    /// One offer, with the address down to the house.
    package static let getOffer = MethodDescription(
        name: "getOffer",
        summary: "One offer, as long as it can be accepted.",
        description: """
            Answers the reason when the offer cannot be accepted any more. The master's block, activity and limit do not \
            matter. Deferred orders are shown. Writes nothing.
            """,
        parameters: [masterId, orderId, telegramUserId],
        result: .reference("GetOfferResult"),
        errors: [
            .masterNotFound, .alreadyYours, .offerNotFound, .orderTaken, .offerExpired, .offerDeclined, .offerCanceled,
            .orderNotAvailable,
        ] + databaseErrors + callErrors)

    /// Accepting an order.
    package static let acceptOffer = MethodDescription(
        name: "acceptOffer",
        summary: "Assigns the order to the master if it is still free.",
        description: """
            A success is committed in the database. Repeating it is safe: an order that is already this master's is a \
            success with alreadyAccepted and writes nothing.
            """,
        parameters: [masterId, orderId, telegramUserId],
        result: .reference("AcceptOfferResult"),
        errors: [
            .masterNotFound, .masterBlocked, .masterNotActive, .offerNotFound, .orderTaken, .offerExpired,
            .offerDeclined, .offerCanceled, .orderNotAvailable, .limitReached,
        ] + databaseErrors + [.outcomeUnknown] + callErrors)

    /// The refusal by the master.
    package static let declineOffer = MethodDescription(
        name: "declineOffer",
        summary: "Takes the order out of the master's offers.",
        description: """
            Closes every open offer of this order to this master, expired or not. Repeating it is safe: an offer that is \
            already declined is a success with alreadyDeclined and writes nothing. The order itself is not touched.
            """,
        parameters: [masterId, orderId, telegramUserId],
        result: .reference("DeclineOfferResult"),
        errors: [.masterNotFound, .alreadyYours, .offerNotFound, .orderTaken, .offerExpired, .offerCanceled]
            + databaseErrors + [.outcomeUnknown] + callErrors)

    /// Why an order can or cannot be accepted.
    package static let explainOffer = MethodDescription(
        name: "explainOffer",
        summary: "Why a master can or cannot take an order, or why the list is as it is.",
        description: """
            For support and scripts: what acceptOffer would answer now, whether the list shows the order, and what that rests \
            on. Without orderId: how the master stands, and how many open offers are not listed for which reason. An unknown \
            master or order is a result and no error. Shows no data of the client and no text that a person typed. Writes \
            nothing.
            """,
        parameters: [
            masterId,
            ParameterDescription("orderId", "The order's id. Without it the list is explained.", .identifier),
            telegramUserId,
        ],
        result: .reference("ExplainOfferResult"),
        errors: databaseErrors + callErrors)

    /// The state of the service.
    package static let health = MethodDescription(
        name: "health",
        summary: "Whether the service can do its work.",
        description: "Makes one round trip to the database. A database that is down is a result, not an error.",
        parameters: [],
        result: .reference("HealthResult"),
        errors: callErrors)

    /// The numbers of the service.
    package static let metrics = MethodDescription(
        name: "metrics",
        summary: "Counters, latency quantiles and histograms per method, the state of the pools, and the status.",
        description: """
            As an object, or as the Prometheus text exposition in one string. The names inside the object are for people \
            and may change; those of the exposition are stable.
            """,
        parameters: [
            ParameterDescription("format", "The form of the result.", .choice(["json", "prometheus"], default: "json"))
        ],
        result: .oneOf([.anything(type: "object"), .string]),
        errors: callErrors)

    /// This document.
    package static let discover = MethodDescription(
        name: "rpc.discover",
        summary: "The OpenRPC document of the service.",
        description: "The same document as Protocol/openrpc.json of this version.",
        parameters: [],
        result: .anything(type: "object"),
        errors: callErrors)

    private static let masterId = ParameterDescription(
        "masterId", "The master's id. Exactly one of masterId and telegramUserId must be given.", .identifier)

    private static let telegramUserId = ParameterDescription(
        "telegramUserId", "The master's Telegram user id, by name only, instead of masterId.", .identifier,
        positional: false)

    private static let orderId = ParameterDescription("orderId", "The order's id.", .identifier, required: true)

    private static let databaseErrors: [Reason] = [.databaseUnavailable, .timedOut]

    private static let callErrors: [Reason] = [
        .overloaded, .forbidden, .shuttingDown, .invalidParams, .internalError,
    ]
}
