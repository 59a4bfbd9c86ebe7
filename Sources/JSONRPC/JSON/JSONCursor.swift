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
        guard let range = self.text.readableBytesUInt8Span.rangeOfValue(from: self.offset) else { return nil }
        self.offset = range.upperBound
        return range
    }

    /// The object's next name, and where its value lies; nil at the end.
    mutating func nextMember() -> (name: String, value: Range<Int>)? {
        guard let (name, value) = self.member(from: self.offset) else { return nil }
        self.offset = value.upperBound
        return (name, value)
    }

    private func member(from offset: Int) -> (name: String, value: Range<Int>)? {
        let text = self.text.readableBytesUInt8Span
        guard let name = text.rangeOfValue(from: offset), let value = text.rangeOfValue(from: name.upperBound)
        else { return nil }
        return (text.unescapedString(in: name), value)
    }

    /// The value at a range that this cursor gave.
    func value(in range: Range<Int>) -> JSONValue {
        JSONValue(checked: self.text, in: range)
    }

    /// The text at a range that this cursor gave, as it was written.
    func source(in range: Range<Int>) -> String {
        self.text.readableBytesUInt8Span.string(in: range)
    }
}

/// Taking apart text that is known to be JSON. Ranges count from the first readable byte of the buffer that holds it,
/// whose span is asked for once per step: it costs a hundred instructions.
extension Span<UInt8> {
    /// The first value from `offset` on; nil when the closing bracket comes first.
    func rangeOfValue(from offset: Int) -> Range<Int>? {
        let start = self.endOfFiller(from: offset)
        let end = self.endOfValue(from: start)
        return start < end ? start..<end : nil
    }

    /// Bytes as they are. The grammar's check has found the text to be UTF-8.
    func string(in range: Range<Int>) -> String {
        String(copying: UTF8Span(unchecked: self.extracting(range)))
    }

    /// The string whose quotes are the first and last byte of `range`.
    func unescapedString(in range: Range<Int>) -> String {
        let content = range.lowerBound + 1..<range.upperBound - 1
        for offset in content where self[offset] == UInt8(ascii: "\\") {
            return self.extracting(content).unescaped()
        }
        return self.string(in: content)
    }
}

extension ByteBuffer {
    func slice(of range: Range<Int>) -> ByteBuffer {
        self.getSlice(at: self.readerIndex + range.lowerBound, length: range.count)!
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
