/// RFC 8259 and RFC 3629 once more, written from their grammars in the plainest way and sharing nothing with the code
/// under test. It recurses, so it is for short texts only.
struct NaiveJSON {
    private var rest: ArraySlice<UInt8>

    static func accepts(_ text: [UInt8]) -> Bool {
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
        switch self.rest.first.map({ Character(Unicode.Scalar($0)) }) {
        case "{": self.list(end: "}") { $0.space() && $0.string() && $0.space() && $0.take(":") && $0.element() }
        case "[": self.list(end: "]") { $0.element() }
        case "\"": self.string()
        case "t": "true".allSatisfy { self.take($0) }
        case "f": "false".allSatisfy { self.take($0) }
        case "n": "null".allSatisfy { self.take($0) }
        default: self.number()
        }
    }

    private mutating func list(end: Character, item: (inout NaiveJSON) -> Bool) -> Bool {
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

    private mutating func take(_ character: Character) -> Bool {
        guard self.rest.first == character.asciiValue else { return false }
        self.rest.removeFirst()
        return true
    }

    /// By decoding each character and encoding its number again.
    private static func isUTF8(_ text: [UInt8]) -> Bool {
        var rest = text[...]
        while let first = rest.popFirst() {
            let length = [0x00...0x7F: 0, 0xC0...0xDF: 1, 0xE0...0xEF: 2, 0xF0...0xF7: 3].first { $0.key ~= Int(first) }
            guard let continuations = length?.value, rest.count >= continuations else { return false }
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
}
