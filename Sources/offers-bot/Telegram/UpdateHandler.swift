import Logging
import Synchronization

/// Carries out one update: call, toast, screen.
final class UpdateHandler: Sendable {
    let outbox: Outbox
    let adapter: Adapter
    let polling: Polling
    let logger: Logger

    /// How long a write waits for what its chat does before it. After that it is not begun: what is shown says so.
    private static let queueing: Duration = .seconds(6)
    /// How old a screen may be when its turn comes. An older one is asked for again.
    private static let freshness: Duration = .seconds(2)

    /// The chats for which a greeting waits. One is enough for all that its user writes meanwhile: Telegram may take no
    /// messages to a chat for hours (429).
    private let greetings = Greetings()
    private let waiting = Mutex(WaitingTaps())
    private let cards = Cards()

    init(outbox: Outbox, adapter: Adapter, polling: Polling, logger: Logger) {
        self.outbox = outbox
        self.adapter = adapter
        self.polling = polling
        self.logger = logger
    }

    /// An update that has its place in the row of its chat.
    struct Arrival: Sendable {
        let update: Update
        let moment: ContinuousClock.Instant
        /// Grows from update to update.
        let order: Int
        /// Only calls stand in this row: a chat to which Telegram takes no messages for a while (429) still gets its
        /// orders.
        let turn: ChatOrder.Turn
    }

    /// Takes an update in; to be called in the order of the updates.
    func arrived(_ update: Update, order: Int, turn: ChatOrder.Turn) -> Arrival {
        if case .tap(let event) = update.event, event.isPrivate, let tap = event.tap {
            for id in waiting.withLock({ $0.add(tap, update: update.id, in: event.chat) }) { polling.finished(id) }
        }
        return Arrival(update: update, moment: .now, order: order, turn: turn)
    }

    /// Handles an update. A write that is cancelled stays unfinished and comes again after the next start.
    func handle(_ arrival: Arrival) async {
        defer { arrival.turn.end() }
        let update = arrival.update
        var logger = logger
        logger[metadataKey: "update"] = "\(update.id)"
        do {
            switch update.event {
            case .message(let chat): try await greet(chat, arrival)
            case .tap(let tap): try await handle(tap, arrival, logger)
            case .other: break
            }
        } catch is CancellationError {
            return logger.notice("interrupted by the shutdown; a write comes again, a screen does not")
        } catch BotError.forbidden {
            logger.notice("blocked by the user")
        } catch {
            logger.error("not shown", metadata: ["error": "\(error)"])
        }
        polling.finished(update.id)
    }

    private func greet(_ chat: Int64, _ arrival: Arrival) async throws {
        arrival.turn.end()
        guard greetings.wait(chat) else { return }
        defer { greetings.end(chat) }
        _ = try await outbox.put(.screen(ofWrite: false), of: chat, order: arrival.order) { _ in
            .sendMessage(chat: chat, .greeting)
        }
    }

