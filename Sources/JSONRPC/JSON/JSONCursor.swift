import Glibc
import NIOCore

/// Walks through one level of an array or object, value by value, and makes nothing of a value until it is asked to.
///
/// The text was checked before, so it looks only at what tells values apart.
struct JSONCursor {
    private let text: ByteBuffer
    private var offset = 1  // behind the opening bracket

    init(_ text: JSONText) {
        self.text = text.bytes
    }

    /// Where the array's next element lies; nil at the end.
    mutating func nextElement() -> Range<Int>? {
        guard let range = unsafe self.text.withText({ unsafe $0.rangeOfValue(from: self.offset) }) else { return nil }
        self.offset = range.upperBound
        return range
    }

    /// Where the object's next name, a string, and its value lie; nil at the end.
    mutating func nextMember() -> (name: Range<Int>, value: Range<Int>)? {
        let member = unsafe self.text.withText { text -> (Range<Int>, Range<Int>)? in
            guard let name = unsafe text.rangeOfValue(from: self.offset),
                let value = unsafe text.rangeOfValue(from: name.upperBound)
            else { return nil }
            return (name, value)
        }
        if let member { self.offset = member.1.upperBound }
        return member
    }

    /// The value at a range that this cursor gave.
    func value(in range: Range<Int>) -> JSONValue {
        JSONValue(checked: self.text, in: range)
    }

    /// The string at a range that this cursor gave and that holds one.
    func string(in range: Range<Int>) -> String {
        unsafe self.text.withText { unsafe $0.unescapedString(in: range) }
    }

    /// Whether a range that this cursor gave holds this string, which must be ASCII that needs no escape. Makes no
    /// string unless there is an escape.
    func holds(_ string: StaticString, in range: Range<Int>) -> Bool {
        unsafe self.text.withText { text in
            guard unsafe text[range.lowerBound] == UInt8(ascii: "\"") else { return false }
            let (content, count) = (range.lowerBound + 1..<range.upperBound - 1, string.utf8CodeUnitCount)
            // An escape is longer than what it stands for.
            if content.count > count, unsafe text.endOfPlainText(from: content.lowerBound) < content.upperBound {
                return unsafe text.unescapedString(in: range) == "\(string)"
            }
            guard content.count == count, let bytes = text.baseAddress else { return false }
            return unsafe memcmp(bytes + content.lowerBound, string.utf8Start, count) == 0
        }
    }

    /// The text at a range that this cursor gave, as it was written.
    func source(in range: Range<Int>) -> String {
        unsafe self.text.withText { unsafe $0.string(in: range) }
    }
}

/// Taking apart text that is known to be JSON: what is looked for is there, and is not asked for again byte by byte.
/// Ranges count from the first readable byte of the buffer that holds it.
extension UnsafeBufferPointer<UInt8> {
    /// The first value from `offset` on; nil when the closing bracket comes first.
    func rangeOfValue(from offset: Int) -> Range<Int>? {
        let start = unsafe self.endOfFiller(from: offset)
        let end = unsafe self.endOfValue(from: start)
        return start < end ? start..<end : nil
    }

    /// Bytes as they are. The grammar's check has found the text to be UTF-8.
    func string(in range: Range<Int>) -> String {
        unsafe String(copying: UTF8Span(unchecked: self.extracting(range).span))
    }

    /// The string whose quotes are the first and last byte of `range`.
    func unescapedString(in range: Range<Int>) -> String {
        let content = range.lowerBound + 1..<range.upperBound - 1
        // The first that is not plain is the closing quote, or the backslash of an escape.
        let isPlain = unsafe self.endOfPlainText(from: content.lowerBound) == content.upperBound
        return unsafe isPlain ? self.string(in: content) : self.extracting(content).unescaped()
    }
}

extension ByteBuffer {
    /// Lends the readable bytes.
    @inline(__always)
    func withText<Value>(_ body: (UnsafeBufferPointer<UInt8>) -> Value) -> Value {
        unsafe self.withUnsafeReadableBytes { unsafe body($0.assumingMemoryBound(to: UInt8.self)) }
    }

    func slice(of range: Range<Int>) -> ByteBuffer {
        self.getSlice(at: self.readerIndex + range.lowerBound, length: range.count)!
    }
}

/// Finding the ends of things in text that is known to be JSON.
extension UnsafeBufferPointer<UInt8> {
    /// The first offset from `start` on that belongs to a value or a closing bracket.
    fileprivate func endOfFiller(from start: Int) -> Int {
        var offset = start
        while offset < self.count {
            switch unsafe self[offset] {
            case 0x20, 0x09, 0x0A, 0x0D, UInt8(ascii: ","), UInt8(ascii: ":"): offset += 1
            default: return offset
            }
        }
        return offset
    }

    /// The offset behind the value that begins at `start`.
    fileprivate func endOfValue(from start: Int) -> Int {
        var offset = start
        var depth = 0
        while offset < self.count {
            switch unsafe self[offset] {
            case UInt8(ascii: "\""):
                offset = unsafe self.endOfString(from: offset)
                if depth == 0 { return offset }
                continue
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                depth += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                if depth <= 1 { return offset + depth }  // at depth 0 it is not ours
                depth -= 1
            case 0x20, 0x09, 0x0A, 0x0D, UInt8(ascii: ","):
                if depth == 0 { return offset }
            default:
                break
            }
            offset += 1
        }
        return offset
    }

    /// The offset behind the closing quote of the string whose opening quote is at `start`.
    private func endOfString(from start: Int) -> Int {
        var offset = unsafe self.endOfPlainText(from: start + 1)
        while unsafe self[offset] != UInt8(ascii: "\"") {
            offset = unsafe self.endOfPlainText(from: offset + 2)  // behind an escape's letter
        }
        return offset + 1
    }
}
