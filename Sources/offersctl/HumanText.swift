import JSONRPC
import Offers

/// A result for a reader at a terminal: names with their values, and a table for each array of objects. A value without
/// I/O that knows no method: whatever the service adds is shown, too.
struct HumanText {
    private let width: Int
    /// From when times count: the database's clock, where the result has it.
    private let now: Timestamp

    /// The lines of a result, each with its end.
    ///
    /// - Parameters:
    ///   - width: Columns of the terminal; at least 80 are used.
    ///   - now: This machine's clock.
    static func of(_ value: JSONValue, width: Int, now: Timestamp) -> String {
        let clock = (value["asOf"] ?? value["database"]?["serverTime"])?.stringValue.flatMap(Timestamp.init(text:))
        return HumanText(width: max(80, width), now: clock ?? now).lines(value).map { $0 + "\n" }.joined()
    }

    private func lines(_ value: JSONValue) -> [String] {
        guard let members = value.members else { return [text(value)] }
        var pairs: [(name: String, text: String)] = []
        var tables: [String] = []
        for (name, value) in Self.flattened(members, prefix: "") {
            if let rows = value.elements, !rows.isEmpty, rows.allSatisfy({ $0.members != nil }) {
                tables += ["", "\(name):"] + table(rows)
            } else {
                pairs.append((name, text(value)))
            }
        }
        return pairLines(pairs) + tables
    }

    /// The values in a column of their own. Where names leave too little room for that, it begins earlier.
    private func pairLines(_ pairs: [(name: String, text: String)]) -> [String] {
        let column = min((pairs.map(\.name.count).max() ?? 0) + 2, 40)
        return pairs.flatMap { name, text in
            let values = TextTable.wrapped(text, width: width, indent: column)
            guard name.count + 2 <= column else { return [name] + values }
            let first = name + String(repeating: " ", count: column - name.count) + values[0].dropFirst(column)
            return [first] + values.dropFirst()
        }
    }

    /// The members of objects in objects get the names of both: `order.street`.
    private static func flattened(_ members: [JSONMember], prefix: String) -> [(String, JSONValue)] {
        members.flatMap { member in
            let name = prefix + printable(member.name)
            return member.value.members.map { flattened($0, prefix: name + ".") } ?? [(name, member.value)]
        }
    }

    private func table(_ rows: [JSONValue]) -> [String] {
        let rows = rows.map { Self.flattened($0.members ?? [], prefix: "") }
        var names: [String] = []
        for (name, _) in rows.joined() where !names.contains(name) { names.append(name) }
        let cells = rows.map { row in names.map { name in row.first { $0.0 == name }.map { cell($0.1) } ?? "" } }
        let lines = TextTable.lines([names] + cells, left: names.count, width: width)
        guard lines.contains(where: { $0.count > width }) else { return lines }
        // Too many columns: each row is told by itself.
        return rows.flatMap { row in [""] + pairLines(row.map { ($0.0, text($0.1)) }) }
    }

    /// In a table a time is how long from now.
    private func cell(_ value: JSONValue) -> String {
        if let moment = value.stringValue.flatMap(Timestamp.init(text:)) {
            return HumanTime.distance(of: moment, from: now)
        }
        return text(value)
    }

    private func text(_ value: JSONValue) -> String {
        switch value {
        case .null: "-"
        case .bool(let bool): bool ? "yes" : "no"
        case .number(let number): number.text
        case .string(let text):
            Timestamp(text: text).map { HumanTime.text(of: $0, from: now) } ?? Self.printable(text)
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
}
