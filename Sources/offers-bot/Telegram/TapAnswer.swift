import Logging
import Synchronization

/// The one answer of a tap (answerCallbackQuery): the toast of its outcome, or an hourglass if that takes too long.
final class TapAnswer: Sendable {
    /// How long a tap may wait for its outcome; Telegram's users think of two seconds as "nothing happens".
    static let patience: Duration = .milliseconds(1500)
    /// How long to try to get an answer through.
    private static let persistence: Duration = .seconds(8)

    private struct State {
        /// Whether somebody has taken it upon himself to answer.
        var isClaimed = false
        var hourglass = "⏳"
        /// What became of the answer.
        var outcome: Outcome?
    }

    private enum Outcome { case delivered, tooOld, failed }

    /// What the master has seen.
    struct Shown: Equatable {
        /// Whether he has read the toast of the outcome.
        let toast: Bool
        /// Whether Telegram has given up on this tap: its message is not what he looks at any more.
        let isTooOld: Bool
    }

    private let api: BotAPI
    private let query: String
    private let logger: Logger
    private let state = Mutex(State())
    /// Opens when the hourglass has been answered.
    private let settled = Gate()

    init(_ api: BotAPI, query: String, logger: Logger) {
        self.api = api
        self.query = query
        self.logger = logger
    }

    /// The tap is being worked on: a write says so in its hourglass.
    func begins(_ tap: Tap) {
        switch tap {
        case .accept, .decline:
            state.withLock { $0.hourglass = "⏳ Ещё работаем, результат появится на экране" }
        case .menu, .list, .card, .askToDecline, .noOrder, .foreign: break
        }
    }

    /// Answers with the hourglass if nothing else was answered by then.
    ///
    /// - Throws: `CancellationError`.
    func hourglass(at deadline: ContinuousClock.Instant) async throws {
        try await Task.sleep(until: deadline, tolerance: .milliseconds(10), clock: .continuous)
        let text: String? = state.withLock { state in
            guard !state.isClaimed else { return nil }
            state.isClaimed = true
            return state.hourglass
        }
        guard let text else { return }
        let outcome = try await send(text)
        state.withLock { $0.outcome = outcome }
        settled.open()
    }

    /// Answers with the outcome, unless the hourglass was faster; that one has to be through first.
    ///
    /// - Throws: `CancellationError`.
    func give(_ toast: String?) async throws -> Shown {
        let isMine = state.withLock { state in
            defer { state.isClaimed = true }
            return !state.isClaimed
        }
        guard isMine else {
            try await settled.wait()
            return Shown(toast: false, isTooOld: state.withLock { $0.outcome == .tooOld })
        }
        let outcome = try await send(toast)
        return Shown(toast: outcome == .delivered, isTooOld: outcome == .tooOld)
    }

    private func send(_ text: String?) async throws -> Outcome {
        let end = ContinuousClock.now + Self.persistence
        var backoff = Backoff(from: .milliseconds(200), to: .seconds(2))
        while true {
            do {
                try await api.call(.answerCallbackQuery(id: query, text: text), patience: .seconds(5))
                return .delivered
            } catch BotError.refused(.queryTooOld) {
                return .tooOld
            } catch let error as BotError {
                logger.warning("a tap was not answered", metadata: ["error": "\(error)"])
                guard error.isPassing else { return .failed }
                var wait = backoff.failed()
                if case .tooManyRequests(let seconds) = error { wait = .seconds(seconds) }
                guard .now + wait < end else { return .failed }
                try await Task.sleep(for: wait)
            }
        }
    }
}
