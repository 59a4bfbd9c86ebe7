/// A growing buffer that bytes are appended to. Room must be reserved first; then an append is a plain store.
///
/// A reply takes hundreds of appends, so they are inlined wherever they are used. It belongs to one owner, which calls
/// `deallocate`: with a `deinit` of its own it could not be inlined (compiler 6.3 crashes).
@usableFromInline
struct GrowingBytes {
    @usableFromInline var memory: UnsafeMutablePointer<UInt8>
    @usableFromInline var capacity: Int
    @usableFromInline var count = 0

    /// Room for a list of five offers, the usual reply.
    private static let usual = 2048

    init() {
        capacity = Self.usual
        memory = .allocate(capacity: capacity)
    }

    /// Gives the memory back; nothing may be done with it after that.
    func deallocate() {
        memory.deallocate()
    }

    /// What was appended. It is valid until the next change.
    var written: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: memory, count: count)
    }

    /// Makes room for as many bytes more.
    @inlinable
    @inline(__always)
    mutating func reserve(_ additional: Int) {
        if count + additional > capacity { grow(to: count + additional) }
    }

    @inline(never)
    @usableFromInline
    mutating func grow(to needed: Int) {
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
    @inlinable
    @inline(__always)
    mutating func append(_ byte: UInt8) {
        assert(count < capacity)
        memory[count] = byte
        count += 1
    }

    /// Appends bytes into room that was reserved.
    @inlinable
    @inline(__always)
    mutating func append(_ bytes: UnsafePointer<UInt8>, _ length: Int) {
        assert(count + length <= capacity)
        let target = memory + count
        if 8...16 ~= length {
            // Most names are that long: two words, which may overlap, instead of a call.
            let source = UnsafeRawPointer(bytes)
            let last = length &- 8
            let words = (source.loadUnaligned(as: UInt64.self), (source + last).loadUnaligned(as: UInt64.self))
            UnsafeMutableRawPointer(target).storeBytes(of: words.0, as: UInt64.self)
            UnsafeMutableRawPointer(target + last).storeBytes(of: words.1, as: UInt64.self)
        } else {
            target.update(from: bytes, count: length)
        }
        count += length
    }

    /// Appends bytes, which `write` stores, into room that was reserved.
    @inlinable
    @inline(__always)
    mutating func append(_ length: Int, _ write: (UnsafeMutablePointer<UInt8>) -> Void) {
        assert(count + length <= capacity)
        write(memory + count)
        count += length
    }

    /// Appends a number's decimal digits into room that was reserved.
    @usableFromInline
    mutating func append(decimal number: UInt64) {
        var length = 1
        var bound: UInt64 = 10
        while length < 20, number >= bound {
            length &+= 1
            bound = bound &* 10  // 10^20 is not looked at
        }
        assert(count + length <= capacity)
        var position = UnsafeMutableRawPointer(memory + count + length)
        var rest = number
        while rest >= 10 {
            let pair = rest % 100
            rest /= 100
            position -= 2
            position.storeBytes(of: DecimalDigits.pair(UInt32(truncatingIfNeeded: pair)), as: UInt16.self)
        }
        if position > UnsafeMutableRawPointer(memory + count) {
            memory[count] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest)
        }
        count += length
    }

    /// Appends a text of 4 to 16 bytes, if all of them are plain (``PlainText``) and ASCII, into room that was reserved:
    /// two words, which may overlap. Returns whether it did.
    @inline(__always)
    mutating func append(shortPlainASCII text: UnsafeRawBufferPointer) -> Bool {
        guard let source = text.baseAddress, 4...16 ~= text.count else { return false }
        let target = UnsafeMutableRawPointer(memory + count)
        if text.count >= 8 {
            let last = text.count &- 8
            let words = (source.loadUnaligned(as: UInt64.self), (source + last).loadUnaligned(as: UInt64.self))
            let special = PlainText.special(words.0) | PlainText.special(words.1)
            guard special | (words.0 | words.1) & PlainText.high == 0 else { return false }
            target.storeBytes(of: words.0, as: UInt64.self)
            target.storeBytes(of: words.1, toByteOffset: last, as: UInt64.self)
        } else {
            let last = text.count &- 4
            let halves = (source.loadUnaligned(as: UInt32.self), (source + last).loadUnaligned(as: UInt32.self))
            let word = UInt64(halves.0) | UInt64(halves.1) << 32
            guard PlainText.special(word) | word & PlainText.high == 0 else { return false }
            target.storeBytes(of: halves.0, as: UInt32.self)
            target.storeBytes(of: halves.1, toByteOffset: last, as: UInt32.self)
        }
        count += text.count
        return true
    }

    /// Appends the beginning of a text up to the first byte that is not plain (``PlainText``), into room that was reserved.
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
            if PlainText.special(word) != 0 { break }
            target.storeBytes(of: word, toByteOffset: offset, as: UInt64.self)
            seen |= word
            offset &+= 8
        }
        if offset < count, offset &+ 8 > count, count >= 8 {
            // What is left of a longer text: its last eight bytes, some of which were looked at before.
            let last = count &- 8
            let word = source.loadUnaligned(fromByteOffset: last, as: UInt64.self)
            if PlainText.special(word) == 0 {
                target.storeBytes(of: word, toByteOffset: last, as: UInt64.self)
                seen |= word
                offset = count
            }
        }
        while offset < count {
            let byte = source.load(fromByteOffset: offset, as: UInt8.self)
            if PlainText.isSpecial(byte) { break }
            target.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
            seen |= UInt64(byte)
            offset &+= 1
        }
        self.count += offset
        return (offset, seen & PlainText.high == 0)
    }
}
