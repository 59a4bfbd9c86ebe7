package import JSONRPC

/// A refusal or failure that the methods of the contract give, with what its `data` must carry.
///
/// The methods build their errors in no other way, so that code, reason, `retryable` and `data` always agree with ``Reason``.
/// The errors of the transport (FORBIDDEN, LINE_TOO_LONG, OVERLOADED for a connection too many, and the standard ones)
/// are built by `JSONRPC`.
package enum OffersError: Error, Hashable, Sendable {
    /// No such master.
    case masterNotFound
    /// Accept by a blocked master; `reason` is `masters.blocked_reason` as stored.
    case masterBlocked(reason: String?)
    /// Accept by a master who is deleted, inactive, rejected, or neither verified nor approved.
    case masterNotActive
    /// The master has `active` orders of at most `limit`.
    case limitReached(limit: Int64, active: Int64)
    /// This master has no offer for this order.
    case offerNotFound
    /// The offer ran out; the time may be unknown.
    case offerExpired(at: Timestamp?)
    /// Accept or getOffer after decline.
    case offerDeclined
    /// The offer was withdrawn and the order has no master.
    case offerCanceled
    /// The order belongs to another master.
    case orderTaken
    /// The order has no master, but its status does not allow it.
    case orderNotAvailable(status: String)
    /// getOffer or declineOffer of an order that is this master's.
    case alreadyYours(status: String)
    /// Nothing was done. `missing` names what the database lacks (columns, privileges), when that is the cause.
    case databaseUnavailable(retryAfterMs: Int64, missing: [String] = [])
    /// A limit of the service; nothing was done.
    case overloaded(retryAfterMs: Int64)
    /// Given up; nothing was written and nothing will be.
    case timedOut
    /// The write was sent and its end was not heard.
    case outcomeUnknown
    /// The service is stopping; nothing was done.
    case shuttingDown
    /// Failed for a reason that the program does not know.
    case internalError

    /// The row of the contract's table.
    package var reason: Reason {
        switch self {
        case .masterNotFound: .masterNotFound
        case .masterBlocked: .masterBlocked
        case .masterNotActive: .masterNotActive
        case .limitReached: .limitReached
        case .offerNotFound: .offerNotFound
        case .offerExpired: .offerExpired
        case .offerDeclined: .offerDeclined
        case .offerCanceled: .offerCanceled
        case .orderTaken: .orderTaken
        case .orderNotAvailable: .orderNotAvailable
        case .alreadyYours: .alreadyYours
        case .databaseUnavailable: .databaseUnavailable
        case .overloaded: .overloaded
        case .timedOut: .timedOut
        case .outcomeUnknown: .outcomeUnknown
        case .shuttingDown: .shuttingDown
        case .internalError: .internalError
        }
    }

    /// The error as it goes over the wire.
    package var rpcError: RPCError {
        RPCError(
            code: reason.code, reason: reason.rawValue, message: message, retryable: reason.retryable, details: details)
    }

    private var message: String {
        switch self {
        case .limitReached(let limit, let active):
            "The master has \(active) active orders and may have at most \(limit)."
        case .databaseUnavailable(_, let missing) where !missing.isEmpty:
            "The database lacks what this method needs (\(missing.joined(separator: ", "))); nothing was done."
        case .orderNotAvailable(let status):
            "The order has no master, but its status \(status) does not allow it to be accepted."
        case .masterNotFound, .masterBlocked, .masterNotActive, .offerNotFound, .offerExpired, .offerDeclined,
            .offerCanceled, .orderTaken, .alreadyYours, .databaseUnavailable, .overloaded, .timedOut, .outcomeUnknown,
            .shuttingDown, .internalError:
            reason.summary
        }
    }

    private var details: [RPCError.Detail] {
        switch self {
        case .masterBlocked(let reason):
            [RPCError.Detail(name: "blockedReason", value: reason.map { .string($0) } ?? .null)]
        case .limitReached(let limit, let active):
            [
                RPCError.Detail(name: "limit", value: .integer(limit)),
                RPCError.Detail(name: "active", value: .integer(active)),
            ]
        case .offerExpired(let moment):
            [RPCError.Detail(name: "expiredAt", value: moment?.text.map { .string($0) } ?? .null)]
        case .orderNotAvailable(let status), .alreadyYours(let status):
            [RPCError.Detail(name: "status", value: .string(status))]
        case .databaseUnavailable(let retryAfterMs, _), .overloaded(let retryAfterMs):
            [RPCError.Detail(name: "retryAfterMs", value: .integer(retryAfterMs))]
        case .masterNotFound, .masterNotActive, .offerNotFound, .offerDeclined, .offerCanceled, .orderTaken, .timedOut,
            .outcomeUnknown, .shuttingDown, .internalError:
            []
        }
    }
}
