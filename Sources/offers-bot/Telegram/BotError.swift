import JSONRPC

/// Why the Bot API did not do what it was asked to.
enum BotError: Error, Equatable, CustomStringConvertible {
    /// 429: not before so many seconds.
    case tooManyRequests(retryAfter: Int64)
    /// 409: another program polls with this token, or a webhook is set.
    case conflict(webhook: Bool)
    /// 401 and 404: there is no bot with this token.
    case unauthorized
    /// 403: the user has blocked the bot, or is gone.
    case forbidden
    /// 400 and other refusals of this very request.
    case refused(Refusal)
    /// 5xx.
    case unavailable(status: Int)
    /// An answer that is not the Bot API's.
    case unintelligible
    /// No answer: no connection, a lost one, or none in time. The request may have been carried out.
    case noAnswer(String)

    /// The refusals that the bot acts on. Telegram tells them apart by their English text only.
    enum Refusal: Equatable {
        /// The message shows already what it should show.
        case notModified
        /// The tap is too long ago to be answered.
        case queryTooOld
        /// Anything else: the status, and the phrase of ``known`` that the text contains, if any.
        case other(status: Int, phrase: String?)

        /// What Telegram is known to say. Its texts may quote the bot's, so nothing else of them is kept.
        static let known = ofChat + ["can't parse entities", "message text is empty", "message is too long"]

        /// What no other form of the message changes.
        private static let ofChat = [
            "chat not found", "message to edit not found", "message can't be edited", "message to delete not found",
            "message can't be deleted", "no text in the message", "message identifier is not specified",
            "user is deactivated", "not enough rights", "have no rights", "bot can't initiate conversation",
            "method is available only", "chat_write_forbidden", "peer_id_invalid",
        ]

        /// Whether a plainer form of the message may be taken: Telegram has many words for a format that it refuses.
        var mayBeOfFormat: Bool {
            guard case .other(let status, let phrase) = self, status == 400 else { return false }
            return phrase.map { !Self.ofChat.contains($0) } ?? true
        }
    }

    /// Whether the same request may succeed later.
    var isPassing: Bool {
        switch self {
        case .tooManyRequests, .unavailable, .unintelligible, .noAnswer: true
        case .conflict, .unauthorized, .forbidden, .refused: false
        }
    }

    /// A sentence for the log. It never quotes Telegram, whose texts may quote the bot's.
    var description: String {
        switch self {
        case .tooManyRequests(let seconds): "too many requests; again in \(seconds) s"
        case .conflict(webhook: false):
            "another program polls with this token: only one may, so stop the other one (the old bot, or a second "
                + "instance of this)"
        case .conflict(webhook: true): "a webhook is set, which excludes polling; it is being removed"
        case .unauthorized: "there is no bot with this token"
        case .forbidden: "the user has blocked the bot"
        case .refused(.notModified): "the message is as it should be already"
        case .refused(.queryTooOld): "the tap is too old to be answered"
        case .refused(.other(let status, let phrase)): "refused (\(status)\(phrase.map { ": \($0)" } ?? ""))"
        case .unavailable(let status): "Telegram does not work (HTTP \(status))"
        case .unintelligible: "the answer is not one of the Bot API"
        case .noAnswer(let why): "no answer (\(why))"
        }
    }
}

extension BotError {
    /// Reads an answer: the result, or the error.
    ///
    /// - Parameters:
    ///   - status: Of HTTP. It counts only when the body does not say more, as that of a proxy in between.
    ///   - retryAfter: The header of this name.
    ///   - body: What should be `{"ok":true,"result":…}` or `{"ok":false,"error_code":…,"description":…}`.
    static func result(
        status: Int, retryAfter: String?, body: JSONValue?
    ) throws(BotError) -> JSONValue {
        if body?["ok"]?.boolValue == true, let result = body?["result"], status < 400 { return result }
        let code = body?["error_code"]?.int64Value.flatMap { Int(exactly: $0) } ?? status
        let description = body?["description"]?.stringValue?.lowercased() ?? ""
        switch code {
        case 429:
            let seconds = body?["parameters"]?["retry_after"]?.int64Value ?? retryAfter.flatMap { Int64($0) } ?? 1
            throw .tooManyRequests(retryAfter: min(max(seconds, 1), 86_400))
        case 409: throw .conflict(webhook: description.contains("webhook"))
        case 401, 404: throw .unauthorized
        case 403: throw .forbidden
        case 500...: throw .unavailable(status: code)
        case 400..<500 where description.contains("message is not modified"): throw .refused(.notModified)
        case 400..<500
        where description.contains("query is too old") || description.contains("query id is invalid"):
            throw .refused(.queryTooOld)
        case 400..<500:
            throw .refused(.other(status: code, phrase: Refusal.known.first(where: description.contains)))
        default: throw .unintelligible
        }
    }
}
