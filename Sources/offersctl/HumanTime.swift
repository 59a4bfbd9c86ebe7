import Offers

/// Times for a reader: short, and how long from another one.
enum HumanTime {
    /// How long ago, or how long from now, such as `in 4 min`.
    static func distance(of moment: Timestamp, from now: Timestamp) -> String {
        let seconds = (moment.microseconds - now.microseconds) / 1_000_000
        let text = span(seconds: abs(seconds))
        return moment <= now ? "\(text) ago" : "in \(text)"
    }

    /// In the largest unit of which there are two.
    static func span(seconds: Int64) -> String {
        switch seconds {
        case ..<120: "\(seconds) s"
        case ..<7200: "\(seconds / 60) min"
        case ..<172_800: "\(seconds / 3600) h"
        default: "\(seconds / 86_400) days"
        }
    }

    /// To the minute, with the distance: `2026-11-30 10:00 UTC (in 17 h)`.
    static func text(of moment: Timestamp, from now: Timestamp) -> String {
        guard let text = moment.text, text.utf8.count > 16 else { return "-" }
        return "\(text.prefix(16).replacing("T", with: " ")) UTC (\(distance(of: moment, from: now)))"
    }

    /// In two or three digits of the unit that suits: `500 us`, `2.5 ms`, `25 ms`, `2.5 s`.
    static func latency(microseconds: Int64) -> String {
        if microseconds < 1000 { return "\(microseconds) us" }
        let (value, unit) =
            microseconds < 1_000_000 ? (microseconds / 100, "ms") : (microseconds / 100_000, "s")
        return value < 100 && value % 10 != 0 ? "\(value / 10).\(value % 10) \(unit)" : "\(value / 10) \(unit)"
    }
}
