import Postgres

/// Why a database that was reached does not carry out a statement.
enum Obstacle: Sendable, Equatable {
    /// The server refused it.
    case refused(ServerMessage)
    /// It is held up, by what the text says: locks of other programs, conflicts, or a lack of time or connections.
    case heldUp(String)
    /// COMMIT is not answered, or not confirmed.
    case unconfirmed
    /// The locks of a write's rows were not taken.
    case rowsNotLocked
    /// Rows of this table were sent and are not there.
    case unwritten(table: String)
    /// Something that this program does not know, in its own words.
    case unforeseen(String)

    /// For `health`: what it is, the code and names included, without a word of the server.
    var summary: String {
        switch self {
        case .refused(let message): message.summary
        case .heldUp(let text), .unforeseen(let text): text
        case .unconfirmed:
            "a COMMIT is not answered in time; the disk, or a standby that synchronous_standby_names waits for"
        case .rowsNotLocked:
            "the server lets this role read rows of masters or orders and not lock them (row security)"
        case .unwritten(let table): "rows of \(table) are not written, and there is no error"
        }
    }

    /// For logs and operators: the same, with the server's words.
    var detail: String {
        if case .refused(let message) = self { message.description } else { summary }
    }

    /// The server's code; nil if it refused nothing.
    var sqlState: SQLState? {
        if case .refused(let message) = self { message.sqlState } else { nil }
    }

    /// Whether the reason is not one that this program knows: its log names it each time.
    var isUnforeseen: Bool {
        switch self {
        case .refused(let message): message.isRaised || !(message.isMissingObject || message.isInability)
        case .unwritten, .unforeseen: true
        case .heldUp, .unconfirmed, .rowsNotLocked: false
        }
    }

    /// How deep a success has to go to show that a request does not meet it.
    var needs: ProofDepth {
        if case .refused(let message) = self, message.isFoundWhenPlanned { .planned } else { .asked }
    }
}

extension Obstacle {
    /// Other programs lock tables.
    static func locked(_ tables: [String]) -> Obstacle {
        .heldUp("timeout: \(tables.joined(separator: ", ")) locked by others")
    }

    /// Other programs lock rows, of masters and orders that have nothing in common.
    static let rowsLocked = heldUp("timeout: the rows of all offers that were tried are locked by others")

    /// A trial ran out of its time.
    static let unfinished = heldUp("timeout: a trial was not finished in time")

    /// There is no connection left to try anything with.
    static let busy = heldUp("timeout: all connections for accepts and declines are busy for too long")

    /// A trial lost against other programs again and again.
    static let conflicts = heldUp("conflict: it is rolled back again and again because of other programs")
}

extension ServerMessage {
    /// Whether a function or trigger raises a code that, from the server itself, says more than that it refuses one
    /// statement.
    var borrowsCode: Bool {
        isRaised
            && (sqlState.isTimeout || sqlState.closesConnection || sqlState.isInability || sqlState.isMissingObject
                || sqlState == .invalidSQLStatementName)
    }
}
