/// RFC 8259 and RFC 3629 once more, written from their grammars in the plainest way and sharing nothing with the code
/// under test. It recurses, so it is for short texts only.
package struct NaiveJSON {
    private var rest: ArraySlice<UInt8>

    /// Whether the text is exactly one JSON text in UTF-8.
    package static func accepts(_ text: [UInt8]) -> Bool {
        var parser = NaiveJSON(rest: text[...])
        return isUTF8(text) && parser.element() && parser.rest.isEmpty
    }

    private mutating func element() -> Bool {
        self.space()
        guard self.value() else { return false }
        self.space()
        return true
    }

    private mutating func value() -> Bool {
        switch self.rest.first {
        case UInt8(ascii: "{"):
            self.list(end: "}") { $0.space() && $0.string() && $0.space() && $0.take(":") && $0.element() }
        case UInt8(ascii: "["): self.list(end: "]") { $0.element() }
        case UInt8(ascii: "\""): self.string()
        case UInt8(ascii: "t"): self.take(word: "true")
        case UInt8(ascii: "f"): self.take(word: "false")
        case UInt8(ascii: "n"): self.take(word: "null")
        default: self.number()
        }
    }

    private mutating func list(end: Unicode.Scalar, item: (inout NaiveJSON) -> Bool) -> Bool {
        self.rest.removeFirst()
        self.space()
        if self.take(end) { return true }
        repeat {
            guard item(&self) else { return false }
            self.space()
        } while self.take(",")
        return self.take(end)
    }

    private mutating func string() -> Bool {
        guard self.take("\"") else { return false }
        while let byte = self.rest.popFirst() {
            if byte == 0x22 { return true }
            if byte < 0x20 { return false }
            if byte == 0x5C {
                guard let letter = self.rest.popFirst() else { return false }
                if letter == 0x75 {
                    for _ in 0..<4 {
                        guard let digit = self.rest.popFirst(), "0123456789abcdefABCDEF".utf8.contains(digit) else {
                            return false
                        }
                    }
                } else if !"\"\\/bfnrt".utf8.contains(letter) {
                    return false
                }
            }
        }
        return false
    }

    private mutating func number() -> Bool {
        _ = self.take("-")
        if !self.take("0") {
            guard self.digits() else { return false }
        }
        if self.take("."), !self.digits() { return false }
        if self.take("e") || self.take("E") {
            _ = self.take("+") || self.take("-")
            return self.digits()
        }
        return true
    }

    private mutating func digits() -> Bool {
        let digits = self.rest.prefix { "0123456789".utf8.contains($0) }
        self.rest.removeFirst(digits.count)
        return !digits.isEmpty
    }

    @discardableResult
    private mutating func space() -> Bool {
        self.rest = self.rest.drop { " \t\n\r".utf8.contains($0) }
        return true
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard self.rest.first == UInt8(ascii: character) else { return false }
        self.rest.removeFirst()
        return true
    }

    private mutating func take(word: StaticString) -> Bool {
        for index in 0..<word.utf8CodeUnitCount {
            guard self.rest.popFirst() == word.utf8Start[index] else { return false }
        }
        return true
    }

    /// By decoding each character and encoding its number again.
    private static func isUTF8(_ text: [UInt8]) -> Bool {
        var rest = text[...]
        while let first = rest.popFirst() {
            let continuations: Int
            switch first {
            case 0x00...0x7F: continuations = 0
            case 0xC0...0xDF: continuations = 1
            case 0xE0...0xEF: continuations = 2
            case 0xF0...0xF7: continuations = 3
            default: return false
            }
            guard rest.count >= continuations else { return false }
            var number = continuations == 0 ? UInt32(first) : UInt32(first) & (0x3F >> UInt32(continuations))
            for byte in rest.prefix(continuations) {
                guard byte & 0xC0 == 0x80 else { return false }
                number = number << 6 | UInt32(byte & 0x3F)
            }
            rest.removeFirst(continuations)
            let shortest = number < 0x80 ? 0 : number < 0x800 ? 1 : number < 0x10000 ? 2 : 3
            guard continuations == shortest, number < 0xD800 || 0xE000...0x10FFFF ~= number else { return false }
        }
        return true
    }

    /// The string that an accepted text with quotes stands for, by way of UTF-16.
    package static func string(_ text: [UInt8]) -> String {
        var rest = ArraySlice(String(decoding: text, as: UTF8.self).unicodeScalars).drop { $0 != "\"" }.dropFirst()
        var units: [UInt16] = []
        while let character = rest.popFirst(), character != "\"" {
            guard character == "\\", let letter = rest.popFirst() else {
                units += Array(String(character).utf16)
                continue
            }
            switch letter {
            case "u":
                units.append(rest.prefix(4).reduce(0) { $0 << 4 | UInt16(Character($1).hexDigitValue ?? 0) })
                rest.removeFirst(4)
            case "b": units.append(8)
            case "f": units.append(12)
            case "n": units.append(10)
            case "r": units.append(13)
            case "t": units.append(9)
            default: units.append(UInt16(letter.value))
            }
        }
        return String(decoding: units, as: UTF16.self)
    }

    /// The string in quotes, byte by byte.
    package static func written(_ string: String) -> [UInt8] {
        var written: [UInt8] = [0x22]
        for byte in string.utf8 {
            switch byte {
            case 8: written += Array("\\b".utf8)
            case 9: written += Array("\\t".utf8)
            case 10: written += Array("\\n".utf8)
            case 12: written += Array("\\f".utf8)
            case 13: written += Array("\\r".utf8)
            case 0x22: written += Array("\\\"".utf8)
            case 0x5C: written += Array("\\\\".utf8)
            case ..<0x10: written += Array("\\u000\(String(byte, radix: 16))".utf8)
            case ..<0x20: written += Array("\\u00\(String(byte, radix: 16))".utf8)
            default: written.append(byte)
            }
        }
        return written + [0x22]
    }
}
