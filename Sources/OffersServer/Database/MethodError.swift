import JSONRPC
import Offers
import Postgres

/// Why a method has no result.
enum MethodError: Error {
    /// One of the contract's errors.
    case offers(OffersError)
    /// The service is ending.
    case shuttingDown
    /// The database was reached and could not, or would not, carry out a statement.
    case database(Obstacle)

    /// What a failed read means to the caller: it wrote nothing, whatever happened.
    init(read error: PostgresError) {
        self = MethodError.common(error)
    }

    /// What a failed write means to the caller. After COMMIT was sent, only the server's word says that nothing
    /// was written.
    init(write error: PostgresError) {
        switch error {
        case .unknownOutcome, .unconfirmed, .unexpectedResult: self = .offers(.outcomeUnknown)
        default: self = MethodError.common(error)
        }
    }

    private static func common(_ error: PostgresError) -> MethodError {
        switch error {
        case .unavailable, .connectionLost: .offers(.databaseUnavailable(retryAfterMs: 250))
        case .overloaded: .offers(.overloaded(retryAfterMs: 250))
        case .shuttingDown: .shuttingDown
        case .timedOut: .offers(.timedOut)
        case .refused(let message): refusal(message)
        case .rolledBack: .database(Obstacle(unforeseen: "COMMIT was answered by ROLLBACK"))
        case .unknownOutcome, .unconfirmed: .database(Obstacle(unforeseen: "a read of unknown outcome"))
        case .unexpectedResult(let statement, let problem): .database(Obstacle(unforeseen: "\(statement): \(problem)"))
        }
    }

    private static func refusal(_ message: ServerMessage) -> MethodError {
        let state = message.sqlState
        if message.isConflict || message.isTimeout { return .offers(.timedOut) }
        // It says something of this connection or this server, and the next one may do it.
        if message.closesConnection { return .offers(.databaseUnavailable(retryAfterMs: 250)) }
        let retryAfterMs: Int64? =
            message.isMissingObject || message.isRaised && state.meansMoreThanRefusal
            ? 5000 : message.isInability ? 250 : nil
        return .database(
            Obstacle(
                answer: retryAfterMs.map { .databaseUnavailable(retryAfterMs: $0) }, summary: message.summary,
                detail: message.description, sqlState: state, isUnforeseen: retryAfterMs == nil || message.isRaised,
                isFoundWhenPlanned: message.isFoundWhenPlanned))
    }
}

/// Why a database that was reached did not carry out a statement, and what its caller is told.
struct Obstacle: Error, Sendable, Equatable {
    /// The caller's error; nil: the reason is not one that this program knows, INTERNAL_ERROR.
    let answer: OffersError?
    /// For `health`: the code and names, without a word of the server.
    let summary: String
    /// For logs and operators.
    let detail: String
    /// The server's code; nil if it refused nothing.
    let sqlState: SQLState?
    /// Whether the reason is not one that this program knows: its log names it each time.
    let isUnforeseen: Bool
    /// Whether the server finds it when it plans the statement, whatever rows there are.
    let isFoundWhenPlanned: Bool

    init(
        answer: OffersError?, summary: String, detail: String, sqlState: SQLState? = nil, isUnforeseen: Bool = false,
        isFoundWhenPlanned: Bool = false
    ) {
        self.answer = answer
        self.summary = summary
        self.detail = detail
        self.sqlState = sqlState
        self.isUnforeseen = isUnforeseen
        self.isFoundWhenPlanned = isFoundWhenPlanned
    }

    /// Something that this program does not know, in its own words.
    init(unforeseen text: String) {
        self.init(answer: nil, summary: text, detail: text, isUnforeseen: true)
    }

    /// The locks of a write's rows were not taken.
    static let rowsNotLocked = {
        let text = "the server lets this role read rows of masters or orders and not lock them (row security)"
        return Obstacle(answer: .databaseUnavailable(retryAfterMs: 5000), summary: text, detail: text)
    }()
}

extension SQLState {
    /// Whether the code, from the server itself, says more than that it refuses one statement: then a function that
    /// raises it is not to be taken for the server.
    fileprivate var meansMoreThanRefusal: Bool {
        isTimeout || closesConnection || isInability || isMissingObject
            || self == .invalidSQLStatementName
    }
}
