package import NIOCore

/// Something that writes itself as one JSON value.
package protocol JSONEncodable: Sendable {
    /// Writes exactly one value.
    func encode(to writer: inout JSONWriter)
}

/// Writes compact JSON: no white space, commas put by itself, always valid UTF-8.
///
/// It is for code that knows its shape and is not checked: every `begin` needs its `end`, and every value in an object
/// a `key` before it. Texts leave as they are but for what RFC 8259 demands to be escaped.
///
/// It is public, and so is what a list is written with, because the compiler (6.3) inlines nothing across modules that
/// is less: a reply is made of hundreds of calls.
@safe public struct JSONWriter: ~Copyable {
    /// What was written. Replies are made of hundreds of small pieces, which plain memory takes much faster than an
    /// array or a ByteBuffer does.
    @usableFromInline var text = unsafe GrowingBytes()
    /// Whether the next value or key follows a value on its level.
    @usableFromInline var followsValue = false

    /// Nothing is written.
    package init() {}

    deinit {
        unsafe self.text.deallocate()
    }

    /// What was written. It is copied at every call.
    package var buffer: ByteBuffer {
        unsafe ByteBuffer(bytes: UnsafeRawBufferPointer(self.text.written))
    }

    /// What was written, as a line with its line feed.
    func line() -> ByteBuffer {
        var line = unsafe ByteBufferAllocator().buffer(capacity: self.text.written.count + 1)
        unsafe line.writeBytes(UnsafeRawBufferPointer(self.text.written))
        line.writeInteger(UInt8(ascii: "\n"))
        return line
    }

    /// Begins an object.
    @inlinable
    @inline(__always)
    public mutating func beginObject() {
        self.begin(UInt8(ascii: "{"))
    }

    /// Ends the object.
    @inlinable
    @inline(__always)
    public mutating func endObject() {
        self.end(UInt8(ascii: "}"))
    }

    /// Begins an array.
    @inlinable
    public mutating func beginArray() {
        self.begin(UInt8(ascii: "["))
    }

    /// Ends the array.
    @inlinable
    public mutating func endArray() {
        self.end(UInt8(ascii: "]"))
    }

    /// Names the value that is written next, by a name that needs no escape.
    package mutating func key(_ name: StaticString) {
        let count = name.utf8CodeUnitCount
        unsafe self.text.reserve(count + 4)
        self.separate()
        unsafe self.text.append(UInt8(ascii: "\""))
        unsafe self.text.append(name.utf8Start, count)
        unsafe self.text.append(UInt8(ascii: "\""))
        unsafe self.text.append(UInt8(ascii: ":"))
        self.followsValue = false
    }

    /// Names the value that is written next.
    @inlinable
    @inline(__always)
    public mutating func key(_ key: JSONKey) {
        let (start, count) = unsafe (key.text.utf8Start, key.text.utf8CodeUnitCount)
        let skipped = self.followsValue ? 0 : 1
        unsafe self.text.reserve(count)
        unsafe self.text.append(start + skipped, count - skipped)
        self.followsValue = false
    }

    /// Names the value that is written next.
    package mutating func key(named name: String) {
        self.string(name)
        unsafe self.text.reserve(1)
        unsafe self.text.append(UInt8(ascii: ":"))
        self.followsValue = false
    }

    /// Writes a string.
    package mutating func string(_ string: String) {
        unsafe string.utf8Span.span.withUnsafeBufferPointer { _ = unsafe self.quoted($0) }
    }

    /// Writes a string from bytes that should be UTF-8; what is not becomes U+FFFD.
    package mutating func string(utf8: UnsafeRawBufferPointer) {
        // Nearly all texts of a list.
        unsafe self.text.reserve(utf8.count + 3)
        let before = unsafe (self.text.count, self.followsValue)
        self.separate()
        unsafe self.text.append(UInt8(ascii: "\""))
        if unsafe self.text.append(shortPlainASCII: utf8) { return unsafe self.text.append(UInt8(ascii: "\"")) }
        unsafe self.text.shorten(to: before.0)
        self.followsValue = before.1
        unsafe utf8.withMemoryRebound(to: UInt8.self) { bytes in
            if unsafe self.quoted(bytes) || (try? UTF8Span(validating: bytes.span)) != nil { return }
            unsafe self.text.shorten(to: before.0)
            self.followsValue = before.1
            unsafe self.string(String(decoding: bytes, as: UTF8.self))
        }
    }

    /// Writes a string of so many ASCII characters that need no escape and that `write` stores.
    @inlinable
    public mutating func string(ascii count: Int, _ write: (UnsafeMutablePointer<UInt8>) -> Void) {
        unsafe self.text.reserve(count + 3)
        self.separate()
        unsafe self.text.append(UInt8(ascii: "\""))
        unsafe self.text.append(count, write)
        unsafe self.text.append(UInt8(ascii: "\""))
    }

    /// Writes an integer.
    @inlinable
    public mutating func integer(_ integer: Int64) {
        unsafe self.text.reserve(21)  // a comma, a sign, 19 digits
        self.separate()
        if integer < 0 { unsafe self.text.append(UInt8(ascii: "-")) }
        unsafe self.text.append(decimal: integer.magnitude)
    }

