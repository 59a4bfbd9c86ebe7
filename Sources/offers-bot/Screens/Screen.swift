/// What a master sees: a text and rows of buttons. A pure value; Telegram and the terminal both show it.
struct Screen: Hashable, Sendable {
    /// At most 4,096 UTF-16 units with its markup: every value in it has a limit.
    var text: HTML
    /// Rows from above, buttons from the left.
    var buttons: [[Button]]

    /// A button and what it asks for.
    struct Button: Hashable, Sendable {
        let title: String
        /// `callback_data`.
        let data: String

        init(title: String, tap: Tap) {
            self.init(title: title, data: tap.data)
        }

        init(title: String, data: String) {
            self.title = title
            self.data = data
        }
    }

    /// Orders on a page of the list.
    static let pageSize = 5

    /// The screen with a sentence above it, for a sentence that could not be shown as a toast.
    func headed(by sentence: String) -> Screen {
        Screen(text: .lines([HTML(value: sentence, atMost: 300, keepingLines: true), "", text]), buttons: buttons)
    }
}

extension Screen.Button {
    static let menu = Screen.Button(title: "🏠 Меню", tap: .menu)

    static func back(toPage page: Int) -> Screen.Button {
        Screen.Button(title: "⬅️ Назад", tap: .list(page: page))
    }
}
