import Foundation
import Glibc
import Offers

/// A slot as masters read it, in the zone of the order's city: `завтра 10:00-13:00`.
struct SlotText {
    private let zone: TimeZone
    private let today: Int64?

    /// - Parameters:
    ///   - timezone: `cities.timezone`. None, an empty or a blank one is Moscow's, one that cannot be loaded UTC.
    ///   - now: What decides which day is today; without it, days have no words.
    init(timezone: String?, now: Timestamp?) {
        zone = Self.zone(timezone)
        today = now.flatMap { [zone] in LocalTime($0, in: zone)?.day }
    }

    /// The text; nil for no slot.
    ///
    /// - Parameter dated: Whether a day has its date beside its word: `завтра, 30.11 10:00-13:00`.
    func text(_ slot: Timeslot?, dated: Bool = false) -> String? {
        let start = slot?.start.flatMap { LocalTime($0, in: zone) }
        let end = slot?.end.flatMap { LocalTime($0, in: zone) }
        func text(_ time: LocalTime) -> String {
            let day = word(time).map { dated ? "\($0), \(time.date)" : $0 } ?? time.date
            return "\(day) \(time.clock)"
        }
        switch (start, end) {
        case (let start?, let end?) where start.day == end.day: return "\(text(start))-\(end.clock)"
        case (let start?, let end?): return "\(text(start)) – \(text(end))"
        case (let only?, nil), (nil, let only?): return text(only)
        case (nil, nil): return nil
        }
    }

    /// Until when an offer can be taken: `⏳ до 14:30`, with the day if that is not today.
    func until(_ end: Timestamp?) -> String {
        guard let end = end.flatMap({ LocalTime($0, in: zone) }) else { return "⏳ без срока" }
        let day = end.day == today ? "" : ", \(word(end) ?? end.date)"
        return "⏳ до \(end.clock)\(day)"
    }

    private func word(_ time: LocalTime) -> String? {
        switch today.map({ time.day - $0 }) {
        case 0: "сегодня"
        case 1: "завтра"
        case -1: "вчера"
        default: nil
        }
    }

    private static func zone(_ name: String?) -> TimeZone {
        guard let name, !name.allSatisfy(\.isWhitespace) else { return TimeZone(identifier: "Europe/Moscow") ?? .gmt }
        // Foundation also knows abbreviations and forms such as GMT+3, which are in no time zone database.
        guard !isDatabaseKnown || access("\(database)/\(name)", R_OK) == 0 else { return .gmt }
        return TimeZone(identifier: name) ?? .gmt
    }

    private static let database = "/usr/share/zoneinfo"
    private static let isDatabaseKnown = access(database, R_OK) == 0
}

/// A moment by the clock and calendar of a zone.
private struct LocalTime {
    /// Days since an epoch, for comparing.
    let day: Int64
    /// `DD.MM`
    let date: String
    /// `HH:MM`
    let clock: String

    private static let microsecondsPerDay: Int64 = 86_400_000_000

    /// nil for a moment that has no date, such as infinity.
    init?(_ moment: Timestamp, in zone: TimeZone) {
        guard Timestamp.representable.contains(moment) else { return nil }
        // Both count from a midnight of 1 January, in UTC; Foundation's reference is one year later (2000 had 366
        // days).
        let seconds = Double(moment.microseconds) / 1_000_000 - 366 * 86_400
        let offset = zone.secondsFromGMT(for: Date(timeIntervalSinceReferenceDate: seconds))
        // The moment at which a clock in UTC shows what the local clock shows at `moment`: its text has the local
        // digits.
        let local = Timestamp(microseconds: moment.microseconds + Int64(offset) * 1_000_000)
        guard let text = local.text else { return nil }
        let digits = Array(text)
        day = Int64((Double(local.microseconds) / Double(Self.microsecondsPerDay)).rounded(.down))
        date = String(digits[8...9]) + "." + String(digits[5...6])
        clock = String(digits[11...15])
    }
}
