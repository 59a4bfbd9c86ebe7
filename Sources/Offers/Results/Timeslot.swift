import JSONRPC

/// When the client expects the master; one end may be open.
package struct Timeslot: Decodable, Equatable, Sendable {
    /// `orders.timeslot_start_utc`.
    package let start: Timestamp?
    /// `orders.timeslot_end_utc`.
    package let end: Timestamp?

    /// The slot with these ends; nil if it has neither, which means as soon as possible.
    package init?(start: Timestamp?, end: Timestamp?) {
        if start == nil && end == nil { return nil }
        self.start = start
        self.end = end
    }

    static let schema = JSONSchema.object([
        .init("start", .nullable(.timestamp), "The start; null if only the end is known."),
        .init("end", .nullable(.timestamp), "The end; null if only the start is known."),
    ])

}

extension JSONWriter {
    /// A member with a time; `null` for none and for one without a text.
    mutating func member(_ name: StaticString, _ moment: Timestamp?) {
        key(name)
        if let moment { moment.encode(to: &self) } else { null() }
    }

    /// A member with a slot; `null` for none.
    mutating func member(_ name: StaticString, _ timeslot: Timeslot?) {
        guard let timeslot else { return member(name, String?.none) }
        key(name)
        beginObject()
        member("start", timeslot.start)
        member("end", timeslot.end)
        endObject()
    }
}
