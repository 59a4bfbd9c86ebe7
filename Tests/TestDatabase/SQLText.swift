/// A piece of SQL for a fixture: an expression such as `"now() + interval '1 minute'"`, or a quoted value.
///
/// For the made-up rows of tests only; offersd itself never builds SQL from values.
package struct SQLText: Sendable, ExpressibleByStringLiteral {
    /// The text as it goes into the statement.
    package let text: String

    /// An expression, taken as it is.
    package init(stringLiteral text: String) {
        self.text = text
    }

    /// A value as a literal without a type, which the column gives it; nil is NULL.
    static func value(_ value: (some LosslessStringConvertible)?) -> SQLText {
        guard let value else { return "NULL" }
        var quoted = "'"
        for character in String(value) {
            quoted.append(character)
            if character == "'" { quoted.append("'") }
        }
        return SQLText(stringLiteral: quoted + "'")
    }
}

/// A row for ``TestDatabase/insert(_:)``.
package protocol FixtureRow: Sendable {
    /// The table it goes to.
    static var table: String { get }

    /// The columns that are written; only such as every generation has.
    var columns: KeyValuePairs<String, SQLText> { get }
}

extension TestDatabase {
    /// Inserts a row and returns its id.
    @discardableResult
    package func insert(_ row: some FixtureRow) async throws -> Int {
        try await insert([row])[0]
    }

    /// Inserts rows of one table in one statement and returns their ids, in order.
    @discardableResult
    package func insert<Row: FixtureRow>(_ rows: [Row]) async throws -> [Int] {
        guard let first = rows.first else { return [] }
        let names = first.columns.map(\.key).joined(separator: ", ")
        let values = rows.map { row in "(" + row.columns.map(\.value.text).joined(separator: ", ") + ")" }
        return try await sql(
            "INSERT INTO \(Row.table) (\(names)) VALUES \(values.joined(separator: ",\n")) RETURNING id"
        ).compactMap { Int($0) }
    }

    /// Sets, or with nil removes, a row of `settings`.
    package func setSetting(_ key: String, to value: String?) async throws {
        let key = SQLText.value(key).text
        try await sql("DELETE FROM settings WHERE key = \(key)")
        guard let value else { return }
        try await sql("INSERT INTO settings (key, value) VALUES (\(key), \(SQLText.value(value).text))")
    }
}
