import JSONRPC
import NIOCore
import Offers
import Testing

@Suite struct TimestampTests {
    /// Microseconds read from PostgreSQL 15: `(extract(epoch from t) - 946684800) * 1000000`.
    @Test(
        "Known moments have the text that Postgres gives them",
        arguments: [
            (0, "2000-01-01T00:00:00.000000Z"),
            (-1, "1999-12-31T23:59:59.999999Z"),
            (1, "2000-01-01T00:00:00.000001Z"),
            (5_097_600_000_000, "2000-02-29T00:00:00.000000Z"),
            (-3_155_673_600_000_000, "1900-01-01T00:00:00.000000Z"),
            (3_160_857_600_000_000, "2100-03-01T00:00:00.000000Z"),
            (636_335_999_999_999, "2020-02-29T23:59:59.999999Z"),
            (-63_082_281_600_000_000, "0001-01-01T00:00:00.000000Z"),
            (252_455_615_999_999_999, "9999-12-31T23:59:59.999999Z"),
        ])
    func knownMoments(microseconds: Int64, text: String) {
        #expect(Timestamp(microseconds: microseconds).text == text)
        #expect(Timestamp(text: text)?.microseconds == microseconds)
    }

    @Test(
        "Infinities and years outside 1 to 9999 have no text and are written as null",
        arguments: [
            Int64.max, .min, -63_082_281_600_000_001, 252_455_616_000_000_000,
        ])
    func unrepresentable(microseconds: Int64) {
        let moment = Timestamp(microseconds: microseconds)
        #expect(moment.text == nil)
        var writer = JSONWriter()
        moment.encode(to: &writer)
        #expect(String(buffer: writer.buffer) == "null")
    }

    @Test("Every day of 800 years follows the one before, and each reads back")
    func everyDay() {
        var (year, month, day) = (1600, 1, 1)
        let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        func padded(_ number: Int, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: width - digits.count) + digits
        }
        var microseconds: Int64 = -146_097 * 86_400_000_000
        while year < 2400 {
            let text = "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))T12:34:56.000789Z"
            let moment = Timestamp(microseconds: microseconds + 45_296_000_789)
            if moment.text != text || Timestamp(text: text) != moment {
                Issue.record("\(text) came out as \(moment.text ?? "nothing")")
                return
            }
            microseconds += 86_400_000_000
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            day += 1
            if day > lengths[month - 1] + (month == 2 && leap ? 1 : 0) { (month, day) = (month + 1, 1) }
            if month > 12 { (year, month) = (year + 1, 1) }
        }
    }

    @Test("A writer of many moments writes each as it is by itself, whatever dates it has kept")
    func writer() {
        var writer = JSONWriter()
        var calendar = TimestampWriter()
        writer.beginArray()
        var expected: [String] = []
        // Days that share a place in what is kept, forwards and backwards, the first and the last of all, and no
        // moment.
        let days: [Int64] = [0, 8, 0, -8, 1, 9, -1, -7, 16, 0, -730_119, -730_111, 2_921_939, 2_921_931, 0]
        for (number, day) in days.enumerated() {
            let microseconds = day * 86_400_000_000 + Int64(number) * 5_400_000_001
            for moment in [microseconds, nil, microseconds, Int64.max] as [Int64?] {
                calendar.write(moment, to: &writer)
                let text = moment.flatMap { Timestamp(microseconds: $0).text }
                expected.append(text.map { "\"\($0)\"" } ?? "null")
            }
        }
        writer.endArray()
        #expect(String(buffer: writer.buffer) == "[" + expected.joined(separator: ",") + "]")
        #expect(expected.count { $0 == "null" } == 2 * days.count)
    }

    @Test(
        "A shorter fraction is read as what it says",
        arguments: [
            ("2000-01-01T00:00:01Z", 1_000_000), ("2000-01-01T00:00:01.5Z", 1_500_000),
            ("2000-01-01T00:00:01.05Z", 1_050_000), ("2000-01-01T00:00:01.000005Z", 1_000_005),
        ])
    func fractions(text: String, microseconds: Int64) {
        #expect(Timestamp(text: text)?.microseconds == microseconds)
    }

    @Test(
        "What is no such time is not read",
        arguments: [
            "", "Z", "2000-01-01", "2000-01-01T00:00:00", "2000-01-01 00:00:00.000000Z", "2000-01-01T00:00:00.000000z",
            "2000-01-01T00:00:00.000000+00:00", "2000-01-01T00:00:00.Z", "2000-01-01T00:00:00.0000000Z",
            "2000-13-01T00:00:00.000000Z", "2000-00-01T00:00:00.000000Z", "2000-01-00T00:00:00.000000Z",
            "2001-02-29T00:00:00.000000Z", "1900-02-29T00:00:00.000000Z", "2000-04-31T00:00:00.000000Z",
            "2000-01-01T24:00:00.000000Z", "2000-01-01T00:60:00.000000Z", "2000-01-01T00:00:60.000000Z",
            "0000-01-01T00:00:00.000000Z", "2000-01-01T00:00:00.00000éZ", "+200-01-01T00:00:00.000000Z",
        ])
    func refused(text: String) {
        #expect(Timestamp(text: text) == nil)
    }
}
