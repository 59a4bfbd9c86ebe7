/// Why a text is not JSON.
package struct JSONSyntaxError: Error, Equatable {
    /// The number of bytes before the place where the text stops being JSON.
    package let offset: Int
    /// What is wrong there, as half a sentence such as "a value was expected". It never quotes the text.
    package let problem: String

    /// A problem and its place.
    package init(offset: Int, problem: String) {
        self.offset = offset
        self.problem = problem
    }
}

/// The grammar of RFC 8259, neither more nor less.
///
/// One pass without recursion, which asks for every byte whether it is there. The only thing that grows with the text
/// is one bit for each open bracket.
struct JSONGrammar {
    /// What may come next, white space aside.
    private enum Expected {
        case value, valueOrEnd, name, nameOrEnd, separatorOrEnd
    }

    private var offset = 0
    private var brackets = OpenBrackets()

    /// Returns when `text` is exactly one JSON text in UTF-8.
    static func check(_ text: UnsafeBufferPointer<UInt8>) throws(JSONSyntaxError) {
        if unsafe !text.isASCII {
            do {
                // From here on a byte from 0x80 up can only be a part of a character, which has its place in strings
                // only.
                _ = unsafe try UTF8Span(validating: text.span)
            } catch {
                throw JSONSyntaxError(offset: error.byteOffsets.lowerBound, problem: "this is not UTF-8")
            }
        }
        var grammar = JSONGrammar()
        unsafe try grammar.checkText(text)
    }

    private mutating func checkText(_ text: UnsafeBufferPointer<UInt8>) throws(JSONSyntaxError) {
        var expected = Expected.value
        while true {
            unsafe self.skipWhiteSpace(text)
            switch unsafe (expected, self.peek(text)) {
            case (.separatorOrEnd, nil) where self.brackets.isEmpty:
                return
            case (.separatorOrEnd, UInt8(ascii: ",")) where !self.brackets.isEmpty:
                self.offset += 1
                expected = self.brackets.innermostIsObject ? .name : .value
            case (.separatorOrEnd, UInt8(ascii: "]")), (.valueOrEnd, UInt8(ascii: "]")):
                try self.closeBracket(ofObject: false)
                expected = .separatorOrEnd
            case (.separatorOrEnd, UInt8(ascii: "}")), (.nameOrEnd, UInt8(ascii: "}")):
                try self.closeBracket(ofObject: true)
                expected = .separatorOrEnd
            case (.separatorOrEnd, _):
                throw self.problem(self.separatorProblem)
            case (.name, UInt8(ascii: "\"")), (.nameOrEnd, UInt8(ascii: "\"")):
                unsafe try self.checkString(text)
                unsafe self.skipWhiteSpace(text)
                guard unsafe self.skip(UInt8(ascii: ":"), text) else { throw self.problem("a colon was expected") }
                expected = .value
            case (.name, _), (.nameOrEnd, _):
                throw self.problem("the name of a member was expected")
            case (.value, UInt8(ascii: "[")), (.valueOrEnd, UInt8(ascii: "[")):
                self.openBracket(ofObject: false)
                expected = .valueOrEnd
            case (.value, UInt8(ascii: "{")), (.valueOrEnd, UInt8(ascii: "{")):
                self.openBracket(ofObject: true)
                expected = .nameOrEnd
            case (.value, let first), (.valueOrEnd, let first):
                unsafe try self.checkScalar(startingWith: first, text)
                expected = .separatorOrEnd
            }
        }
    }

    private mutating func openBracket(ofObject isObject: Bool) {
        self.brackets.open(ofObject: isObject)
        self.offset += 1
    }

    private mutating func closeBracket(ofObject isObject: Bool) throws(JSONSyntaxError) {
        guard !self.brackets.isEmpty, self.brackets.innermostIsObject == isObject else {
            throw self.problem(self.separatorProblem)
        }
        self.brackets.close()
        self.offset += 1
    }

    private mutating func checkScalar(startingWith first: UInt8?, _ text: UnsafeBufferPointer<UInt8>)
        throws(JSONSyntaxError)
    {
        switch first {
        case UInt8(ascii: "\""): unsafe try self.checkString(text)
        case UInt8(ascii: "-"): unsafe try self.checkNumber(text)
        case let digit? where digit.isDigit: unsafe try self.checkNumber(text)
        case UInt8(ascii: "t"): unsafe try self.checkLiteral("true", text)
        case UInt8(ascii: "f"): unsafe try self.checkLiteral("false", text)
        case UInt8(ascii: "n"): unsafe try self.checkLiteral("null", text)
        default: throw self.problem("a value was expected")
        }
    }

