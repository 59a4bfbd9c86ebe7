package import JSONRPC

/// Writes moments one after the other, and keeps the last dates: the moments of a list lie within few days.
package struct TimestampWriter {
    /// The number of characters of a text.
    static let length = 27

    /// A day, counted from 2000-01-01, and `YYYY-MM-DD` as it lies in memory: eight characters and two.
    private struct Date {
        var day = Int64.min
        var text: (UInt64, UInt16) = (0, 0)
    }

    /// The last dates, each at the place that its day's lowest bits name.
    private var dates = InlineArray<8, Date>(repeating: Date())

    /// A writer that has not written yet.
    package init() {}

    /// Writes a moment (see ``Timestamp/microseconds``) as a JSON string, or `null` if there is none or it has no text.
    package mutating func write(_ microseconds: Int64?, to writer: inout JSONWriter) {
        guard let microseconds, Timestamp(microseconds: microseconds).hasText else { return writer.null() }
        unsafe writer.string(ascii: Self.length) { unsafe put(microseconds, at: UnsafeMutableRawPointer($0)) }
    }

    /// Stores the 27 ASCII characters of a moment that has a text.
    mutating func put(_ microseconds: Int64, at text: UnsafeMutableRawPointer) {
        // From the first moment that has a text, so that nothing is negative.
        let elapsed = UInt64(bitPattern: microseconds &- Timestamp.earliest)
        let days = elapsed / Timestamp.microsecondsPerDay
        let rest = elapsed &- days &* Timestamp.microsecondsPerDay
        let day = Int64(bitPattern: days) &+ Timestamp.earliestDay
        let place = Int(truncatingIfNeeded: day & 7)
        if dates[place].day != day { dates[place] = Self.date(ofDay: day) }
        let second = UInt32(truncatingIfNeeded: rest / 1_000_000)
        let fraction = UInt32(truncatingIfNeeded: rest &- UInt64(second) &* 1_000_000)
        let (minute, tenThousandths) = (second / 60, fraction / 100)
        unsafe text.storeBytes(of: dates[place].text.0, as: UInt64.self)
        unsafe text.storeBytes(of: dates[place].text.1, toByteOffset: 8, as: UInt16.self)
        unsafe text.storeBytes(of: UInt8(ascii: "T"), toByteOffset: 10, as: UInt8.self)
        unsafe Self.pair(minute / 60, text, 11)
        unsafe text.storeBytes(of: UInt8(ascii: ":"), toByteOffset: 13, as: UInt8.self)
        unsafe Self.pair(minute % 60, text, 14)
        unsafe text.storeBytes(of: UInt8(ascii: ":"), toByteOffset: 16, as: UInt8.self)
        unsafe Self.pair(second % 60, text, 17)
        unsafe text.storeBytes(of: UInt8(ascii: "."), toByteOffset: 19, as: UInt8.self)
        unsafe Self.pair(tenThousandths / 100, text, 20)
        unsafe Self.pair(tenThousandths % 100, text, 22)
        unsafe Self.pair(fraction % 100, text, 24)
        unsafe text.storeBytes(of: UInt8(ascii: "Z"), toByteOffset: 26, as: UInt8.self)
    }

    @inline(never)
    private static func date(ofDay day: Int64) -> Date {
        let civil = Timestamp.date(ofDay: day)
        let year = UInt32(truncatingIfNeeded: civil.year)
        var date = Date(day: day)
        unsafe withUnsafeMutableBytes(of: &date.text) { bytes in
            guard let text = bytes.baseAddress else { return }
            unsafe pair(year / 100, text, 0)
            unsafe pair(year % 100, text, 2)
            unsafe text.storeBytes(of: UInt8(ascii: "-"), toByteOffset: 4, as: UInt8.self)
            unsafe pair(UInt32(truncatingIfNeeded: civil.month), text, 5)
            unsafe text.storeBytes(of: UInt8(ascii: "-"), toByteOffset: 7, as: UInt8.self)
            unsafe pair(UInt32(truncatingIfNeeded: civil.day), text, 8)
        }
        return date
    }

    @inline(__always)
    private static func pair(_ number: UInt32, _ text: UnsafeMutableRawPointer, _ offset: Int) {
        unsafe text.storeBytes(of: DecimalDigits.pair(number), toByteOffset: offset, as: UInt16.self)
    }
}
