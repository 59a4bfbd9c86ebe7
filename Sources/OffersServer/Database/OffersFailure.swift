import JSONRPC
import Offers
import Postgres

/// Why a method has no result.
enum OffersFailure: Error {
    /// The request itself is wrong.
    case invalid(RPCError)
    /// One of the contract's errors.
    case offers(OffersError)
    /// The service is ending.
    case shuttingDown
    /// The database refused something for a reason that this program does not know. For the log.
    case unforeseen(String)

    /// What a failed read means to the caller: it wrote nothing, whatever happened.
    init(read error: PostgresError) {
        self = OffersFailure.common(error)
    }

    /// What a failed claim means to the caller. After COMMIT was sent, only the server's word says that nothing
    /// was written.
    init(claim error: PostgresError) {
        switch error {
        case .unknownOutcome, .unconfirmed, .unexpectedResult: self = .offers(.outcomeUnknown)
        default: self = OffersFailure.common(error)
        }
    }

    private static func common(_ error: PostgresError) -> OffersFailure {
        switch error {
        case .unavailable, .connectionLost: .offers(.databaseUnavailable(retryAfterMs: 250))
        case .overloaded: .offers(.overloaded(retryAfterMs: 250))
        case .shuttingDown: .shuttingDown
        case .timedOut: .offers(.timedOut)
        case .refused(let message): refusal(message)
        case .rolledBack: .unforeseen("COMMIT was answered by ROLLBACK")
        case .unknownOutcome, .unconfirmed: .unforeseen("a read of unknown outcome")
        case .unexpectedResult(let statement, let problem): .unforeseen("\(statement): \(problem)")
        }
    }

    private static func refusal(_ message: ServerMessage) -> OffersFailure {
        let state = message.sqlState
        if state.isConflict || state.isTimeout { return .offers(.timedOut) }
        // It is not there for this role, or cannot be done at present.
        if state.isMissingObject || message.closesConnection || state.isInability {
            return .offers(.databaseUnavailable(retryAfterMs: state.isMissingObject ? 5000 : 250))
        }
        return .unforeseen(message.description)
    }
}
