import Glibc

/// Memory that bytes are put behind one another in. Room must be reserved first; then an append is a plain store.
struct GrowingBytes: ~Copyable {
    private var memory: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    private var count = 0

    /// Room for a list of five offers, the usual reply.
    private static let usual = 2048

    init() {
        capacity = Self.usual
        memory = .allocate(capacity: capacity)
    }

    deinit {
        memory.deallocate()
    }

    /// What was appended. It is valid until the next change.
    var written: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: memory, count: count)
    }

    /// Makes room for as many bytes more.
    mutating func reserve(_ additional: Int) {
        guard count + additional > capacity else { return }
        grow(to: count + additional)
    }

    private mutating func grow(to needed: Int) {
        let larger = max(needed, 2 * capacity)
        let new = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
        new.update(from: memory, count: count)
        memory.deallocate()
        (memory, capacity) = (new, larger)
    }

    /// Appends a byte into room that was reserved.
    mutating func append(_ byte: UInt8) {
        assert(count < capacity)
        memory[count] = byte
        count += 1
    }

    /// Appends bytes into room that was reserved.
    mutating func append(_ bytes: UnsafePointer<UInt8>, _ length: Int) {
        assert(count + length <= capacity)
        (memory + count).update(from: bytes, count: length)
        count += length
    }

    /// Appends bytes into room that was reserved.
    mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let start = bytes.baseAddress else { return }
        append(start, bytes.count)
    }

    /// Appends a number's decimal digits into room that was reserved.
    mutating func append(decimal number: UInt64) {
        var length = 1
        var rest = number
        while rest >= 10 {
            rest /= 10
            length += 1
        }
        assert(count + length <= capacity)
        var position = count + length
        rest = number
        repeat {
            position -= 1
            memory[position] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest > 0
        count += length
    }
}

extension UnsafeBufferPointer<UInt8> {
    private static var each: UInt64 { 0x0101_0101_0101_0101 }
    private static var high: UInt64 { 0x8080_8080_8080_8080 }

    /// Whether every byte is below 0x80.
    var isASCII: Bool {
        let raw = UnsafeRawBufferPointer(self)
        var offset = 0
        while offset + 8 <= count {
            if raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self) & Self.high != 0 { return false }
            offset += 8
        }
        return self[offset...].allSatisfy { $0 < 0x80 }
    }

    /// The offset of the first byte that may not stand in a JSON string as it is (RFC 8259, section 7); nil if there
    /// is none. Eight bytes at a time, by the borrow that a byte below a bound leaves in its highest bit
    /// (Warren, Hacker's Delight, section 6-1).
    var firstToEscape: Int? {
        let raw = UnsafeRawBufferPointer(self)
        var offset = 0
        while offset + 8 <= count {
            let word = raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            let quote = word ^ (Self.each &* UInt64(UInt8(ascii: "\"")))
            let backslash = word ^ (Self.each &* UInt64(UInt8(ascii: "\\")))
            let found =
                ((word &- Self.each &* 0x20) & ~word) | ((quote &- Self.each) & ~quote)
                | ((backslash &- Self.each) & ~backslash)
            if found & Self.high != 0 { break }
            offset += 8
        }
        return self[offset...].firstIndex { $0 < 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }
    }
}
