/// What the server answers to reads that were sent with one sync behind them: a value without I/O. Answers go in as they
/// come; what is known of each read is asked.
struct ReadAnswers<Rows> {
    typealias Answer = ServerAnswer<Rows>
    typealias Consequence = Answer.Consequence

    /// What is known of a read.
    enum Outcome {
        case done(Rows)
        case refused(ServerMessage)
        /// It has not run, as one before it was refused.
        case skipped
    }

    /// For each read, whether a preparation goes before it, which has an answer of its own.
    private let prepares: [Bool]
    /// How many answers are still to come to what the group begins with.
    private var leading: Int
    /// How many may come to what it ends with.
    private var trailing: Int
    private var isPrepared = false
    private var preparationFailure: ServerMessage?

    /// The answer to the last of what the group begins with.
    private(set) var lead: Rows?
    /// Why that failed.
    private(set) var leadFailure: ServerMessage?
    /// Those of the reads from the first one on.
    private(set) var outcomes: [Outcome] = []

    init(prepares: [Bool], leading: Int = 0, trailing: Int = 0) {
        self.prepares = prepares
        self.leading = leading
        self.trailing = trailing
        outcomes.reserveCapacity(prepares.count)
    }

    /// Whether the next answer is none of a read's, but to what the group begins with.
    var isLeading: Bool { leading > 0 }

    /// Whether each read has an outcome, and one of them has run: a server that skips all of them does not get on.
    var areComplete: Bool {
        outcomes.count == prepares.count && outcomes.contains { if case .skipped = $0 { false } else { true } }
    }

    /// Takes the next answer.
    mutating func take(_ answer: Answer) -> Consequence {
        if leading > 0 {
            leading -= 1
            leadFailure = leadFailure ?? answer.failure
            if leading == 0 { lead = answer.rows }
            return .nothing
        }
        let index = outcomes.count
        guard index < prepares.count else {
            trailing -= 1
            return trailing < 0 ? .isOneTooMany : .nothing
        }
        if prepares[index], !isPrepared {
            isPrepared = true
            preparationFailure = answer.failure
            return answer.failure != nil || answer.wasSkipped ? .isNotPrepared(index) : .nothing
        }
        if let failure = preparationFailure ?? answer.failure {
            outcomes.append(.refused(failure))
        } else {
            outcomes.append(answer.wasSkipped ? .skipped : .done(answer.rows))
        }
        (isPrepared, preparationFailure) = (false, nil)
        return .nothing
    }
}
