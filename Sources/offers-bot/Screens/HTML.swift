/// A text with Telegram's HTML markup (Bot API, "HTML style").
///
/// It is written as a literal, whose own characters are markup; whatever is interpolated into it is escaped. This is
/// the only place where the bot escapes anything, and there is no way around it.
struct HTML: Hashable, Sendable, ExpressibleByStringInterpolation {
    /// The text as it goes to Telegram.
    let source: String

    init(stringLiteral literal: String) {
        source = literal
    }

    init(stringInterpolation interpolation: StringInterpolation) {
        source = interpolation.source
    }

    private init(source: String) {
        self.source = source
    }

    /// A value, escaped and at most `limit` UTF-16 units long after that; see ``StringInterpolation``.
    init(value: String, atMost limit: Int, keepingLines: Bool = false) {
        self = "\(value, atMost: limit, keepingLines: keepingLines)"
    }

    /// The texts with `separator` between them.
    static func joined(_ texts: [HTML], by separator: HTML) -> HTML {
        HTML(source: texts.map(\.source).joined(separator: separator.source))
    }

    /// The texts as lines.
    static func lines(_ texts: [HTML]) -> HTML {
        joined(texts, by: "\n")
    }

    /// The text as a person reads it, without markup.
    var plain: String {
        var plain = ""
        var rest = source[...]
        while let mark = rest.firstIndex(where: { $0 == "<" || $0 == "&" }) {
            plain += rest[..<mark]
            guard let end = rest[mark...].firstIndex(of: rest[mark] == "<" ? ">" : ";") else { break }
            let piece = rest[mark...end]
            plain += Self.entities.first { $0.escaped == piece }.map { String($0.character) } ?? ""
            rest = rest[rest.index(after: end)...]
        }
        return plain + rest
    }

    /// What has to be escaped: the old bot's forms, which Telegram understands.
    private static let entities: [(character: Character, escaped: String)] = [
        ("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;"), ("'", "&#x27;"),
    ]

    /// What an HTML literal is made of.
    struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var source = ""

        init(literalCapacity: Int, interpolationCount: Int) {
            source.reserveCapacity(literalCapacity * 2)
        }

        mutating func appendLiteral(_ markup: String) {
            source += markup
        }

        mutating func appendInterpolation(_ html: HTML) {
            source += html.source
        }

        mutating func appendInterpolation(_ number: some BinaryInteger) {
            source += String(number)
        }

        /// A value from outside. It is cut before it is escaped, at the end of a whole character and with `…`, so that
        /// its escaped form has at most `limit` UTF-16 units. Unless `keepingLines`, it is made a single line.
        mutating func appendInterpolation(_ value: String, atMost limit: Int = 100, keepingLines: Bool = false) {
            var escaped = ""
            var length = 0
            // Where a cut would be made: the longest beginning that leaves room for the ellipsis.
            var cut = escaped.endIndex
            for character in value {
                let piece = Self.escape(character, keepingLines: keepingLines)
                length += piece.utf16.count
                guard length <= limit else {
                    source += escaped[..<cut]
                    source += "…"
                    return
                }
                escaped += piece
                if length < limit { cut = escaped.endIndex }
            }
            source += escaped
        }

        private static func escape(_ character: Character, keepingLines: Bool) -> String {
            if character.isNewline { return keepingLines ? "\n" : " " }
            // Other control characters mean nothing on a screen, and something to a terminal.
            if let byte = character.asciiValue, byte < 0x20 || byte == 0x7F { return " " }
            return HTML.entities.first { $0.character == character }?.escaped ?? String(character)
        }
    }
}
