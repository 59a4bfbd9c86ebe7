package import NIOCore

/// One JSON value (RFC 8259), read one level deep.
///
/// Arrays and objects stay text until they are asked for their elements or members, so that nothing here recurses and
/// a deeply nested value costs no more than a flat one. Equality is that of the text: `1` and `1.0`, or objects that
/// differ in white space, are different values.
package enum JSONValue: Sendable, Equatable {
    /// `null`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A number, as it was written.
    case number(JSONNumber)
    /// A string with its escapes resolved; an escaped lone surrogate, which no Unicode string can hold, is U+FFFD.
    case string(String)
    /// An array, not yet taken apart.
    case array(JSONText)
    /// An object, not yet taken apart.
    case object(JSONText)
}

extension JSONValue {
    /// Reads the one JSON text that `bytes` holds, white space around it allowed.
    ///
    /// The whole text is checked at once, down to the last level, and in time linear in its length: nothing that is
    /// reached from this value later can turn out to be malformed. Arrays and objects share the memory of `bytes`.
    ///
    /// - Throws: ``JSONSyntaxError`` when the readable bytes are not exactly one JSON text in UTF-8.
    package init(parsing bytes: ByteBuffer) throws(JSONSyntaxError) {
        let range = unsafe try bytes.readableBytesUInt8Span.withUnsafeBufferPointer { text throws(JSONSyntaxError) in
            unsafe try JSONGrammar.check(text)
            return unsafe text.rangeOfValue(from: 0)!  // there is one, or the check had failed
        }
        self.init(checked: bytes, in: range)
    }

    /// The value that lies at `range` of the readable bytes of a text that was checked before.
    init(checked bytes: ByteBuffer, in range: Range<Int>) {
        self = unsafe bytes.withText { text in
            switch unsafe text[range.lowerBound] {
            case UInt8(ascii: "n"): .null
            case UInt8(ascii: "t"): .bool(true)
            case UInt8(ascii: "f"): .bool(false)
            case UInt8(ascii: "\""): unsafe .string(text.unescapedString(in: range))
            case UInt8(ascii: "["): .array(JSONText(checked: bytes.slice(of: range)))
            case UInt8(ascii: "{"): .object(JSONText(checked: bytes.slice(of: range)))
            default: unsafe .number(JSONNumber(checked: text.string(in: range)))
            }
        }
    }
}

extension JSONValue {
    /// The first member of this object with the given name; nil when there is none, or when this is no object.
    ///
    /// It reads the object anew at every call: a convenience for clients and tests.
    package subscript(_ name: String) -> JSONValue? {
        self.members?.first { $0.name == name }?.value
    }

    /// The string; nil for any other kind of value.
    package var stringValue: String? {
        if case .string(let string) = self { string } else { nil }
    }

    /// The integer; nil for any other kind of value, and for numbers that ``JSONNumber/int64`` refuses.
    package var int64Value: Int64? {
        if case .number(let number) = self { number.int64 } else { nil }
    }

    /// The truth value; nil for any other kind of value.
    package var boolValue: Bool? {
        if case .bool(let bool) = self { bool } else { nil }
    }

    /// The JSON text of the value. That of an array or object is exactly what was read, in the same memory.
    package var bytes: ByteBuffer {
        switch self {
        case .array(let text), .object(let text): return text.bytes
        default:
            var writer = JSONWriter()
            self.encode(to: &writer)
            return writer.buffer
        }
    }

    /// Whether this is `null`.
    package var isNull: Bool {
        self == .null
    }

    /// The elements of the array; nil for any other kind of value.
    package var elements: [JSONValue]? {
        if case .array(let text) = self { text.elements() } else { nil }
    }

    /// The members of the object in order, repeated names included; nil for any other kind of value.
    package var members: [JSONMember]? {
        if case .object(let text) = self { text.members() } else { nil }
    }
}

/// A JSON number, exactly as it was written: `1`, `1.0` and `1e0` are three different numbers.
package struct JSONNumber: Sendable, Equatable {
    /// The number's text, never changed and never rounded.
    package let text: String

    /// The number of an integer, in decimal.
    package init(_ value: Int64) {
        self.text = String(value)
    }

    init(checked text: String) {
        self.text = text
    }

    /// Whether it is written without a fraction and without an exponent.
    package var isInteger: Bool {
        self.text.utf8.allSatisfy { $0 != UInt8(ascii: ".") && $0 | 0x20 != UInt8(ascii: "e") }
    }

    /// The number as an integer; nil when it is written with a fraction or an exponent, or does not fit. `-0` is 0.
    package var int64: Int64? {
        Int64(self.text)
    }
}

/// The text of one array or object that was found to be well-formed.
///
/// It can only come from ``JSONValue/init(parsing:)``, which is what makes reading it unable to fail. It shares the
/// memory of the text that it is a part of and keeps that alive.
package struct JSONText: Sendable, Equatable {
    /// The array or object exactly as it was written, from its opening to its closing bracket.
    package let bytes: ByteBuffer

    init(checked bytes: ByteBuffer) {
        self.bytes = bytes
    }

    /// The elements of an array, in order. An object has none.
    package func elements() -> [JSONValue] {
        guard self.begins(with: UInt8(ascii: "[")) else { return [] }
        var cursor = JSONCursor(self)
        var elements: [JSONValue] = []
        while let range = cursor.nextElement() {
            elements.append(cursor.value(in: range))
        }
        return elements
    }

    /// The members of an object in order, repeated names included. An array has none.
    package func members() -> [JSONMember] {
        guard self.begins(with: UInt8(ascii: "{")) else { return [] }
        var cursor = JSONCursor(self)
        var members: [JSONMember] = []
        members.reserveCapacity(4)
        while let (name, range) = cursor.nextMember() {
            members.append(JSONMember(name: cursor.string(in: name), value: cursor.value(in: range)))
        }
        return members
    }

    private func begins(with bracket: UInt8) -> Bool {
        self.bytes.getInteger(at: self.bytes.readerIndex) == bracket
    }
}

/// A name and its value in an object.
package struct JSONMember: Sendable, Equatable {
    /// The name, escapes resolved.
    package let name: String
    /// The value.
    package let value: JSONValue

    /// Pairs a name with a value.
    package init(name: String, value: JSONValue) {
        self.name = name
        self.value = value
    }
}
