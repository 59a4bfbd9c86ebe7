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
