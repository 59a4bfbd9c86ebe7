/// How long to wait before the next attempt: twice as long each time, up to a limit. No clock.
struct Backoff {
    private let first: Duration
    private let limit: Duration
    private let jitter: Bool
    private var next: Duration

    /// - Parameter jitter: Whether to take between half of it and all, so that several clients do not come at once.
    init(from first: Duration, to limit: Duration, jitter: Bool = true) {
        self.first = first
        self.limit = limit
        self.jitter = jitter
        next = first
    }

    /// The wait after one more failure.
    mutating func failed() -> Duration {
        var generator = SystemRandomNumberGenerator()
        return failed(using: &generator)
    }

    /// As above, with a given chance.
    mutating func failed(using generator: inout some RandomNumberGenerator) -> Duration {
        let wait = jitter ? next * Double.random(in: 0.5...1, using: &generator) : next
        next = min(next * 2, limit)
        return wait
    }

    /// It works again.
    mutating func succeeded() {
        next = first
    }
}
