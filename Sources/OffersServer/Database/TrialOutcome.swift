import Offers

/// How much a success proves. What proves more proves what proves less, too.
enum ProofDepth: Int, Comparable, Sendable {
    /// The statement was planned, or run for what is not there.
    case planned
    /// A request succeeded.
    case asked
    /// A trial did all that a request does, and each row was counted; then it was rolled back.
    case whole

    static func < (one: Self, other: Self) -> Bool { one.rawValue < other.rawValue }
}

/// What came of a trial.
enum TrialOutcome: Sendable {
    case success(ProofDepth)
    /// It does not work; only a success that goes as deep as `needs` shows otherwise.
    case failure(Obstacle, needs: ProofDepth)
    /// It was begun and not finished.
    case unfinished(Obstacle)
    /// It was not begun, because it would have had to wait for others.
    case blocked(Obstacle)
    /// The database could not be asked, which is another matter.
    case nothing

    /// What a refusal tells, of a trial that goes this far.
    static func refused(_ obstacle: Obstacle, _ depth: ProofDepth) -> TrialOutcome {
        .failure(obstacle, needs: depth == .planned ? .planned : obstacle.needs)
    }
}

extension Obstacle {
    /// COMMIT is not answered, or not confirmed.
    static let unconfirmed = {
        let text = "a COMMIT is not answered in time; the disk, or a standby that synchronous_standby_names waits for"
        return Obstacle(answer: .outcomeUnknown, summary: text, detail: text)
    }()

    /// Other programs lock tables.
    static func locked(_ tables: [String]) -> Obstacle {
        timeout("\(tables.joined(separator: ", ")) locked by others")
    }

    /// Other programs lock rows, of masters and orders that have nothing in common.
    static let rowsLocked = timeout("the rows of all offers that were tried are locked by others")

    /// A trial ran out of its time.
    static let unfinished = timeout("a trial was not finished in time")

    /// There is no connection left to try anything with.
    static let busy = timeout("all connections for accepts and declines are busy for too long")

    /// A trial lost against other programs again and again.
    static let conflicts = {
        let text = "conflict: it is rolled back again and again because of other programs"
        return Obstacle(answer: .timedOut, summary: text, detail: text)
    }()

    /// Rows were sent and are not there.
    static func unwritten(_ table: String) -> Obstacle {
        let text = "rows of \(table) are not written, and there is no error"
        return Obstacle(answer: nil, summary: text, detail: text, isUnforeseen: true)
    }

    private static func timeout(_ text: String) -> Obstacle {
        Obstacle(answer: .timedOut, summary: "timeout: \(text)", detail: "timeout: \(text)")
    }

    /// How deep a success has to go to show that a request does not meet it.
    var needs: ProofDepth { isFoundWhenPlanned ? .planned : .asked }
}
