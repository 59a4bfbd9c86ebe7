import Offers
import Postgres

/// Why a method has no result: what its caller is told, and what is wrong with the database, if that is why.
///
/// An unknown outcome comes without an obstacle: it says something of COMMIT, not of the method.
struct MethodError: Error {
    let answer: OffersError
    let obstacle: Obstacle?

    init(_ answer: OffersError, _ obstacle: Obstacle? = nil) {
        self.answer = answer
        self.obstacle = obstacle
    }

    /// What a failed read means to the caller: it wrote nothing, whatever happened.
    init(read error: PostgresError) {
        switch error {
        case .unavailable, .connectionLost: self.init(.databaseUnavailable(retryAfterMs: 250))
        case .overloaded: self.init(.overloaded(retryAfterMs: 250))
        case .shuttingDown: self.init(.shuttingDown)
        case .timedOut: self.init(.timedOut)
        case .refused(let message): self.init(message)
        case .rolledBack: self.init(unforeseen: "COMMIT was answered by ROLLBACK")
        case .unknownOutcome, .unconfirmed: self.init(unforeseen: "a read of unknown outcome")
        case .unexpectedResult(let statement, let problem): self.init(unforeseen: "\(statement): \(problem)")
        }
    }

    /// What a failed write means to the caller. After COMMIT was sent, only the server's word says that nothing
    /// was written.
    init(write error: PostgresError) {
        switch error {
        case .unknownOutcome, .unconfirmed, .unexpectedResult: self.init(.outcomeUnknown)
        default: self.init(read: error)
        }
    }

    private init(unforeseen text: String) { self.init(.internalError, .unforeseen(text)) }

    private init(_ refusal: ServerMessage) {
        if refusal.isConflict || refusal.isTimeout {
            self.init(.timedOut)
        } else if refusal.closesConnection {
            // It says something of this connection or this server, and the next one may do it.
            self.init(.databaseUnavailable(retryAfterMs: 250))
        } else if refusal.isMissingObject || refusal.borrowsCode {
            self.init(.databaseUnavailable(retryAfterMs: 5000), .refused(refusal))
        } else if refusal.isInability {
            self.init(.databaseUnavailable(retryAfterMs: 250), .refused(refusal))
        } else {
            self.init(.internalError, .refused(refusal))
        }
    }
}
