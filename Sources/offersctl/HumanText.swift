import JSONRPC

/// A result for a reader at a terminal: names with their values, and a table for each array of objects. A value without
/// I/O that knows no method: whatever the service adds is shown, too.
enum HumanText {
    /// The lines of a result, each with its end.
    static func of(_ value: JSONValue) -> String {
        lines(value).map { $0 + "\n" }.joined()
    }

    private static func lines(_ value: JSONValue) -> [String] {
        guard let members = value.members else { return [text(value)] }
        var pairs: [[String]] = []
        var tables: [String] = []
        for (name, value) in flattened(members, prefix: "") {
            if let rows = value.elements, !rows.isEmpty, rows.allSatisfy({ $0.members != nil }) {
                tables += ["", "\(name):"] + table(rows)
            } else {
                pairs.append([name, text(value)])
            }
        }
        return aligned(pairs) + tables
    }

    /// The members of objects in objects get the names of both: `order.street`.
    private static func flattened(_ members: [JSONMember], prefix: String) -> [(String, JSONValue)] {
        members.flatMap { member in
            let name = prefix + printable(member.name)
            return member.value.members.map { flattened($0, prefix: name + ".") } ?? [(name, member.value)]
        }
    }

    private static func table(_ rows: [JSONValue]) -> [String] {
        let rows = rows.map { flattened($0.members ?? [], prefix: "") }
        var names: [String] = []
        for (name, _) in rows.joined() where !names.contains(name) { names.append(name) }
        return aligned(
            [names] + rows.map { row in names.map { name in row.first { $0.0 == name }.map { text($0.1) } ?? "" } })
    }

    private static func text(_ value: JSONValue) -> String {
        switch value {
        case .null: "-"
        case .bool(let bool): bool ? "yes" : "no"
        case .number(let number): number.text
        case .string(let text): printable(text)
        case .array, .object:
            (value.elements ?? []).isEmpty ? "-" : (value.elements ?? []).map(text).joined(separator: ", ")
        }
    }

    /// Text that was typed into a form cannot move the cursor or end the line.
    static func printable(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { scalar in
                    switch scalar.properties.generalCategory {
                    case .control, .format, .lineSeparator, .paragraphSeparator: " "
                    default: scalar
                    }
                }))
    }

    /// Columns of one width each, two spaces between them, and no space at the end of a line.
    private static func aligned(_ rows: [[String]]) -> [String] {
        let count = rows.map(\.count).max() ?? 0
        let widths = (0..<count).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
        return rows.map { row in
            var line = ""
            for (text, width) in zip(row, widths) {
                line += text + String(repeating: " ", count: width - text.count + 2)
            }
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }
}
