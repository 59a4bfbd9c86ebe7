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
    /// Ends the waiting mark on a button, with a toast or without; an alert stays until it is closed.
    case answerCallbackQuery(id: String, text: String?, isAlert: Bool)
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

extension BotRequest {
    private var screen: Screen? {
        switch self {
        case .sendMessage(_, let screen), .editMessageText(_, _, let screen): screen
        default: nil
        }
    }

    /// Whether it has anything that ``plain`` has not.
    var hasFormat: Bool { screen.map { $0.plain != $0 } ?? false }

    /// The same with a plain screen.
    var plain: BotRequest {
        switch self {
        case .sendMessage(let chat, let screen): .sendMessage(chat: chat, screen.plain)
        case .editMessageText(let chat, let message, let screen):
            .editMessageText(chat: chat, message: message, screen.plain)
        default: self
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
        case .answerCallbackQuery(let id, let text, let isAlert):
            writer.member("callback_query_id", id)
            if let text { writer.member("text", text) }
            if text != nil, isAlert { writer.member("show_alert", true) }
        }
        writer.endObject()
    }
}

extension JSONWriter {
    fileprivate mutating func members(of screen: Screen) {
        member("text", screen.text.plain)
        if !screen.text.entities.isEmpty {
            key("entities")
            beginArray()
            for entity in screen.text.entities {
                beginObject()
                member("type", entity.style.rawValue)
                member("offset", Int64(entity.offset))
                member("length", Int64(entity.length))
                endObject()
            }
            endArray()
        }
        // A description may contain an address of the web; its preview would hide the buttons.
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
                switch button.action {
                case .tap(let data):
                    member("callback_data", data)
                case .copy(let text):
                    key("copy_text")
                    beginObject()
                    member("text", text)
                    endObject()
                }
                endObject()
            }
            endArray()
        }
        endArray()
        endObject()
    }
}
