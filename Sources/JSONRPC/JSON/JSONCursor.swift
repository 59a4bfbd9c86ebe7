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
        guard let range = self.text.rangeOfValue(from: self.offset) else { return nil }
        self.offset = range.upperBound
        return range
    }

    /// The object's next name, and where its value lies; nil at the end.
    mutating func nextMember() -> (name: String, value: Range<Int>)? {
        guard let name = self.nextElement(), let value = self.nextElement() else { return nil }
        return (self.text.unescapedString(in: name), value)
    }

    /// The value at a range that this cursor gave.
    func value(in range: Range<Int>) -> JSONValue {
        JSONValue(checked: self.text, in: range)
    }

    /// The text at a range that this cursor gave, as it was written.
    func source(in range: Range<Int>) -> String {
        self.text.string(in: range)
    }
}

/// Taking checked text apart. Ranges count from the first readable byte.
extension ByteBuffer {
    /// The first value from `offset` on; nil when the closing bracket comes first.
    func rangeOfValue(from offset: Int) -> Range<Int>? {
        let text = self.readableBytesUInt8Span
        let start = text.endOfFiller(from: offset)
        let end = text.endOfValue(from: start)
        return start < end ? start..<end : nil
    }

    func slice(of range: Range<Int>) -> ByteBuffer {
        self.getSlice(at: self.readerIndex + range.lowerBound, length: range.count)!
    }

    func string(in range: Range<Int>) -> String {
        self.getString(at: self.readerIndex + range.lowerBound, length: range.count)!
    }

    /// The string whose quotes are the first and last byte of `range`.
    func unescapedString(in range: Range<Int>) -> String {
        let content = range.lowerBound + 1..<range.upperBound - 1
        let text = self.readableBytesUInt8Span
        for offset in content where text[offset] == UInt8(ascii: "\\") {
            return text.extracting(content).unescaped()
        }
        return self.string(in: content)
    }
}

/// Finding the ends of things in text that is known to be JSON.
extension Span<UInt8> {
    /// The first offset from `start` on that belongs to a value or a closing bracket.
    fileprivate func endOfFiller(from start: Int) -> Int {
        var offset = start
        while offset < self.count {
            switch self[offset] {
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
            switch self[offset] {
            case UInt8(ascii: "\""):
                offset = self.endOfString(from: offset)
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
        var offset = start + 1
        while self[offset] != UInt8(ascii: "\"") {
            offset += self[offset] == UInt8(ascii: "\\") ? 2 : 1
        }
        return offset + 1
    }
}
