package import JSONRPC

/// A moment: microseconds since 2000-01-01 00:00:00 UTC, the binary form of Postgres's `timestamptz`
/// (PostgreSQL 15, `src/include/datatype/timestamp.h`; integer datetimes are the only form since version 10).
///
/// On the wire it is RFC 3339 in UTC with six digits and `Z`, always 27 characters: `2026-01-31T08:05:09.000250Z`.
/// What that form cannot say (`infinity`, `-infinity`, a year outside 1…9999) is `null`.
package struct Timestamp: Hashable, Comparable, Sendable {
    /// Microseconds since 2000-01-01 00:00:00 UTC, without leap seconds. `Int64.max` and `.min` are Postgres's
    /// infinities.
    package let microseconds: Int64

    /// The moment that Postgres means by this number.
    package init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    package static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.microseconds < right.microseconds
    }

    /// The moments that have a text: 0001-01-01T00:00:00.000000Z to 9999-12-31T23:59:59.999999Z.
    package static var representable: ClosedRange<Timestamp> {
        Timestamp(microseconds: earliest)...Timestamp(microseconds: latest)
    }

    static var earliest: Int64 { -63_082_281_600_000_000 }
    private static var latest: Int64 { 252_455_615_999_999_999 }

    /// 0001-01-01, counted in days from 2000-01-01.
    static var earliestDay: Int64 { -730_119 }

    static var microsecondsPerDay: UInt64 { 86_400_000_000 }
    /// Days from 0000-03-01 of the proleptic Gregorian calendar, where the leap day ends the year, to 2000-01-01.
    private static let epochDay: Int64 = 730_425

    var hasText: Bool {
        microseconds >= Self.earliest && microseconds <= Self.latest
    }

    /// The RFC 3339 text; nil if the moment has none.
    package var text: String? {
        guard hasText else { return nil }
        return unsafe String(unsafeUninitializedCapacity: TimestampWriter.length) { bytes in
            if let start = bytes.baseAddress {
                var calendar = TimestampWriter()
                unsafe calendar.put(microseconds, at: UnsafeMutableRawPointer(start))
            }
            return TimestampWriter.length
        }
    }

    /// Writes the text as a JSON string, or `null` if the moment has none.
    package func encode(to writer: inout JSONWriter) {
        var calendar = TimestampWriter()
        calendar.write(microseconds, to: &writer)
    }

    /// Reads `YYYY-MM-DDTHH:MM:SS[.f…]Z` with one to six digits of fraction; nil for anything else, also for a date
    /// that does not exist and for a leap second.
    package init?(text: String) {
        let bytes = Array(text.utf8)
        func number(_ range: Range<Int>) -> Int64? {
            var value: Int64 = 0
            for byte in bytes[range] {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
                value = value * 10 + Int64(byte - UInt8(ascii: "0"))
            }
            return value
        }
        guard bytes.count == 20 || (22...27).contains(bytes.count), bytes.last == UInt8(ascii: "Z"),
            bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"), bytes[10] == UInt8(ascii: "T"),
            bytes[13] == UInt8(ascii: ":"), bytes[16] == UInt8(ascii: ":"),
            let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
            (1...12).contains(month), year >= 1, hour < 24, minute < 60, second < 60
        else { return nil }
        var fraction: Int64 = 0
        if bytes.count > 20 {
            guard bytes[19] == UInt8(ascii: "."), let digits = number(20..<bytes.count - 1) else { return nil }
            fraction = digits
            for _ in bytes.count..<27 { fraction *= 10 }
        }
        let dayNumber = Self.day(year: year, month: month, day: day)
        // A day that the month does not have comes back as another date.
        guard day >= 1, Self.date(ofDay: dayNumber) == (year, month, day) else { return nil }
        microseconds =
            dayNumber * Int64(Self.microsecondsPerDay) + ((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction
    }

    /// The civil date of a day counted from 2000-01-01. Counting years from 1 March puts the leap day last, so that
    /// the month follows from the day of the year by one division (153 days in every five months from March).
    static func date(ofDay day: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let days = day + epochDay
        let era = (days >= 0 ? days : days - 146_096) / 146_097
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (
            yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        )
    }

    /// The day, counted from 2000-01-01, of a civil date of the years 1 to 9999.
    private static func day(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shiftedYear = month <= 2 ? year - 1 : year
        let shiftedMonth = month > 2 ? month - 3 : month + 9
        let dayOfYear = (153 * shiftedMonth + 2) / 5 + day - 1
        return shiftedYear * 365 + shiftedYear / 4 - shiftedYear / 100 + shiftedYear / 400 + dayOfYear - epochDay
    }
}

extension Timestamp: Decodable {
    /// Reads the text as a value of its own; see ``init(text:)``.
    package init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        guard let moment = (try? value.decode(String.self)).flatMap(Timestamp.init(text:)) else {
            let place = DecodingError.Context(codingPath: value.codingPath, debugDescription: "no time of the contract")
            throw DecodingError.typeMismatch(Timestamp.self, place)
        }
        self = moment
    }
}
