package import NIOCore

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
