/// A member's name as it is put into JSON, for members that are written by the thousand: with the comma before it and
/// the colon behind it, `,"name":`, so that it is one copy.
public struct JSONKey: Sendable {
    @usableFromInline let text: StaticString

    /// A key from its text, which must need no escape.
    @inlinable
    public init(_ text: StaticString) {
        assert(text.utf8CodeUnitCount > 4 && "\(text)".hasPrefix(",\"") && "\(text)".hasSuffix("\":"))
        self.text = text
    }
}
