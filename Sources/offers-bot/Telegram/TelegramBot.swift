import JSONRPC
import Logging
import ServiceLifecycle

/// The bot: polls, handles what comes, and on a graceful shutdown finishes and confirms what is in hand.
struct TelegramBot: Service {
    let api: BotAPI
    let adapter: Adapter
    let logger: Logger

    /// How long a request waits at Telegram for an update, in seconds. It is short, because until its end nothing tells
    /// whether the connection is still alive.
    private static let longPoll = 6
    /// How much later the answer may come.
    private static let pollMargin: Duration = .seconds(2)
    /// How long polling waits for what comes before it.
    private static let preparation: Duration = .seconds(2)
    /// How long handlers may go on after the signal. With the confirmation it stays well below five seconds.
    private static let drain: Duration = .milliseconds(2500)
    /// How long to try to confirm at the end.
    private static let confirmation: Duration = .milliseconds(1000)

    private let polling = Polling()

    init(api: BotAPI, adapter: Adapter, logger: Logger) {
        self.api = api
        self.adapter = adapter
        self.logger = logger
    }

    /// Runs until the graceful shutdown of its group.
    ///
    /// - Throws: `BotError.unauthorized` of getMe: no waiting makes a wrong token right.
    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await serve() }
            group.addTask {
                try await gracefulShutdown()
                try await Task.sleep(for: Self.drain)
                logger.warning("the time to finish is over")
            }
            defer { group.cancelAll() }
            try await group.next()
        }
        await confirm()
    }

    private func serve() async throws {
        let pacer = Pacer()
        let outbox = Outbox(api: api, pacer: pacer, logger: logger)
        let handler = UpdateHandler(outbox: outbox, adapter: adapter, polling: polling, logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await pacer.run() }
            defer { group.cancelAll() }
            try await handleAll(with: handler)
        }
    }

    private func handleAll(with handler: UpdateHandler) async throws {
        let chats = ChatOrder()
        var order = 0
        let (updates, arrivals) = AsyncStream.makeStream(of: [Update].self)
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask {
                defer { arrivals.finish() }
                try await cancelWhenGracefulShutdown {
                    do {
                        try await withThrowingDiscardingTaskGroup { group in
                            let prepared = Gate()
                            group.addTask { try await prepare(prepared) }
                            group.addTask {
                                _ = try await prepared.opens(within: Self.preparation)
                                try await poll { arrivals.yield($0) }
                            }
                        }
                    } catch is CancellationError {
                        // The end of polling, not of what is in hand.
                    }
                }
            }
            for await batch in updates {
                for update in batch {
                    // An update of no chat takes no turn away: its own id is as good as any.
                    let turn = chats.turn(of: update.chat ?? update.id)
                    order += 1
                    let arrival = handler.arrived(update, order: order, turn: turn)
                    group.addTask { await handler.handle(arrival) }
                }
            }
        }
    }

    /// Looks whether the token is right, makes polling possible, and offers a menu where the token has none: one that
    /// it has is another program's, and nothing would restore it. None of it is worth keeping the masters waiting, so
    /// polling begins without it if it takes long, and it is tried until it is done.
    private func prepare(_ prepared: Gate) async throws {
        let me = try await insist(.getMe)
        logger.notice("the token is right", metadata: ["bot": "\(me?["username"]?.stringValue ?? "?")"])
        _ = try await insist(.deleteWebhook)
        prepared.open()
        if try await insist(.getMyCommands)?.elements?.isEmpty == true {
            _ = try await insist(.setMyCommands([("start", "Новые заказы")]))
        }
    }

    private func insist(_ request: BotRequest) async throws -> JSONValue? {
        var backoff = Backoff(from: .milliseconds(500), to: .seconds(30))
        while true {
            do {
                return try await api.call(request)
            } catch BotError.unauthorized where request.decides {
                throw BotError.unauthorized
            } catch let error as BotError {
                logger.warning(
                    "Telegram", metadata: ["method": "\(request.method)", "error": "\(error)"])
                guard error.isPassing else { return nil }
                var wait = backoff.failed()
                if case .tooManyRequests(let seconds) = error { wait = .seconds(seconds) }
                try await Task.sleep(for: wait)
            }
        }
    }

    private func poll(_ arrived: ([Update]) -> Void) async throws {
        logger.notice("polling")
        var troubles = Backoff(from: .milliseconds(500), to: .seconds(8), startsAtOnce: true)
        var conflicts = Backoff(from: .seconds(3), to: .seconds(30), jitter: false)
        while true {
            do {
                let offset = try await polling.next()
                let batch = try await updates(from: offset)
                troubles.succeeded()
                conflicts.succeeded()
                let new = polling.received(batch)
                var seen: Set<Int64> = []
                let fresh = batch.filter { new.contains($0.id) && seen.insert($0.id).inserted }
                if !fresh.isEmpty { arrived(fresh) }
            } catch let error as BotError {
                let wait =
                    switch error {
                    case .conflict: conflicts.failed()
                    case .tooManyRequests(let seconds): Duration.seconds(seconds)
                    case .unauthorized, .forbidden, .refused, .unavailable, .unintelligible, .noAnswer:
                        troubles.failed()
                    }
                logger.error(
                    "no updates",
                    metadata: ["error": "\(error)", "again in": "\(wait / .seconds(1)) s"])
                if case .noAnswer = error { await api.renewConnections() }
                try await Task.sleep(for: wait)
                if case .conflict(webhook: true) = error { _ = try? await api.call(.deleteWebhook) }
            }
        }
    }

    private func updates(from offset: Int64?) async throws -> [Update] {
        let result = try await api.call(
            .getUpdates(offset: offset, limit: PollingState.batch, timeout: Self.longPoll),
            timeout: .seconds(Self.longPoll) + Self.pollMargin)
        guard let elements = result.elements else { throw BotError.unintelligible }
        return elements.compactMap(Update.init)
    }

    /// Tells Telegram what was finished since the last poll. What is not confirmed comes again, and does no harm.
    private func confirm() async {
        guard let offset = polling.unconfirmed else { return }
        let end = ContinuousClock.now + Self.confirmation
        repeat {
            do {
                let left = ContinuousClock.now.duration(to: end)
                try await api.call(.getUpdates(offset: offset, limit: 1, timeout: 0), timeout: left)
                return
            } catch {
                // The poll that was given up a moment ago may still count as another one (409).
                logger.info("not confirmed", metadata: ["error": "\(error)"])
                try? await Task.sleep(for: .milliseconds(200))
            }
        } while .now < end
    }
}

extension BotRequest {
    /// Whether a refusal of the token is final. A proxy or a server that starts may refuse anything for a moment.
    fileprivate var decides: Bool {
        if case .getMe = self { true } else { false }
    }
}
