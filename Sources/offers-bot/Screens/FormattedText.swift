/// A plain text and where it is bold or italic (Bot API, `MessageEntity`). There is no markup, so nothing is escaped.
struct FormattedText: Hashable, Sendable, ExpressibleByStringInterpolation {
    /// What a person reads.
    private(set) var plain = ""
    /// In order of their beginnings; they do not overlap.
    private(set) var entities: [Entity] = []

    /// A stretch of the text that looks different.
    struct Entity: Hashable, Sendable {
        let style: Style
        /// In UTF-16 units.
        let offset: Int
        /// In UTF-16 units; at least one.
        let length: Int
    }

    /// The Bot API's name of a look.
    enum Style: String, Sendable {
        case bold, italic
    }

    init(stringLiteral text: String) {
        plain = text
    }

    init(stringInterpolation interpolation: StringInterpolation) {
        self = interpolation.text
    }

    /// A text without any format; it is shown as it is.
    init(_ plain: String) {
        self.plain = plain
    }

    /// A value; see ``DataText``.
    init(value: String, atMost limit: Int, keepingLines: Bool = false) {
        plain = DataText.fit(value, to: limit, keepingLines: keepingLines)
    }

    /// The whole text in bold.
    static func bold(_ text: String) -> FormattedText {
        styled(text, .bold)
    }

    /// The whole text in italics.
    static func italic(_ text: String) -> FormattedText {
        styled(text, .italic)
    }

    private static func styled(_ text: String, _ style: Style) -> FormattedText {
        var styled = FormattedText(text)
        if !text.isEmpty { styled.entities = [Entity(style: style, offset: 0, length: text.utf16.count)] }
        return styled
    }

    /// The same without any format.
    var withoutFormat: FormattedText { FormattedText(plain) }

    /// The texts with `separator` between them.
    static func joined(_ texts: [FormattedText], by separator: String) -> FormattedText {
        var joined = FormattedText("")
        for (index, text) in texts.enumerated() {
            if index > 0 { joined.plain += separator }
            joined.append(text)
        }
        return joined
    }

    /// The texts as lines.
    static func lines(_ texts: [FormattedText]) -> FormattedText {
        joined(texts, by: "\n")
    }

    private mutating func append(_ text: FormattedText) {
        let start = plain.utf16.count
        plain += text.plain
        entities += text.entities.map { Entity(style: $0.style, offset: start + $0.offset, length: $0.length) }
    }

    /// What a literal is made of.
    struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var text = FormattedText("")

        init(literalCapacity: Int, interpolationCount: Int) {
            text.plain.reserveCapacity(literalCapacity * 2)
        }

        mutating func appendLiteral(_ literal: String) {
            text.plain += literal
        }

        mutating func appendInterpolation(_ part: FormattedText) {
            text.append(part)
        }

        mutating func appendInterpolation(_ number: some BinaryInteger) {
            text.plain += String(number)
        }

        /// A value from outside; see ``DataText``.
        mutating func appendInterpolation(_ value: String, atMost limit: Int = 100, keepingLines: Bool = false) {
            text.plain += DataText.fit(value, to: limit, keepingLines: keepingLines)
        }
    }
}
