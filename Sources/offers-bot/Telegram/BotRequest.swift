import JSONRPC

/// The requests of the Bot API that the bot makes, and nothing else (https://core.telegram.org/bots/api).
enum BotRequest: Sendable {
    /// Who the token belongs to.
    case getMe
    /// Updates from `offset` on; those before it are confirmed. Waits `timeout` seconds for one.
    case getUpdates(offset: Int64?, limit: Int, timeout: Int)
    /// A webhook keeps getUpdates from working. Nothing that waits is dropped.
    case deleteWebhook
    /// The menu of commands that the token has.
    case getMyCommands
    /// The menu of commands.
    case setMyCommands([(name: String, description: String)])
    /// A new message.
    case sendMessage(chat: Int64, Screen)
    /// Another text and other buttons for a message.
    case editMessageText(chat: Int64, message: Int64, Screen)
    /// Takes a message's buttons away.
    case editMessageReplyMarkup(chat: Int64, message: Int64)
    /// Ends the waiting mark on a button, with a toast or without.
    case answerCallbackQuery(id: String, text: String?)
    /// Takes a message away.
    case deleteMessage(chat: Int64, message: Int64)

    /// The method's name.
    var method: String {
        switch self {
        case .getMe: "getMe"
        case .getUpdates: "getUpdates"
        case .deleteWebhook: "deleteWebhook"
        case .getMyCommands: "getMyCommands"
        case .setMyCommands: "setMyCommands"
        case .sendMessage: "sendMessage"
        case .editMessageText: "editMessageText"
        case .editMessageReplyMarkup: "editMessageReplyMarkup"
        case .answerCallbackQuery: "answerCallbackQuery"
        case .deleteMessage: "deleteMessage"
        }
    }
}

extension BotRequest: JSONEncodable {
    /// The body.
    func encode(to writer: inout JSONWriter) {
        writer.beginObject()
        switch self {
        case .getMe, .getMyCommands:
            break
        case .getUpdates(let offset, let limit, let timeout):
            if let offset { writer.member("offset", offset) }
            writer.member("limit", Int64(limit))
            writer.member("timeout", Int64(timeout))
            writer.key("allowed_updates")
            writer.beginArray()
            writer.string("message")
            writer.string("callback_query")
            writer.endArray()
        case .deleteWebhook:
            writer.member("drop_pending_updates", false)
        case .setMyCommands(let commands):
            writer.key("commands")
            writer.beginArray()
            for command in commands {
                writer.beginObject()
                writer.member("command", command.name)
                writer.member("description", command.description)
                writer.endObject()
            }
            writer.endArray()
        case .sendMessage(let chat, let screen):
            writer.member("chat_id", chat)
            writer.members(of: screen)
        case .editMessageText(let chat, let message, let screen):
            writer.member("chat_id", chat)
            writer.member("message_id", message)
            writer.members(of: screen)
        case .editMessageReplyMarkup(let chat, let message), .deleteMessage(let chat, let message):
            writer.member("chat_id", chat)
            writer.member("message_id", message)
        case .answerCallbackQuery(let id, let text):
            writer.member("callback_query_id", id)
            if let text { writer.member("text", text) }
        }
        writer.endObject()
    }
}

extension JSONWriter {
    fileprivate mutating func members(of screen: Screen) {
        member("text", screen.text.source)
        member("parse_mode", "HTML")
        // Somebody's description may contain an address of the web; its preview would hide the buttons.
        key("link_preview_options")
        beginObject()
        member("is_disabled", true)
        endObject()
        key("reply_markup")
        beginObject()
        key("inline_keyboard")
        beginArray()
        for row in screen.buttons {
            beginArray()
            for button in row {
                beginObject()
                member("text", button.title)
                member("callback_data", button.data)
                endObject()
            }
            endArray()
        }
        endArray()
        endObject()
    }
}
