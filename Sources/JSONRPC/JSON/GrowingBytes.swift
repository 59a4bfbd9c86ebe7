/// A growing buffer that bytes are appended to. Room must be reserved first; then an append is a plain store.
///
/// A reply takes hundreds of appends, so they are inlined wherever they are used. With a `ByteBuffer` in its place a
/// list of five offers takes 62,000 instructions more, which is 11 % of all that it costs, Postgres included.
///
/// It belongs to one owner, which calls `deallocate`: with a `deinit` of its own it could not be inlined (compiler 6.3
/// crashes).
@usableFromInline
@unsafe
struct GrowingBytes {
    @usableFromInline var memory: UnsafeMutablePointer<UInt8>
    @usableFromInline var capacity: Int
    @usableFromInline var count = 0

    /// Room for a list of five offers, the usual reply.
    private static let usual = 2048

    init() {
        unsafe capacity = unsafe Self.usual
        unsafe memory = .allocate(capacity: capacity)
    }

    /// Gives the memory back; nothing may be done with it after that.
    func deallocate() {
        unsafe memory.deallocate()
    }

    /// What was appended. It is valid until the next change.
    var written: UnsafeBufferPointer<UInt8> {
        unsafe UnsafeBufferPointer(start: memory, count: count)
    }

    /// Makes room for as many bytes more.
    @inlinable
    @inline(__always)
    mutating func reserve(_ additional: Int) {
        if unsafe count + additional > capacity { unsafe grow(to: count + additional) }
    }

    @inline(never)
    @usableFromInline
    mutating func grow(to needed: Int) {
        let larger = unsafe max(needed, 2 * capacity)
        let new = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
        unsafe new.update(from: memory, count: count)
        unsafe memory.deallocate()
        unsafe (memory, capacity) = unsafe (new, larger)
    }

    /// Takes back what was appended behind a count.
    mutating func shorten(to count: Int) {
        unsafe assert(count <= self.count)
        unsafe self.count = count
    }

    /// Appends a byte into room that was reserved.
    @inlinable
    @inline(__always)
    mutating func append(_ byte: UInt8) {
        unsafe assert(count < capacity)
        unsafe memory[count] = byte
        unsafe count += 1
    }

    /// Appends bytes into room that was reserved.
    @inlinable
    @inline(__always)
    mutating func append(_ bytes: UnsafePointer<UInt8>, _ length: Int) {
        unsafe assert(count + length <= capacity)
        let target = unsafe memory + count
        if 8...16 ~= length {
            // Most names are that long: two words, which may overlap, instead of a call.
            let source = unsafe UnsafeRawPointer(bytes)
            let last = length &- 8
            let words = unsafe (source.loadUnaligned(as: UInt64.self), (source + last).loadUnaligned(as: UInt64.self))
            unsafe UnsafeMutableRawPointer(target).storeBytes(of: words.0, as: UInt64.self)
            unsafe UnsafeMutableRawPointer(target + last).storeBytes(of: words.1, as: UInt64.self)
        } else {
            unsafe target.update(from: bytes, count: length)
        }
        unsafe count += length
    }

    /// Appends bytes, which `write` stores, into room that was reserved.
    @inlinable
    @inline(__always)
    mutating func append(_ length: Int, _ write: (UnsafeMutablePointer<UInt8>) -> Void) {
        unsafe assert(count + length <= capacity)
        unsafe write(memory + count)
        unsafe count += length
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
        unsafe assert(count + length <= capacity)
        var position = unsafe UnsafeMutableRawPointer(memory + count + length)
        var rest = number
        while rest >= 10 {
            let pair = rest % 100
            rest /= 100
            unsafe position -= 2
            unsafe position.storeBytes(of: DecimalDigits.pair(UInt32(truncatingIfNeeded: pair)), as: UInt16.self)
        }
        if unsafe position > UnsafeMutableRawPointer(memory + count) {
            unsafe memory[count] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest)
        }
        unsafe count += length
    }

    /// Appends a text of 4 to 16 bytes, if all of them are plain (``PlainText``) and ASCII, into room that was
    /// reserved: two words, which may overlap. Returns whether it did.
    @inline(__always)
    mutating func append(shortPlainASCII text: UnsafeRawBufferPointer) -> Bool {
        guard let source = text.baseAddress, 4...16 ~= text.count else { return false }
        let target = unsafe UnsafeMutableRawPointer(memory + count)
        if text.count >= 8 {
            let last = text.count &- 8
            let words = unsafe (source.loadUnaligned(as: UInt64.self), (source + last).loadUnaligned(as: UInt64.self))
            let special = PlainText.special(words.0) | PlainText.special(words.1)
            guard special | (words.0 | words.1) & PlainText.high == 0 else { return false }
            unsafe target.storeBytes(of: words.0, as: UInt64.self)
            unsafe target.storeBytes(of: words.1, toByteOffset: last, as: UInt64.self)
        } else {
            let last = text.count &- 4
            let halves = unsafe (source.loadUnaligned(as: UInt32.self), (source + last).loadUnaligned(as: UInt32.self))
            let word = UInt64(halves.0) | UInt64(halves.1) << 32
            guard PlainText.special(word) | word & PlainText.high == 0 else { return false }
            unsafe target.storeBytes(of: halves.0, as: UInt32.self)
            unsafe target.storeBytes(of: halves.1, toByteOffset: last, as: UInt32.self)
        }
        unsafe count += text.count
        return true
    }

    /// Appends the beginning of a text up to the first byte that is not plain (``PlainText``), into room that was
    /// reserved.
    ///
    /// - Returns: How many bytes were appended, and whether all of them are ASCII.
    mutating func append(plainBeginningOf text: UnsafeBufferPointer<UInt8>) -> (length: Int, isASCII: Bool) {
        guard let source = unsafe UnsafeRawPointer(text.baseAddress) else { return (0, true) }
        unsafe assert(self.count + text.count <= capacity)
        let target = unsafe UnsafeMutableRawPointer(memory + self.count)
        let count = text.count
        var offset = 0
        var seen: UInt64 = 0
        while offset &+ 8 <= count {
            let word = unsafe source.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            if PlainText.special(word) != 0 { break }
            unsafe target.storeBytes(of: word, toByteOffset: offset, as: UInt64.self)
            seen |= word
            offset &+= 8
        }
        if offset < count, offset &+ 8 > count, count >= 8 {
            // What is left of a longer text: its last eight bytes, some of which were looked at before.
            let last = count &- 8
            let word = unsafe source.loadUnaligned(fromByteOffset: last, as: UInt64.self)
            if PlainText.special(word) == 0 {
                unsafe target.storeBytes(of: word, toByteOffset: last, as: UInt64.self)
                seen |= word
                offset = count
            }
        }
        while offset < count {
            let byte = unsafe source.load(fromByteOffset: offset, as: UInt8.self)
            if PlainText.isSpecial(byte) { break }
            unsafe target.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
            seen |= UInt64(byte)
            offset &+= 1
        }
        unsafe self.count += offset
        return (offset, seen & PlainText.high == 0)
    }
}
