import Logging
import Synchronization

/// The one answer of a tap (answerCallbackQuery): the toast of its outcome, or an hourglass if that takes too long.
final class TapAnswer: Sendable {
    /// How long a tap may wait for its outcome; Telegram's users think of two seconds as "nothing happens".
    static let hourglassDelay: Duration = .milliseconds(1500)
    /// How long a screen waits for the toast before it comes without having heard of it.
    private static let priority: Duration = .seconds(2)
    /// How long to try to get an answer through; Telegram forgets a tap in about that time.
    private static let persistence: Duration = .seconds(30)

    private struct State {
        /// What to answer if the outcome is not there in time.
        var hourglass: String
        /// The outcome's toast; the inner nil is an answer without text.
        var toast: String??
        var isAlert = false
        /// Whether the answer is on its way, so that no other can be given.
        var isSent = false
        /// What became of the answer.
        var outcome: Outcome?
    }

    private enum Outcome { case delivered, tooOld, failed }

    /// What the master has seen.
    struct Shown: Equatable {
        /// Whether the toast of the outcome was shown.
        let toast: Bool
        /// Whether Telegram has given up on this tap: the user has left its message.
        let isTooOld: Bool
    }

    private let api: BotAPI
    private let pacer: Pacer
    private let query: String
    private let chat: Int64
    private let order: Int
    private let kind: Pace.Kind
    private let logger: Logger
    private let state: Mutex<State>
    /// Opens when there is a toast.
    private let given = Gate()
    /// Opens when the answer is through, or never will be.
    private let settled = Gate()

    /// - Parameters:
    ///   - order: Grows from tap to tap.
    ///   - tap: What is tapped: a write says in its hourglass that it goes on.
    init(_ outbox: Outbox, query: String, chat: Int64, order: Int, tap: Tap?, logger: Logger) {
        api = outbox.api
        pacer = outbox.pacer
        self.query = query
        self.chat = chat
        self.order = order
        kind = .answer(ofWrite: tap?.isWrite == true)
        self.logger = logger
        state = Mutex(
            State(hourglass: tap?.isWrite == true ? "⏳ Ещё работаем, результат появится на экране" : "⏳"))
    }

    /// Sends the answer: the toast when there is one, the hourglass if there is none by `deadline`. Returns when it is
    /// through, or cannot be brought through.
    ///
    /// - Throws: `CancellationError`.
    func send(by deadline: ContinuousClock.Instant) async throws {
        _ = try await given.opens(within: max(.zero, ContinuousClock.now.duration(to: deadline)))
        let outcome = try await deliver()
        state.withLock { $0.outcome = outcome }
        settled.open()
    }

    /// Gives the outcome's toast to be sent, unless the hourglass was faster, and waits a moment for the answer to be
    /// through.
    ///
    /// - Throws: `CancellationError`.
    func give(_ toast: String?, isAlert: Bool = false) async throws -> Shown {
        let isMine = state.withLock { state in
            guard !state.isSent else { return false }
            state.toast = .some(toast)
            state.isAlert = isAlert
            return true
        }
        given.open()
        _ = try await settled.opens(within: Self.priority)
        let outcome = state.withLock(\.outcome)
        return Shown(toast: isMine && outcome == .delivered, isTooOld: outcome == .tooOld)
    }

    private func deliver() async throws -> Outcome {
        let end = ContinuousClock.now + Self.persistence
        var backoff = Backoff(from: .milliseconds(200), to: .seconds(2), startsAtOnce: true)
        while true {
            guard try await pacer.mayMake(kind, of: chat, order: order) else { return .failed }
            var flood: Duration?
            do {
                defer { pacer.ended(kind, of: chat, flood: flood) }
                // What there is to say when the turn has come.
                let (text, isAlert) = state.withLock { state in
                    state.isSent = true
                    return (state.toast ?? state.hourglass, state.isAlert)
                }
                let request = BotRequest.answerCallbackQuery(id: query, text: text, isAlert: isAlert)
                do {
                    try await api.call(request, timeout: .seconds(5))
                    return .delivered
                } catch BotError.tooManyRequests(let seconds) {
                    flood = .seconds(seconds)
                    throw BotError.tooManyRequests(retryAfter: seconds)
                }
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
