extension Report {
    /// The medians as tables in Markdown, one for each mode, with the columns that it has. `×` is the ratio to the
    /// first subject of the setting.
    var table: String {
        var modes: [String] = []
        for row in rows where !modes.contains(row.mode) { modes.append(row.mode) }
        return modes.map { mode in Self.table(of: rows.filter { $0.mode == mode }) }.joined(separator: "\n")
    }

    private static func table(of rows: [Row]) -> String {
        var lines = [[rows[0].mode, ""]] + rows.map { [$0.setting, $0.subject] }
        for quantity in Quantity.allCases where rows.contains(where: { $0.medians[quantity] != nil }) {
            lines[0].append(quantity.title)
            for (index, row) in rows.enumerated() { lines[index + 1].append(Decimals.text(row.medians[quantity])) }
            guard rows.contains(where: { $0.ratios[quantity] != nil }) else { continue }
            lines[0].append("×")
            for (index, row) in rows.enumerated() {
                lines[index + 1].append(row.ratios[quantity].map { Decimals.text($0, digits: 2) } ?? "")
            }
        }
        let widths = lines[0].indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        lines.insert(
            widths.enumerated().map {
                $0 < 2 ? String(repeating: "-", count: $1) : String(repeating: "-", count: max(1, $1 - 1)) + ":"
            }, at: 1)
        return lines.map { line in
            "| "
                + line.enumerated().map { column, text in
                    let room = String(repeating: " ", count: max(0, widths[column] - text.count))
                    return column < 2 ? text + room : room + text
                }.joined(separator: " | ") + " |\n"
        }.joined()
    }
}

/// Numbers for people.
enum Decimals {
    /// Three or four digits that count; nothing for nil.
    static func text(_ value: Double?) -> String {
        guard let value else { return "" }
        return text(value, digits: value >= 100 ? 0 : value >= 10 ? 1 : 2)
    }

    /// Rounded to `digits` digits after the point.
    static func text(_ value: Double, digits: Int) -> String {
        var power = 1
        for _ in 0..<digits { power *= 10 }
        let scaled = Int((value.magnitude * Double(power)).rounded())
        let fraction = String(scaled % power)
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard digits > 0 else { return "\(sign)\(scaled)" }
        return "\(sign)\(scaled / power)." + String(repeating: "0", count: digits - fraction.count) + fraction
    }
}
