/// The screens of the bot as plain text, and what a person types as taps. No I/O.
struct Dialogue {
    /// What is on the screen.
    private(set) var screen: Screen?

    /// What a typed line means.
    enum Input: Equatable {
        case tap(Tap)
        case start
        case quit
        case nothing
        case wrong(String)
        /// A button that copies this text.
        case copy(String)
    }

    /// The first lines.
    static let introduction = """
        Экраны бота в терминале. Введите номер кнопки, её callback_data (например,
        m:new) или /start; q или Ctrl-D — выход.
        """

    private var buttons: [Screen.Button] { screen?.buttons.flatMap(\.self) ?? [] }

    /// Reads a line.
    func read(_ line: String) -> Input {
        let text = String(line.filter { !$0.isWhitespace })
        if text.isEmpty { return .nothing }
        if ["q", "quit", "exit"].contains(text.lowercased()) { return .quit }
        if text.hasPrefix("/") { return .start }
        if let number = Int(text) {
            guard buttons.indices.contains(number - 1) else {
                return .wrong("Нет такой кнопки: есть от 1 до \(buttons.count).")
            }
            switch buttons[number - 1].action {
            case .tap(let data): return .tap(Tap(data: data))
            case .copy(let text): return .copy(text)
            }
        }
        guard text.hasPrefix("m:") else {
            return .wrong("Введите номер кнопки от 1 до \(buttons.count), /start или q.")
        }
        return .tap(Tap(data: text))
    }

    /// Puts a screen up and returns its lines.
    mutating func show(_ screen: Screen) -> [String] {
        self.screen = screen
        var lines = [String(repeating: "─", count: Columns.limit)]
        lines += Columns.wrap(screen.text.plain)
        lines.append("")
        var number = 0
        for row in screen.buttons {
            let titles = row.map { button in
                number += 1
                return "[\(number)] \(button.title)"
            }
            lines += Columns.wrap(titles.joined(separator: "   "))
        }
        return lines
    }

    /// The lines of a toast.
    static func toast(_ text: String) -> [String] {
        Columns.wrap(text, to: Columns.limit - 2).map { $0.isEmpty ? "" : "» \($0)" }
    }
}