    /// Writes `true` or `false`.
    package mutating func bool(_ bool: Bool) {
        self.literal(bool ? "true" : "false")
    }

    /// Writes `null`.
    package mutating func null() {
        self.literal("null")
    }

    /// Writes a text that is one JSON value already, such as the id of a request.
    package mutating func raw(_ json: String) {
        unsafe json.utf8Span.span.withUnsafeBufferPointer { unsafe self.raw($0) }
    }

    /// Writes bytes that are one JSON value in UTF-8 already.
    package mutating func raw(_ json: ByteBuffer) {
        unsafe json.readableBytesUInt8Span.withUnsafeBufferPointer { unsafe self.raw($0) }
    }

    /// Writes something that knows how.
    package mutating func value(_ value: some JSONEncodable) {
        value.encode(to: &self)
    }

    @inlinable
    @inline(__always)
    mutating func begin(_ bracket: UInt8) {
        unsafe self.text.reserve(2)
        self.separate()
        unsafe self.text.append(bracket)
        self.followsValue = false
    }

    @inlinable
    @inline(__always)
    mutating func end(_ bracket: UInt8) {
        unsafe self.text.reserve(1)
        unsafe self.text.append(bracket)
        self.followsValue = true
    }

    private mutating func literal(_ literal: StaticString) {
        unsafe self.raw(UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    }

    private mutating func raw(_ bytes: UnsafeBufferPointer<UInt8>) {
        unsafe self.text.reserve(bytes.count + 1)
        self.separate()
        if let start = bytes.baseAddress { unsafe self.text.append(start, bytes.count) }
    }

    /// There must be room for a comma.
    @inlinable
    @inline(__always)
    mutating func separate() {
        if self.followsValue {
            unsafe self.text.append(UInt8(ascii: ","))
        }
        self.followsValue = true
    }

    /// Writes bytes between quotes, in runs between those that must be escaped. Returns whether all are ASCII; if not,
    /// they should be valid UTF-8.
    private mutating func quoted(_ utf8: UnsafeBufferPointer<UInt8>) -> Bool {
        unsafe self.text.reserve(6 * utf8.count + 3)  // the longest escape is \u001f
        self.separate()
        unsafe self.text.append(UInt8(ascii: "\""))
        var rest = unsafe utf8
        var isASCII = true
        while true {
            let (length, runIsASCII) = unsafe self.text.append(plainBeginningOf: rest)
            isASCII = isASCII && runIsASCII
            guard length < rest.count else { break }
            unsafe self.escape(rest[length])
            unsafe rest = unsafe UnsafeBufferPointer(rebasing: rest[(length + 1)...])
        }
        unsafe self.text.append(UInt8(ascii: "\""))
        return isASCII
    }

    private mutating func escape(_ byte: UInt8) {
        let escape: StaticString? =
            switch byte {
            case 0x08: "\\b"
            case 0x09: "\\t"
            case 0x0A: "\\n"
            case 0x0C: "\\f"
            case 0x0D: "\\r"
            case UInt8(ascii: "\""): "\\\""
            case UInt8(ascii: "\\"): "\\\\"
            default: nil
            }
        if let escape { return unsafe self.text.append(escape.utf8Start, escape.utf8CodeUnitCount) }
        let unicode: StaticString = byte < 0x10 ? "\\u000" : "\\u001"
        unsafe self.text.append(unicode.utf8Start, unicode.utf8CodeUnitCount)
        let digit = byte & 0xF
        unsafe self.text.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") - 10 + digit)
    }
}

/// Members of the object that was begun last.
extension JSONWriter {
    /// Writes a member that is a string, or null.
    package mutating func member(_ name: StaticString, _ value: String?) {
        self.key(name)
        if let value { self.string(value) } else { self.null() }
    }

    /// Writes a member that is an integer, or null.
    package mutating func member(_ name: StaticString, _ value: Int64?) {
        self.key(name)
        if let value { self.integer(value) } else { self.null() }
    }

    /// Writes a member that is true or false, or null.
    package mutating func member(_ name: StaticString, _ value: Bool?) {
        self.key(name)
        if let value { self.bool(value) } else { self.null() }
    }

    /// Writes a member under a name that is not known beforehand.
    package mutating func member(named name: String, _ value: some JSONEncodable) {
        self.key(named: name)
        self.value(value)
    }

    /// Writes a member that knows how to write itself.
    package mutating func member(_ name: StaticString, _ value: some JSONEncodable) {
        self.key(name)
        self.value(value)
    }
}

extension JSONValue: JSONEncodable {
    /// Writes the value; numbers, arrays and objects exactly as they were read.
    package func encode(to writer: inout JSONWriter) {
        switch self {
        case .null: writer.null()
        case .bool(let bool): writer.bool(bool)
        case .number(let number): writer.raw(number.text)
        case .string(let string): writer.string(string)
        case .array(let text), .object(let text): writer.raw(text.bytes)
        }
    }
}
