/// Why a request was refused or failed: the closed list of the contract (`Protocol/README.md`, "Errors").
///
/// A reason stands in `error.data.reason` of every error that the service sends; its code never changes.
/// A new reason is a new version of the contract.
package enum Reason: String, CaseIterable, Sendable {
    case masterNotFound = "MASTER_NOT_FOUND"
    case masterBlocked = "MASTER_BLOCKED"
    case masterNotActive = "MASTER_NOT_ACTIVE"
    case limitReached = "LIMIT_REACHED"
    case offerNotFound = "OFFER_NOT_FOUND"
    case offerExpired = "OFFER_EXPIRED"
    case offerDeclined = "OFFER_DECLINED"
    case offerCanceled = "OFFER_CANCELED"
    case orderTaken = "ORDER_TAKEN"
    case orderNotAvailable = "ORDER_NOT_AVAILABLE"
    case alreadyYours = "ALREADY_YOURS"
    case databaseUnavailable = "DATABASE_UNAVAILABLE"
    case overloaded = "OVERLOADED"
    case timedOut = "TIMED_OUT"
    case outcomeUnknown = "OUTCOME_UNKNOWN"
    case forbidden = "FORBIDDEN"
    case shuttingDown = "SHUTTING_DOWN"
    case lineTooLong = "LINE_TOO_LONG"
    case parseError = "PARSE_ERROR"
    case invalidRequest = "INVALID_REQUEST"
    case batchTooLong = "BATCH_TOO_LONG"
    case methodNotFound = "METHOD_NOT_FOUND"
    case invalidParams = "INVALID_PARAMS"
    case internalError = "INTERNAL_ERROR"

    /// Which part of the service says no.
    package enum Origin: Sendable {
        /// A rule of the business; the database was asked and this is its answer.
        case domain
        /// The service or its database could not do the work just now, or this socket may not ask for it.
        case server
        /// The request itself is wrong (JSON-RPC 2.0, section 5.1), or it met an unforeseen case.
        case standard
    }

    /// The number in `error.code`. Several reasons may share one of the standard codes.
    package var code: Int {
        switch self {
        case .masterNotFound: 1001
        case .masterBlocked: 1002
        case .masterNotActive: 1003
        case .limitReached: 1004
        case .offerNotFound: 1101
        case .offerExpired: 1102
        case .offerDeclined: 1103
        case .offerCanceled: 1104
        case .orderTaken: 1201
        case .orderNotAvailable: 1202
        case .alreadyYours: 1203
        case .databaseUnavailable: -32001
        case .overloaded: -32002
        case .timedOut: -32003
        case .outcomeUnknown: -32004
        case .forbidden: -32005
        case .shuttingDown: -32006
        case .lineTooLong: -32007
        case .parseError: -32700
        case .invalidRequest, .batchTooLong: -32600
        case .methodNotFound: -32601
        case .invalidParams: -32602
        case .internalError: -32603
        }
    }

    /// Whether the same request, sent again unchanged, can succeed without a repair.
    package var retryable: Bool {
        switch self {
        case .databaseUnavailable, .overloaded, .timedOut, .outcomeUnknown, .shuttingDown: true
        case .masterNotFound, .masterBlocked, .masterNotActive, .limitReached, .offerNotFound, .offerExpired,
            .offerDeclined, .offerCanceled, .orderTaken, .orderNotAvailable, .alreadyYours, .forbidden, .lineTooLong,
            .parseError, .invalidRequest, .batchTooLong, .methodNotFound, .invalidParams, .internalError:
            false
        }
    }

    /// Which part of the service says no.
    package var origin: Origin {
        switch code {
        case 1000...: .domain
        case -32099 ... -32000: .server
        default: .standard
        }
    }

    /// When it is given: the sentence of the contract, also the `message` of the OpenRPC document.
    package var summary: String {
        switch self {
        case .masterNotFound: "There is no such master."
        case .masterBlocked: "The master is blocked and cannot accept orders."
        case .masterNotActive: "The master is deleted, inactive, rejected, or neither verified nor approved."
        case .limitReached: "The master already has as many active orders as allowed."
        case .offerNotFound: "This order was never offered to this master."
        case .offerExpired: "The offer has expired."
        case .offerDeclined: "The master has declined this offer."
        case .offerCanceled: "The offer was withdrawn."
        case .orderTaken: "The order is assigned to another master."
        case .orderNotAvailable: "The order has no master, but its status does not allow it to be accepted."
        case .alreadyYours: "The order is already assigned to this master."
        case .databaseUnavailable: "The database cannot be used now; nothing was done."
        case .overloaded: "The service is at one of its limits; nothing was done."
        case .timedOut: "The request was given up at its deadline; nothing was written and nothing will be."
        case .outcomeUnknown: "It is not known whether the request took effect; repeat it, which is safe."
        case .forbidden: "This method is not allowed on this socket."
        case .shuttingDown: "The service is stopping; nothing was done."
        case .lineTooLong: "The line is longer than allowed and was skipped."
        case .parseError: "The line is not a JSON text."
        case .invalidRequest: "The JSON text is not a JSON-RPC 2.0 request."
        case .batchTooLong: "The batch has more requests than allowed; none was executed."
        case .methodNotFound: "There is no such method."
        case .invalidParams: "The params do not fit the method."
        case .internalError: "The service failed for a reason that it does not know; its log has the details."
        }
    }

    /// The further members of `error.data`, beside `reason` and `retryable`.
    package var details: [String] {
        switch self {
        case .masterBlocked: ["blockedReason"]
        case .limitReached: ["limit", "active"]
        case .offerExpired: ["expiredAt"]
        case .orderNotAvailable, .alreadyYours: ["status"]
        case .databaseUnavailable, .overloaded: ["retryAfterMs"]
        case .lineTooLong, .batchTooLong: ["limit"]
        case .invalidParams: ["path"]
        case .masterNotFound, .masterNotActive, .offerNotFound, .offerDeclined, .offerCanceled, .orderTaken, .timedOut,
            .outcomeUnknown, .forbidden, .shuttingDown, .parseError, .invalidRequest, .methodNotFound, .internalError:
            []
        }
    }
}
