/// Text as wide as a terminal shows it.
enum Columns {
    /// How wide screens are at most.
    static let limit = 80

    /// The text in lines of at most `limit` columns, broken at spaces where there are any.
    static func wrap(_ text: String, to limit: Int = limit) -> [String] {
        text.split(separator: "\n", omittingEmptySubsequences: false).flatMap { wrapLine($0, limit) }
    }

    /// How many columns a character takes: emoji and East Asian wide ones two, others one.
    static func width(_ character: Character) -> Int {
        let scalars = character.unicodeScalars
        guard let first = scalars.first else { return 0 }
        if scalars.contains("\u{FE0F}") || first.properties.isEmojiPresentation { return 2 }
        switch first.value {
        case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60,
            0xFFE0...0xFFE6, 0x1F300...0x1FAFF, 0x20000...0x3FFFD:
            return 2
        default:
            return 1
        }
    }

    static func width(_ text: some StringProtocol) -> Int {
        text.reduce(0) { $0 + width($1) }
    }

    private static func wrapLine(_ line: Substring, _ limit: Int) -> [String] {
        var lines: [String] = []
        var current = ""
        for word in line.split(separator: " ", omittingEmptySubsequences: false) {
            let separated = current.isEmpty && lines.isEmpty || !current.isEmpty ? width(current) + 1 : 0
            if !current.isEmpty, separated + width(word) > limit {
                lines.append(current)
                current = ""
            }
            if !current.isEmpty { current += " " }
            // A word that is wider than the screen is broken where it must be.
            for character in word {
                if width(current) + width(character) > limit {
                    lines.append(current)
                    current = ""
                }
                current.append(character)
            }
        }
        return lines + [current]
    }
}
