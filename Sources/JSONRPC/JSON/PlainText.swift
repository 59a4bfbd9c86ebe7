/// Bytes that may stand in a JSON string as they are: neither a quote nor a backslash nor a control character (RFC
/// 8259, section 7).
///
/// They are looked at eight at a time, by the borrow that a byte below a bound leaves in its highest bit (Warren,
/// Hacker's Delight, section 6-1). A byte that follows another one's borrow may be taken for special wrongly; the first
/// never is.
enum PlainText {
    static var each: UInt64 { 0x0101_0101_0101_0101 }
    static var high: UInt64 { 0x8080_8080_8080_8080 }

    /// The highest bits of the special bytes among eight; the lowest bit that is set is right.
    @inline(__always)
    static func special(_ word: UInt64) -> UInt64 {
        let quote = word ^ (each &* UInt64(UInt8(ascii: "\"")))
        let backslash = word ^ (each &* UInt64(UInt8(ascii: "\\")))
        return
            (((word &- each &* 0x20) & ~word) | ((quote &- each) & ~quote) | ((backslash &- each) & ~backslash)) & high
    }

    @inline(__always)
    static func isSpecial(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// The first offset from `start` on that holds no plain byte, or the end.
    @inline(__always)
    func endOfPlainText(from start: Int) -> Int {
        guard let bytes = unsafe UnsafeRawPointer(self.baseAddress) else { return start }
        var offset = start
        while offset &+ 8 <= self.count {
            let word = unsafe UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            let special = PlainText.special(word)
            if special != 0 { return offset &+ special.trailingZeroBitCount >> 3 }
            offset &+= 8
        }
        while offset < self.count, unsafe !PlainText.isSpecial(self[offset]) { offset &+= 1 }
        return offset
    }

    /// Whether no byte is a part of a longer character.
    var isASCII: Bool {
        guard let bytes = unsafe UnsafeRawPointer(self.baseAddress) else { return true }
        var offset = 0
        var seen: UInt64 = 0
        while offset &+ 8 <= self.count {
            unsafe seen |= bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            offset &+= 8
        }
        while offset < self.count {
            unsafe seen |= UInt64(self[offset])
            offset &+= 1
        }
        return seen & PlainText.high == 0
    }
}