    private func handle(_ event: Update.TapEvent, _ arrival: Arrival, _ logger: Logger) async throws {
        let answer = TapAnswer(
            outbox, query: event.query, chat: event.chat, order: arrival.order,
            tap: event.isPrivate ? event.tap : nil, logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await answer.send(by: arrival.moment + TapAnswer.hourglassDelay) }
            if !event.isPrivate {
                arrival.turn.end()
                _ = try await answer.give("Откройте бота в личных сообщениях.")
            } else if let tap = event.tap {
                try await carryOut(tap, event, arrival, answer, logger)
            } else {
                // Nothing to wait for, and no screen.
                arrival.turn.end()
                _ = try await answer.give(try await adapter.respond(to: .foreign, from: event.user).toast)
            }
            try await group.waitForAll()
        }
    }

    private func carryOut(
        _ tap: Tap, _ event: Update.TapEvent, _ arrival: Arrival, _ answer: TapAnswer, _ logger: Logger
    ) async throws {
        var isInTime = true
        if tap.isWrite {
            isInTime = try await arrival.turn.begin(within: Self.queueing)
        } else {
            try await arrival.turn.begin()
        }
        guard waiting.withLock({ $0.begin(arrival.update.id, in: event.chat) }) else {
            // A newer tap shows what this one would.
            arrival.turn.end()
            _ = try await answer.give(nil)
            return
        }
        let start = ContinuousClock.now
        let response =
            isInTime
            ? try await adapter.respond(to: tap, data: event.data, from: event.user)
            : adapter.tooLate(tap, data: event.data)
        arrival.turn.end()
        polling.carriedOut(arrival.update.id)
        logger.info(
            "tap",
            metadata: [
                "tap": "\(tap.name)", "user": "\(event.user)", "order": "\(tap.order.map(String.init) ?? "-")",
                "outcome": "\(response.outcome)", "milliseconds": "\(start.duration(to: .now) / .milliseconds(1))",
            ])
        let shown = try await answer.give(response.toast, isAlert: response.isAlert)
        let silent = response.toast == nil || shown.toast
        guard let screen = silent ? response.screen : response.screenWithoutToast else { return }
        let stage = Stage(
            chat: event.chat, order: arrival.order, kind: screen.accepted == nil ? .screen(ofWrite: tap.isWrite) : .card
        )
        try await show(screen, on: stage, over: shown.isTooOld ? nil : event.message, instead: event.message, logger) {
            // What a read says is as old as its reading; what a write led to stays true.
            tap.isWrite || !silent ? nil : try await adapter.respond(to: tap, data: event.data, from: event.user).screen
        }
    }

    /// Where a screen belongs.
    private struct Stage {
        let chat: Int64
        let order: Int
        let kind: Pace.Kind
    }

    /// Shows a screen in place of a message, or as a new one, after which the old one goes, or loses its buttons. The
    /// card of an accepted order, and what is no screen of this bot, stay as they are: what follows them is a new
    /// message.
    ///
    /// - Parameters:
    ///   - origin: The message to show it in, if it is a screen.
    ///   - predecessor: The message that a new one takes the place of, if it is a screen.
    ///   - renewed: The screen as it is now; nil if it is still the same.
    private func show(
        _ screen: Screen, on stage: Stage, over origin: Origin?, instead predecessor: Origin?, _ logger: Logger,
        _ renewed: () async throws -> Screen?
    ) async throws {
        func current(after wait: Duration) async throws -> Screen {
            wait < Self.freshness ? screen : try await renewed() ?? screen
        }
        let chat = stage.chat
        if let message = origin.flatMap(screenID(in: chat)) {
            if screen.accepted != nil { cards.add(screen, message, in: chat) }
            do {
                _ = try await outbox.put(stage.kind, of: chat, order: stage.order) { wait in
                    // An accept of the same chat may have been faster.
                    guard screen.accepted != nil || !cards.contains(message, in: chat) else { throw IsCard() }
                    return .editMessageText(chat: chat, message: message, try await current(after: wait))
                }
                return
            } catch BotError.refused(.notModified) {
                return
            } catch BotError.forbidden {
                throw BotError.forbidden
            } catch let error as BotError {
                // Too old to be edited, deleted, or something in between went wrong all the time.
                logger.info("the screen comes as a new message", metadata: ["error": "\(error)"])
                if case .refused = error { cards.remove(message, in: chat) }
            } catch is IsCard {}
        } else if let origin, cards.shows(screen, origin.id, in: chat) {
            // A second tap on the same button: the card is there.
            return
        }
        let isShown = try await outbox.put(stage.kind, of: chat, order: stage.order) { wait in
            .sendMessage(chat: chat, try await current(after: wait))
        }
        guard isShown, let message = predecessor.flatMap(screenID(in: chat)) else { return }
        try await takeAway(message, stage, logger)
    }

    private struct IsCard: Error {}

    /// The message's id, if the next screen may take its place.
    private func screenID(in chat: Int64) -> (Origin) -> Int64? {
        { [cards] in $0.kind == .screen && !cards.contains($0.id, in: chat) ? $0.id : nil }
    }

    private func takeAway(_ message: Int64, _ stage: Stage, _ logger: Logger) async throws {
        do {
            _ = try await outbox.put(.tidying, of: stage.chat, order: stage.order) { _ in
                .deleteMessage(chat: stage.chat, message: message)
            }
        } catch is BotError {
            // Messages older than 48 hours cannot be deleted. Nothing depends on either.
            do {
                _ = try await outbox.put(.tidying, of: stage.chat, order: stage.order) { _ in
                    .editMessageReplyMarkup(chat: stage.chat, message: message)
                }
            } catch let error as BotError {
                logger.debug("an old message keeps its buttons", metadata: ["error": "\(error)"])
            }
        }
    }
}

extension Update.TapEvent {
    /// What is asked for; nil for a button of another part of the bot.
    fileprivate var tap: Tap? {
        data.map(Tap.init(data:)).flatMap { $0 == .foreign ? nil : $0 }
    }
}

/// Which chats wait for a greeting.
private final class Greetings: Sendable {
    private let chats = Mutex<Set<Int64>>([])

    /// Returns false if one waits already.
    func wait(_ chat: Int64) -> Bool { chats.withLock { $0.insert(chat).inserted } }

    func end(_ chat: Int64) { chats.withLock { _ = $0.remove(chat) } }
}
