import Logging
import Synchronization

/// Carries out one update: call, toast, screen.
struct UpdateHandler: Sendable {
    let api: BotAPI
    let adapter: Adapter
    let polling: Polling
    let logger: Logger

    /// How long a write waits for what its chat does before it. After that it is not begun: what is shown says so. It is
    /// not for ever, because its update holds up everybody's when there are many (see ``PollingState``).
    private static let queueing: Duration = .seconds(6)
    /// How often a screen is tried while Telegram does not work. Waiting for a 429 does not count.
    private static let attempts = 10
    /// How often a new message is tried that Telegram does not answer: it may be there.
    private static let unansweredMessages = 2

    /// The chats for which a greeting waits. One is enough for all that its user writes meanwhile: Telegram may take no
    /// messages to a chat for hours (429).
    private let greetings = Greetings()

    /// The two rows that an update stands in. They are two, so that a chat to which Telegram takes no messages for a
    /// while (429) still gets its orders: only its screens wait.
    struct Place: Sendable {
        let call: ChatOrder.Turn
        let screen: ChatOrder.Turn

        /// Lets the next ones of the chat through.
        func leave() {
            call.end()
            screen.end()
        }
    }

    /// Handles an update; when it is cancelled, the update stays unfinished and comes again after the next start.
    func handle(_ update: Update, received: ContinuousClock.Instant, in place: Place) async {
        defer { place.leave() }
        var logger = logger
        logger[metadataKey: "update"] = "\(update.id)"
        do {
            switch update.event {
            case .message(let chat): try await greet(chat, update.id, in: place, logger)
            case .tap(let tap): try await handle(tap, of: update.id, received: received, in: place, logger)
            case .other: break
            }
        } catch is CancellationError {
            return logger.notice("interrupted by the shutdown; it comes again, unless it only was to show a screen")
        } catch {
            logger.error("not shown", metadata: ["error": "\(error)"])
        }
        polling.finished(update.id)
    }

    private func greet(_ chat: Int64, _ update: Int64, in place: Place, _ logger: Logger) async throws {
        guard greetings.wait(chat) else { return }
        polling.mayBeLetGo(update)
        place.call.end()
        defer { greetings.end(chat) }
        try await place.screen.begin()
        try await insist(.sendMessage(chat: chat, .greeting), logger)
    }

    private func handle(
        _ event: Update.TapEvent, of update: Int64, received: ContinuousClock.Instant, in place: Place,
        _ logger: Logger
    ) async throws {
        let tap = event.data.map(Tap.init(data:)) ?? .foreign
        let answer = TapAnswer(api, query: event.query, tap: event.isPrivate ? tap : nil, logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await answer.send(by: received + TapAnswer.patience) }
            if !tap.isWrite || !event.isPrivate { polling.mayBeLetGo(update) }
            if !event.isPrivate {
                _ = try await answer.give("Откройте бота в личных сообщениях.")
            } else if tap == .foreign {
                // Nothing to wait for, and no screen.
                _ = try await answer.give(try await adapter.respond(to: tap, from: event.user).toast)
            } else {
                try await carryOut(tap, event, of: update, in: place, answer, logger)
            }
            // The chat goes on, even if Telegram does not take the answer yet.
            place.leave()
            try await group.waitForAll()
        }
    }

    private func carryOut(
        _ tap: Tap, _ event: Update.TapEvent, of update: Int64, in place: Place, _ answer: TapAnswer, _ logger: Logger
    ) async throws {
        var mayBegin = true
        if tap.isWrite {
            mayBegin = try await place.call.begin(within: Self.queueing)
        } else {
            try await place.call.begin()
        }
        let start = ContinuousClock.now
        let response =
            mayBegin
            ? try await adapter.respond(to: tap, data: event.data, from: event.user)
            : adapter.tooLate(tap, data: event.data)
        place.call.end()
        polling.mayBeLetGo(update)
        logger.info(
            "tap",
            metadata: [
                "tap": "\(tap.name)", "user": "\(event.user)", "order": "\(tap.order.map(String.init) ?? "-")",
                "outcome": "\(response.outcome)", "milliseconds": "\(start.duration(to: .now) / .milliseconds(1))",
            ])
        let shown = try await answer.give(response.toast)
        let silent = response.toast == nil || shown.toast
        guard let screen = silent ? response.screen : response.screenWithoutToast else { return }
        try await place.screen.begin()
        try await show(screen, in: event.chat, over: event.message, asNew: shown.isTooOld, logger)
    }

    /// Shows a screen in place of a message, or as a new one, after which the old one loses its buttons.
    private func show(
        _ screen: Screen, in chat: Int64, over message: Int64?, asNew: Bool, _ logger: Logger
    ) async throws {
        if let message, !asNew {
            do {
                return try await insist(
                    .editMessageText(chat: chat, message: message, screen), logger)
            } catch BotError.refused(.notModified) {
                return
            } catch BotError.forbidden {
                return logger.notice("blocked by the user")
            } catch let error as BotError {
                // Too old to be edited, deleted, or something in between went wrong all the time.
                logger.info("the screen comes as a new message", metadata: ["error": "\(error)"])
            }
        }
        do {
            try await insist(.sendMessage(chat: chat, screen), logger)
        } catch BotError.forbidden {
            return logger.notice("blocked by the user")
        }
        guard let message else { return }
        do {
            try await api.call(.deleteMessage(chat: chat, message: message))
        } catch is BotError {
            // Messages older than 48 hours cannot be deleted. Nothing depends on either.
            do {
                try await api.call(.editMessageReplyMarkup(chat: chat, message: message))
            } catch let error as BotError {
                logger.debug("an old message keeps its buttons", metadata: ["error": "\(error)"])
            }
        }
    }

    /// Makes a request until it is carried out or refused, or has failed too often.
    ///
    /// - Throws: ``BotError``, `CancellationError`.
    private func insist(_ request: BotRequest, _ logger: Logger) async throws {
        var backoff = Backoff(from: .milliseconds(500), to: .seconds(15))
        var attempts = 0
        var unanswered = 0
        while true {
            do {
                try await api.call(request)
                return
            } catch BotError.tooManyRequests(let seconds) {
                logger.warning("the chat has to wait", metadata: ["seconds": "\(seconds)"])
                try await Task.sleep(for: .seconds(seconds))
            } catch let error as BotError where error.isPassing {
                attempts += 1
                if case .noAnswer = error, case .sendMessage = request { unanswered += 1 }
                guard attempts < Self.attempts, unanswered < Self.unansweredMessages else { throw error }
                logger.warning(
                    "not shown yet", metadata: ["method": "\(request.method)", "error": "\(error)"])
                try await Task.sleep(for: backoff.failed())
            }
        }
    }
}

/// Which chats wait for a greeting.
private final class Greetings: Sendable {
    private let chats = Mutex<Set<Int64>>([])

    /// Returns false if one waits already.
    func wait(_ chat: Int64) -> Bool { chats.withLock { $0.insert(chat).inserted } }

    func end(_ chat: Int64) { chats.withLock { _ = $0.remove(chat) } }
}
