package import NIOCore

/// Something that writes itself as one JSON value.
package protocol JSONEncodable: Sendable {
    /// Writes exactly one value.
    func encode(to writer: inout JSONWriter)
}

/// Writes compact JSON: no white space, commas put by itself, always valid UTF-8.
///
/// It is for code that knows its shape and is not checked: every `begin` needs its `end`, and every value in an object
/// a ``key(_:)`` before it. Texts leave as they are but for what RFC 8259 demands to be escaped.
package struct JSONWriter {
    private let start: ByteBuffer
    /// What was written. Replies are written in small pieces, and an array takes those much faster than a ByteBuffer.
    private var text: [UInt8] = []
    /// Whether the next value or key follows a value on its level.
    private var followsValue = false

    /// Writes behind what `buffer` holds.
    package init(into buffer: ByteBuffer = ByteBuffer()) {
        self.start = buffer
        self.text.reserveCapacity(1024)
    }

    /// What was in the buffer before, and behind it what was written. It is copied at every call.
    package var buffer: ByteBuffer {
        var buffer = self.start
        buffer.writeBytes(self.text)
        return buffer
    }

    /// Begins an object.
    package mutating func beginObject() {
        self.begin(UInt8(ascii: "{"))
    }

    /// Ends the object.
    package mutating func endObject() {
        self.end(UInt8(ascii: "}"))
    }

    /// Begins an array.
    package mutating func beginArray() {
        self.begin(UInt8(ascii: "["))
    }

    /// Ends the array.
    package mutating func endArray() {
        self.end(UInt8(ascii: "]"))
    }

    /// Names the value that is written next.
    package mutating func key(_ name: String) {
        self.separate()
        self.writeQuoted(name.utf8Span.span)
        self.text.append(UInt8(ascii: ":"))
        self.followsValue = false
    }

    /// Writes a string.
    package mutating func string(_ string: String) {
        self.separate()
        self.writeQuoted(string.utf8Span.span)
    }

    /// Writes a string from bytes that should be UTF-8; what is not becomes U+FFFD.
    package mutating func string(utf8: UnsafeRawBufferPointer) {
        utf8.withMemoryRebound(to: UInt8.self) { bytes in
            if let valid = try? UTF8Span(validating: bytes.span) {
                self.separate()
                self.writeQuoted(valid.span)
            } else {
                self.string(String(decoding: bytes, as: UTF8.self))
            }
        }
    }

    /// Writes an integer.
    package mutating func integer(_ integer: Int64) {
        self.raw(String(integer))
    }

    /// Writes `true` or `false`.
    package mutating func bool(_ bool: Bool) {
        self.raw(bool ? "true" : "false")
    }

    /// Writes `null`.
    package mutating func null() {
        self.raw("null")
    }

    /// Writes a text that is one JSON value already, such as the id of a request.
    package mutating func raw(_ json: String) {
        self.separate()
        self.text.append(contentsOf: json.utf8)
    }

    /// Writes bytes that are one JSON value in UTF-8 already.
    package mutating func raw(_ json: ByteBuffer) {
        self.separate()
        self.text.append(contentsOf: json.readableBytesView)
    }

    /// Writes something that knows how.
    package mutating func value(_ value: some JSONEncodable) {
        value.encode(to: &self)
    }

    private mutating func begin(_ bracket: UInt8) {
        self.separate()
        self.text.append(bracket)
        self.followsValue = false
    }

    private mutating func end(_ bracket: UInt8) {
        self.text.append(bracket)
        self.followsValue = true
    }

    private mutating func separate() {
        if self.followsValue {
            self.text.append(UInt8(ascii: ","))
        }
        self.followsValue = true
    }

    /// Writes valid UTF-8 between quotes, in runs between the bytes that must be escaped.
    private mutating func writeQuoted(_ utf8: Span<UInt8>) {
        self.text.append(UInt8(ascii: "\""))
        var runStart = 0
        for offset in utf8.indices {
            let byte = utf8[offset]
            guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
            self.append(utf8.extracting(runStart..<offset))
            self.writeEscape(of: byte)
            runStart = offset + 1
        }
        self.append(utf8.extracting(runStart...))
        self.text.append(UInt8(ascii: "\""))
    }

    private mutating func append(_ run: Span<UInt8>) {
        run.withUnsafeBufferPointer { self.text.append(contentsOf: $0) }
    }

    private mutating func writeEscape(of byte: UInt8) {
        let escape =
            switch byte {
            case 0x08: "\\b"
            case 0x09: "\\t"
            case 0x0A: "\\n"
            case 0x0C: "\\f"
            case 0x0D: "\\r"
            case UInt8(ascii: "\""): "\\\""
            case UInt8(ascii: "\\"): "\\\\"
            default: (byte < 0x10 ? "\\u000" : "\\u00") + String(byte, radix: 16)
            }
        self.text.append(contentsOf: escape.utf8)
    }
}

/// Members of the object that was begun last.
extension JSONWriter {
    /// Writes a member that is a string, or null.
    package mutating func member(_ name: String, _ value: String?) {
        self.key(name)
        if let value { self.string(value) } else { self.null() }
    }

    /// Writes a member that is an integer, or null.
    package mutating func member(_ name: String, _ value: Int64?) {
        self.key(name)
        if let value { self.integer(value) } else { self.null() }
    }

    /// Writes a member that is true or false, or null.
    package mutating func member(_ name: String, _ value: Bool?) {
        self.key(name)
        if let value { self.bool(value) } else { self.null() }
    }

    /// Writes a member that knows how to write itself.
    package mutating func member(_ name: String, _ value: some JSONEncodable) {
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
