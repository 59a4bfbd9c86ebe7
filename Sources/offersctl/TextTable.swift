/// Columns and sentences that fit a terminal: values without I/O. Nothing of it ends with a space.
enum TextTable {
    /// Columns of one width each, two spaces between them. Where that is too wide, the widest columns of text lose
    /// their ends, which `…` stands for.
    ///
    /// - Parameters:
    ///   - left: So many columns begin at their left and may be shortened; the others are numbers, and end at their
    ///     right.
    ///   - width: Columns of the terminal.
    static func lines(_ rows: [[String]], left: Int, width: Int) -> [String] {
        let count = rows.map(\.count).max() ?? 0
        var widths = (0..<count).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
        var excess = widths.reduce(2 * max(0, count - 1), +) - width
        while excess > 0, let widest = widths.indices.prefix(left).max(by: { widths[$0] < widths[$1] }),
            widths[widest] > 8
        {
            widths[widest] -= 1
            excess -= 1
        }
        return rows.map { row in
            let cells = zip(row, widths).enumerated().map { column, cell in
                let text = cell.0.count > cell.1 ? "\(cell.0.prefix(max(0, cell.1 - 1)))…" : cell.0
                let gap = String(repeating: " ", count: max(0, cell.1 - text.count))
                return column < left ? text + gap : gap + text
            }
            return trimmed(cells.joined(separator: "  "))
        }
    }

    /// A sentence in lines that are at most so wide; each begins with the indentation. A word that is longer is cut.
    static func wrapped(_ sentence: String, width: Int, indent: Int) -> [String] {
        let margin = String(repeating: " ", count: indent)
        var lines: [String] = []
        var line = ""
        // Several spaces are columns, and stay together with what is before them.
        for word in sentence.split(separator: " ", omittingEmptySubsequences: false) {
            var word = word
            if !line.isEmpty, indent + line.count + 1 + word.count > width {
                lines.append(trimmed(margin + line))
                line = ""
            }
            while indent + word.count > width {
                lines.append(margin + word.prefix(width - indent))
                word = word.dropFirst(width - indent)
            }
            line += (line.isEmpty ? "" : " ") + word
        }
        return lines + [trimmed(margin + line)]
    }

    private static func trimmed(_ line: String) -> String {
        String(line.reversed().drop { $0 == " " }.reversed())
    }
}
