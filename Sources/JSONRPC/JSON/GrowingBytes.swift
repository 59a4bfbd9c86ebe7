/// Memory that bytes are put behind one another in. Room must be reserved first; then an append is a plain store.
///
/// A reply takes hundreds of appends, so they are inlined wherever they are used.
struct GrowingBytes: ~Copyable {
    private var memory: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    private(set) var count = 0

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
    @inline(__always)
    mutating func reserve(_ additional: Int) {
        if count + additional > capacity { grow(to: count + additional) }
    }

    @inline(never)
    private mutating func grow(to needed: Int) {
        let larger = max(needed, 2 * capacity)
        let new = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
        new.update(from: memory, count: count)
        memory.deallocate()
        (memory, capacity) = (new, larger)
    }

    /// Takes back what was appended behind a count.
    mutating func shorten(to count: Int) {
        assert(count <= self.count)
        self.count = count
    }

    /// Appends a byte into room that was reserved.
    @inline(__always)
    mutating func append(_ byte: UInt8) {
        assert(count < capacity)
        memory[count] = byte
        count += 1
    }

    /// Appends bytes into room that was reserved.
    @inline(__always)
    mutating func append(_ bytes: UnsafePointer<UInt8>, _ length: Int) {
        assert(count + length <= capacity)
        (memory + count).update(from: bytes, count: length)
        count += length
    }

    /// Appends bytes, which `write` stores, into room that was reserved.
    @inline(__always)
    mutating func append(_ length: Int, _ write: (UnsafeMutablePointer<UInt8>) -> Void) {
        assert(count + length <= capacity)
        write(memory + count)
        count += length
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
            memory[position] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest > 0
        count += length
    }

    /// Appends the beginning of a text up to the first byte that may not stand in a JSON string as it is (RFC 8259,
    /// section 7), into room that was reserved.
    ///
    /// Eight bytes at a time, by the borrow that a byte below a bound leaves in its highest bit (Warren, Hacker's
    /// Delight, section 6-1). A byte that only follows another one's borrow is looked at alone.
    ///
    /// - Returns: How many bytes were appended, and whether all of them are ASCII.
    mutating func append(plainBeginningOf text: UnsafeBufferPointer<UInt8>) -> (length: Int, isASCII: Bool) {
        guard let source = UnsafeRawPointer(text.baseAddress) else { return (0, true) }
        assert(self.count + text.count <= capacity)
        let target = UnsafeMutableRawPointer(memory + self.count)
        let count = text.count
        var offset = 0
        var seen: UInt64 = 0
        while offset &+ 8 <= count {
            let word = source.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            let quote = word ^ (Self.each &* UInt64(UInt8(ascii: "\"")))
            let backslash = word ^ (Self.each &* UInt64(UInt8(ascii: "\\")))
            let found =
                ((word &- Self.each &* 0x20) & ~word) | ((quote &- Self.each) & ~quote)
                | ((backslash &- Self.each) & ~backslash)
            if found & Self.high != 0 { break }
            target.storeBytes(of: word, toByteOffset: offset, as: UInt64.self)
            seen |= word
            offset &+= 8
        }
        while offset < count {
            let byte = source.load(fromByteOffset: offset, as: UInt8.self)
            if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { break }
            target.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
            seen |= UInt64(byte)
            offset &+= 1
        }
        self.count += offset
        return (offset, seen & Self.high == 0)
    }

    private static var each: UInt64 { 0x0101_0101_0101_0101 }
    private static var high: UInt64 { 0x8080_8080_8080_8080 }
}
