/// The id of a request, kept as the JSON text that it came as, so that it goes back without a change.
///
/// Ids are equal when their texts are: `1` and `1.0` are different, and so are strings that are escaped differently.
package struct RequestID: Hashable, Sendable {
    /// The text: a string with its quotes, a number, or `null`.
    package let json: String

    /// An integer, as ``Client`` counts its requests.
    package init(_ integer: Int64) {
        self.json = String(integer)
    }

    /// An id from text that is a JSON string, number or null, checked before.
    init(checked json: String) {
        self.json = json
    }

    /// The id of replies to requests whose own could not be read.
    package static let null = RequestID(checked: "null")

    /// Compares bytes: Swift's own equality of strings would take different spellings of a character for the same.
    package static func == (left: RequestID, right: RequestID) -> Bool {
        left.json.utf8.elementsEqual(right.json.utf8)
    }

    /// Hashes bytes, to agree with `==`.
    package func hash(into hasher: inout Hasher) {
        for byte in self.json.utf8 {
            hasher.combine(byte)
        }
    }
}
