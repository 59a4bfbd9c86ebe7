/// How long to wait before the next attempt: twice as long each time, up to a limit. No clock.
struct Backoff {
    private let first: Duration
    private let limit: Duration
    private let jitter: Bool
    private let startsAtOnce: Bool
    /// nil for none.
    private var next: Duration?

    /// - Parameters:
    ///   - jitter: Whether to take between half of it and all, so that several clients do not come at once.
    ///   - startsAtOnce: Whether the first attempt comes without a wait: a connection that is lost tells nothing about
    ///     a new one.
    init(from first: Duration, to limit: Duration, jitter: Bool = true, startsAtOnce: Bool = false) {
        self.first = first
        self.limit = limit
        self.jitter = jitter
        self.startsAtOnce = startsAtOnce
        next = startsAtOnce ? nil : first
    }

    /// The wait after one more failure.
    mutating func failed() -> Duration {
        var generator = SystemRandomNumberGenerator()
        return failed(using: &generator)
    }

    /// As above, with a given chance.
    mutating func failed(using generator: inout some RandomNumberGenerator) -> Duration {
        guard let next else {
            self.next = first
            return .zero
        }
        self.next = min(next * 2, limit)
        return jitter ? next * Double.random(in: 0.5...1, using: &generator) : next
    }

    /// It works again.
    mutating func succeeded() {
        next = startsAtOnce ? nil : first
    }
}