    private mutating func checkLiteral(_ literal: StaticString, _ text: UnsafeBufferPointer<UInt8>)
        throws(JSONSyntaxError)
    {
        for index in 0..<literal.utf8CodeUnitCount {
            guard unsafe self.skip(literal.utf8Start[index], text) else {
                throw self.problem("the word \(literal) was expected")
            }
        }
    }

    private mutating func checkNumber(_ text: UnsafeBufferPointer<UInt8>) throws(JSONSyntaxError) {
        _ = unsafe self.skip(UInt8(ascii: "-"), text)
        if unsafe !self.skip(UInt8(ascii: "0"), text) {
            unsafe try self.checkDigits(text)
        }
        if unsafe self.skip(UInt8(ascii: "."), text) {
            unsafe try self.checkDigits(text)
        }
        if unsafe self.skip(UInt8(ascii: "e"), text) || self.skip(UInt8(ascii: "E"), text) {
            _ = unsafe self.skip(UInt8(ascii: "+"), text) || self.skip(UInt8(ascii: "-"), text)
            unsafe try self.checkDigits(text)
        }
    }

    /// At least one.
    private mutating func checkDigits(_ text: UnsafeBufferPointer<UInt8>) throws(JSONSyntaxError) {
        let start = self.offset
        while let byte = unsafe self.peek(text), byte.isDigit {
            self.offset += 1
        }
        guard self.offset > start else { throw self.problem("a digit was expected") }
    }

    private mutating func checkString(_ text: UnsafeBufferPointer<UInt8>) throws(JSONSyntaxError) {
        self.offset += 1
        while true {
            self.offset = unsafe text.endOfPlainText(from: self.offset)
            guard let byte = unsafe self.peek(text) else { break }
            switch byte {
            case UInt8(ascii: "\""):
                self.offset += 1
                return
            case UInt8(ascii: "\\"):
                unsafe try self.checkEscape(text)
            default:
                throw self.problem("a control character in a string must be escaped")
            }
        }
        throw self.problem("the string is not closed")
    }

    private mutating func checkEscape(_ text: UnsafeBufferPointer<UInt8>) throws(JSONSyntaxError) {
        self.offset += 1
        switch unsafe self.peek(text) {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            self.offset += 1
        case UInt8(ascii: "u"):
            self.offset += 1
            for _ in 0..<4 {
                guard let digit = unsafe self.peek(text), digit.isHexadecimalDigit else {
                    throw self.problem("a hexadecimal digit was expected")
                }
                self.offset += 1
            }
        default:
            throw self.problem("there is no such escape")
        }
    }

    private mutating func skipWhiteSpace(_ text: UnsafeBufferPointer<UInt8>) {
        while let byte = unsafe self.peek(text), byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D {
            self.offset += 1
        }
    }

    private mutating func skip(_ byte: UInt8, _ text: UnsafeBufferPointer<UInt8>) -> Bool {
        guard unsafe self.peek(text) == byte else { return false }
        self.offset += 1
        return true
    }

    private func peek(_ text: UnsafeBufferPointer<UInt8>) -> UInt8? {
        unsafe self.offset < text.count ? text[self.offset] : nil
    }

    private var separatorProblem: String {
        if self.brackets.isEmpty {
            "nothing more was expected"
        } else if self.brackets.innermostIsObject {
            "a comma or the end of the object was expected"
        } else {
            "a comma or the end of the array was expected"
        }
    }

    private func problem(_ problem: String) -> JSONSyntaxError {
        JSONSyntaxError(offset: self.offset, problem: problem)
    }
}

extension UInt8 {
    fileprivate var isDigit: Bool {
        UInt8(ascii: "0")...UInt8(ascii: "9") ~= self
    }

    fileprivate var isHexadecimalDigit: Bool {
        self.isDigit || UInt8(ascii: "a")...UInt8(ascii: "f") ~= self | 0x20
    }
}

/// A stack of bits: whether each open bracket is that of an object. It allocates from the 65th level on.
private struct OpenBrackets {
    private var depth = 0
    /// The innermost levels, at most 64 of them; the lowest bit is the innermost. Bits above them mean nothing.
    private var inner: UInt64 = 0
    /// The levels around them, 64 in each word.
    private var outer: [UInt64] = []

    var isEmpty: Bool { self.depth == 0 }

    /// Of no meaning when empty.
    var innermostIsObject: Bool { self.inner & 1 == 1 }

    mutating func open(ofObject isObject: Bool) {
        if self.depth > 0, self.depth.isMultiple(of: 64) {
            self.outer.append(self.inner)
        }
        self.inner = self.inner << 1 | (isObject ? 1 : 0)
        self.depth += 1
    }

    mutating func close() {
        self.depth -= 1
        self.inner >>= 1
        if self.depth > 0, self.depth.isMultiple(of: 64) {
            self.inner = self.outer.removeLast()
        }
    }
}
