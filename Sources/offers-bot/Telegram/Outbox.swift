import Logging

/// Makes calls about chats until they are carried out or refused, or have failed too often, at the pace of all.
struct Outbox: Sendable {
    let api: BotAPI
    let pacer: Pacer
    let logger: Logger

    /// How often a call is tried while Telegram does not work. Waiting for a 429 does not count.
    private static let attempts = 10
    /// How often a new message is tried that Telegram does not answer: it may be there.
    private static let unansweredMessages = 2

    /// Makes a call.
    ///
    /// - Parameters:
    ///   - order: Grows from tap to tap.
    ///   - request: What to ask for when the call's turn has come after so long a wait.
    /// - Returns: Whether it was made; false if a newer one takes its place.
    /// - Throws: ``BotError``, `CancellationError`.
    func put(
        _ kind: Pace.Kind, of chat: Int64, order: Int, _ request: (Duration) async throws -> BotRequest
    ) async throws -> Bool {
        let start = ContinuousClock.now
        var backoff = Backoff(from: .milliseconds(500), to: .seconds(15), startsAtOnce: true)
        var attempts = 0
        var unanswered = 0
        var isPlain = false
        while true {
            guard try await pacer.mayMake(kind, of: chat, order: order) else { return false }
            var flood: Duration?
            do {
                defer { pacer.ended(kind, of: chat, flood: flood) }
                let request = try await request(start.duration(to: .now))
                do {
                    try await api.call(isPlain ? request.plain : request)
                    return true
                } catch BotError.tooManyRequests(let seconds) {
                    logger.warning("the chat has to wait", metadata: ["seconds": "\(seconds)"])
                    flood = .seconds(seconds)
                } catch BotError.refused(let refusal) where refusal.mayBeOfFormat && !isPlain && request.hasFormat {
                    logger.error("refused for its format; it comes as plain text", metadata: ["refusal": "\(refusal)"])
                    isPlain = true
                } catch let error as BotError where error.isPassing {
                    attempts += 1
                    if case .noAnswer = error, case .sendMessage = request { unanswered += 1 }
                    guard attempts < Self.attempts, unanswered < Self.unansweredMessages else { throw error }
                    logger.warning("not done yet", metadata: ["method": "\(request.method)", "error": "\(error)"])
                }
            }
            if flood == nil, attempts > 0 { try await Task.sleep(for: backoff.failed()) }
        }
    }
}
