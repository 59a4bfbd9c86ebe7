/// What a master sees: a text and rows of buttons. A pure value; Telegram and the terminal both show it.
struct Screen: Hashable, Sendable {
    /// At most 4,096 UTF-16 units: every value in it has a limit.
    var text: FormattedText
    /// Rows from above, buttons from the left.
    var buttons: [[Button]]
    /// The order whose accepted card it is. Such a card stays in the chat: nothing takes its place.
    var accepted: Int64?

    /// A button and what it does.
    struct Button: Hashable, Sendable {
        let title: String
        let action: Action

        /// What a press does.
        enum Action: Hashable, Sendable {
            /// Sends `callback_data`.
            case tap(data: String)
            /// Copies a text, without asking the bot (Bot API, `CopyTextButton`: 1-256 characters).
            case copy(String)
        }

        init(title: String, tap: Tap) {
            self.init(title: title, data: tap.data)
        }

        init(title: String, data: String) {
            self.title = title
            action = .tap(data: data)
        }

        init(title: String, copying text: String) {
            self.title = title
            action = .copy(DataText.fit(text, to: Self.longestCopy))
        }

        private static let longestCopy = 256
    }

    init(text: FormattedText, buttons: [[Button]], accepted: Int64? = nil) {
        self.text = text
        self.buttons = buttons
        self.accepted = accepted
    }

    /// Orders on a page of the list.
    static let pageSize = 5

    /// The screen with a sentence above it, for a sentence that could not be shown as a toast.
    func headed(by sentence: String) -> Screen {
        Screen(
            text: .lines([FormattedText(value: sentence, atMost: 300, keepingLines: true), "", text]),
            buttons: buttons, accepted: accepted)
    }

    /// The same with nothing in it but text and buttons that every Bot API knows.
    var plain: Screen {
        let taps = buttons.map { row in
            row.filter { if case .tap = $0.action { true } else { false } }
        }
        return Screen(text: text.withoutFormat, buttons: taps.filter { !$0.isEmpty }, accepted: accepted)
    }
}

extension Screen.Button {
    static let menu = Screen.Button(title: "🏠 Меню", tap: .menu)

    static func back(toPage page: Int) -> Screen.Button {
        Screen.Button(title: "⬅️ Назад", tap: .list(page: page))
    }

    static func refresh(page: Int) -> Screen.Button {
        Screen.Button(title: "🔄 Обновить", tap: .list(page: page))
    }
}
