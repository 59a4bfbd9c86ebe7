/// What the server answers to reads that were sent with one sync behind them: a value without I/O. Answers go in as they
/// come; what is known of each read is asked.
struct ReadAnswers<Rows> {
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
    /// The answers to the reads, in their order.
    private(set) var toReads: [ServerAnswer<Rows>] = []

    init(count: Int, leading: Int = 0, trailing: Int = 0) {
        self.count = count
        self.leading = leading
        self.trailing = trailing
        toReads.reserveCapacity(count)
    }

    /// Whether the next answer is none of a read's, but to what the group begins with.
    var isLeading: Bool { leading > 0 }

    /// Whether each read has its answer, and one of them has run. A server that skips all of them does not get on.
    var areComplete: Bool {
        toReads.count == count && toReads.contains { if case .skipped = $0 { false } else { true } }
    }

    /// Takes the next answer. Returns false if there is one too many: nothing on this connection can be believed.
    mutating func take(_ answer: ServerAnswer<Rows>) -> Bool {
        if leading > 0 {
            leading -= 1
            switch answer {
            case .done(let rows): if leading == 0 { lead = rows }
            case .refused(let message): leadFailure = leadFailure ?? message
            case .skipped: break
            }
            return true
        }
        guard toReads.count < count else {
            trailing -= 1
            return trailing >= 0
        }
        toReads.append(answer)
        return true
    }
}
