import JSONRPC
import Offers
import UnixSignals

/// `offersctl top`: asks the service once a second, and shows each interval until it is told to stop.
///
/// Each sample has a connection of its own, so that a service that is started again is found again.
struct Top: Sendable {
    /// How the intervals are shown.
    enum Form {
        /// A screen that is drawn again and again.
        case screen
        /// Lines, with an empty one between two intervals.
        case lines
        /// One object a line.
        case json
    }

    let path: String
    let form: Form
    let isOnce: Bool
    /// The time of one sample; with `isOnce`, of the second one with what is tried again.
    let deadline: Duration
    let isColoured: Bool
    let write: @Sendable (String) throws -> Void

    private static let period = Duration.seconds(1)

    /// A sample and its moment.
    private struct Moment {
        let numbers: ServiceNumbers
        let health: HealthResult
        let at: ContinuousClock.Instant
    }

    /// Runs until SIGINT or SIGTERM, or with `isOnce` for one interval.
    ///
    /// - Throws: What the first sample met, as of every call; later only what is no answer of this protocol, and what
    ///   standard output does not take.
    func run() async throws {
        let first = try await sample()
        guard !isOnce else { return try await showOnce(since: first) }
        let isScreen = form == .screen
        // A signal that comes meanwhile ends the loop, which then restores the terminal.
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup)
        if isScreen { try write(Terminal.enter) }
        defer { if isScreen { try? write(Terminal.leave) } }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in signals { return } }
            group.addTask { try await watch(since: first) }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func showOnce(since first: Moment) async throws {
        try await Task.sleep(for: Self.period)
        let end = ContinuousClock.now.advanced(by: deadline)
        while true {
            do {
                let next = try await sample()
                let interval = interval(from: first, to: next)
                return try show(interval, restarts: interval.isRestart ? 1 : 0)
            } catch {
                guard Self.passes(error), ContinuousClock.now < end else { throw error }
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    private func watch(since first: Moment) async throws {
        var last = first
        var restarts = 0
        var interval = interval(from: first, to: first)
        if form == .screen { try show(interval, restarts: 0) }
        while true {
            try await Task.sleep(for: Self.period)
            do {
                let next = try await sample()
                interval = self.interval(from: last, to: next)
                last = next
                if interval.isRestart { restarts += 1 }
                try show(interval, restarts: restarts)
            } catch {
                guard Self.passes(error) else { throw error }
                try show(interval, restarts: restarts, silence: Self.sentence(error))
            }
        }
    }

    private func interval(from: Moment, to: Moment) -> TopInterval {
        TopInterval(from: from.numbers, to: to.numbers, health: to.health, elapsed: from.at.duration(to: to.at))
    }

    // MARK: Asking

    private func sample() async throws -> Moment {
        let (path, deadline) = (path, deadline)
        return try await Client.withConnection(to: path) { client in
            let metrics = try await client.call(Contract.metrics.name, deadline: deadline)
            let at = ContinuousClock.now
            let health = try await client.call(Contract.health.name, deadline: deadline)
            return Moment(numbers: try ServiceNumbers(metrics: metrics), health: try HealthResult(json: health), at: at)
        }
    }

    /// Whether a later sample can succeed: the service is not there, says nothing, or is too busy.
    private static func passes(_ error: any Error) -> Bool {
        switch error {
        case ClientError.protocolViolation: false
        case is ClientError: true
        case let error as RPCError: error.retryable
        default: false
        }
    }

    private static func sentence(_ error: any Error) -> String {
        (error as? RPCError)?.reason ?? "\(error)"
    }

    // MARK: Showing

    private func show(_ interval: TopInterval, restarts: Int, silence: String? = nil) throws {
        guard form != .json else {
            let object: any JSONEncodable =
                if let silence {
                    TopSilence(reason: silence, restarts: restarts)
                } else {
                    TopJSON(interval: interval, restarts: restarts)
                }
            return try write(Offersctl.line(object) + "\n")
        }
        let size = Terminal.size
        let lines = TopText.lines(
            interval,
            TopText.Frame(columns: size.columns, isColoured: isColoured, restarts: restarts, silence: silence))
        switch form {
        case .screen: try write(Terminal.screen(lines, rows: size.rows))
        case _ where isOnce: try write(lines.map { $0 + "\n" }.joined())
        default: try write(lines.map { $0 + "\n" }.joined() + "\n")
        }
    }
}
