/// What the server answers to reads that were sent with one sync behind them: a value without I/O. Answers go in as they
/// come; what is known of each read is asked.
struct ReadAnswers<Rows> {
    typealias Answer = ServerAnswer<Rows>

    /// What is known of a read.
    enum Outcome {
        case done(Rows)
        case refused(ServerMessage)
        /// It has not run, as one before it was refused.
        case skipped
    }

    /// The number of reads.
    private let count: Int
    /// How many answers are still to come to what the group begins with.
    private var leading: Int
    /// How many may come to what it ends with.
    private var trailing: Int

    /// The answer to the last of what the group begins with.
    private(set) var lead: Rows?
    /// Why that failed.
    private(set) var leadFailure: ServerMessage?
    /// Those of the reads from the first one on.
    private(set) var outcomes: [Outcome] = []

    init(count: Int, leading: Int = 0, trailing: Int = 0) {
        self.count = count
        self.leading = leading
        self.trailing = trailing
        outcomes.reserveCapacity(count)
    }

    /// Whether the next answer is none of a read's, but to what the group begins with.
    var isLeading: Bool { leading > 0 }

    /// Whether each read has an outcome, and one of them has run: a server that skips all of them does not get on.
    var areComplete: Bool {
        outcomes.count == count && outcomes.contains { if case .skipped = $0 { false } else { true } }
    }

    /// Takes the next answer. Returns false if there is one too many: nothing on this connection can be believed.
    mutating func take(_ answer: Answer) -> Bool {
        if leading > 0 {
            leading -= 1
            leadFailure = leadFailure ?? answer.failure
            if leading == 0 { lead = answer.rows }
            return true
        }
        guard outcomes.count < count else {
            trailing -= 1
            return trailing >= 0
        }
        if let failure = answer.failure {
            outcomes.append(.refused(failure))
        } else {
            outcomes.append(answer.wasSkipped ? .skipped : .done(answer.rows))
        }
        return true
    }
}
