import Postgres

/// The states of one row in order, each with the time in which it was committed.
struct Timeline<State: Sendable>: Sendable {
    private struct Step: Sendable {
        let state: State
        var commit: Span
    }

    private var steps: [Step]

    /// - Parameter steps: The states in order, and when the change that made each was committed: somewhere in the span.
    init(_ steps: [(state: State, commit: Span)]) {
        self.steps = steps.map { Step(state: $0.state, commit: $0.commit) }
        // A row's changes are committed one after the other: what is known of one bounds its neighbours.
        for index in self.steps.indices.dropFirst() {
            self.steps[index].commit.began = max(self.steps[index].commit.began, self.steps[index - 1].commit.began)
        }
        for index in self.steps.indices.dropLast().reversed() {
            self.steps[index].commit.ended = min(self.steps[index].commit.ended, self.steps[index + 1].commit.ended)
        }
    }

    /// The states that a reader may have seen at some moment of `span`, in order.
    func possible(during span: Span) -> [State] {
        steps.indices.compactMap { index in
            let ended = index + 1 < steps.count ? steps[index + 1].commit.ended : Span.never
            return steps[index].commit.began <= span.ended && ended >= span.began ? steps[index].state : nil
        }
    }

    /// Whether a reader may have found no such row at some moment of `span`.
    func mayBeMissing(during span: Span) -> Bool {
        steps.first.map { $0.commit.ended >= span.began } ?? true
    }
}
