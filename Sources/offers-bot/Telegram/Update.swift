import JSONRPC

/// One thing that happened in Telegram.
struct Update: Sendable, Equatable {
    /// Grows from update to update, but for a new beginning after a quiet week.
    let id: Int64
    /// What happened.
    let event: Event

    enum Event: Sendable, Equatable {
        /// A message of a person in a private chat; whatever it says, the greeting answers it.
        case message(chat: Int64)
        /// A button was pressed.
        case tap(TapEvent)
        /// An update that the bot ignores.
        case other
    }

    struct TapEvent: Sendable, Equatable {
        /// For answerCallbackQuery.
        let query: String
        /// Who pressed it.
        let user: Int64
        /// Where its screen belongs: the message's chat, or the user's own.
        let chat: Int64
        /// The message with the button; nil if Telegram does not say which.
        let message: Origin?
        /// Whether the chat is the user's own, so that no other user reads a client's phone number.
        let isPrivate: Bool
        /// `callback_data`; nil for a button of another kind.
        let data: String?
    }

    /// Reads an element of getUpdates' result; nil if it has not even an id.
    init?(_ json: JSONValue) {
        guard let id = json["update_id"]?.int64Value else { return nil }
        self.id = id
        if let tap = json["callback_query"].flatMap(TapEvent.init) {
            event = .tap(tap)
        } else if let chat = json["message"]?["chat"], let id = chat["id"]?.int64Value, chat.isPrivate,
            json["message"]?["from"]?["is_bot"]?.boolValue != true
        {
            event = .message(chat: id)
        } else {
            event = .other
        }
    }

    /// Whether it is an accept or a decline: only those change anything.
    var isWrite: Bool {
        guard case .tap(let tap) = event, tap.isPrivate, let data = tap.data else { return false }
        return Tap(data: data).isWrite
    }

    /// The chat whose order it belongs to.
    var chat: Int64? {
        switch event {
        case .message(let chat): chat
        case .tap(let tap): tap.chat
        case .other: nil
        }
    }
}

extension Update.TapEvent {
    init?(_ json: JSONValue) {
        guard let query = json["id"]?.stringValue, let user = json["from"]?["id"]?.int64Value else { return nil }
        let message = json["message"]
        let chat = message?["chat"]
        self.init(
            query: query, user: user, chat: chat?["id"]?.int64Value ?? user,
            message: message.flatMap(Origin.init), isPrivate: chat?.isPrivate ?? true,
            data: json["data"]?.stringValue)
    }
}

extension JSONValue {
    /// Of a chat.
    fileprivate var isPrivate: Bool {
        self["type"].map { $0.stringValue == "private" } ?? true
    }
}
