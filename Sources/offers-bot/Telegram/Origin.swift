import JSONRPC

/// The message under which a button was pressed, as it was then.
struct Origin: Sendable, Equatable {
    /// `message_id`.
    let id: Int64
    /// What may be done with it.
    let kind: Kind

    enum Kind: Sendable, Equatable {
        /// A screen of new orders; the next one takes its place.
        case screen
        /// Anything else: an accepted order, which stays, or a message of another part of the bot.
        case other
    }

    /// Reads a `MaybeInaccessibleMessage`; nil if it has not even an id.
    init?(_ json: JSONValue) {
        guard let id = json["message_id"]?.int64Value else { return nil }
        self.init(id: id, kind: Self.isScreen(json) ? .screen : .other)
    }

    init(id: Int64, kind: Kind) {
        self.id = id
        self.kind = kind
    }

    /// A screen of new orders is a text, all its buttons are of new orders or lead to the menu, one at least is of new
    /// orders, and it is not the card of an accepted order. A photo has no text, and neither has a message that
    /// Telegram does not show to the bot.
    private static func isScreen(_ json: JSONValue) -> Bool {
        guard let text = json["text"]?.stringValue, !isAccepted(text) else { return false }
        // Telegram leaves the keyboard out when it was taken away meanwhile: then it tells nothing.
        guard let rows = json["reply_markup"]?["inline_keyboard"]?.elements else { return true }
        let taps = rows.flatMap { $0.elements ?? [] }.map { button in
            button["callback_data"]?.stringValue.map(Tap.init(data:)) ?? .foreign
        }
        return !taps.contains(.foreign) && taps.contains { $0 != .menu }
    }

    /// Whether it is the card of an accepted order, this bot's or the old one's.
    private static func isAccepted(_ text: String) -> Bool {
        text.split(whereSeparator: \.isNewline).contains { line in
            line.hasPrefix("Активный заказ #") || line.hasPrefix("Заказ #") || line.hasPrefix("📞 Телефон:")
        }
    }
}
