import Postgres

/// What row security does to this role; PostgreSQL manual, section 5.8. Rows that a policy hides are missing without a
/// word, and so are the locks of rows that it lets be read but not be changed.
struct RowSecurity: Sendable, Equatable {
    /// What may go wrong, in sentences for an operator.
    var faults: [String] = []
    /// Where it is active, and hides nothing or nothing that lists and writes need.
    var notes: [String] = []

    init() {}

    init(_ rows: QueryResult) throws(ResultMismatch) {
        var open: [String] = []
        var closed: Set<String> = []
        for row in 0..<rows.rowCount {
            let table = try rows.requiredText(row: row, column: 0)
            let command = try rows.requiredText(row: row, column: 1)
            if !open.contains(table) { open.append(table) }
            if try rows.bool(row: row, column: 2) == true { continue }
            closed.insert(table)
            if (table, command) == RowSecurity.shownOnly {
                notes.append("Row security is active on \(table): explainOffer may show less of it than there is.")
                continue
            }
            faults.append(
                RowSecurity.fault(table, command, hasPolicies: try rows.bool(row: row, column: 3) == true))
        }
        notes += open.filter { !closed.contains($0) }.map {
            "Row security is active on \($0), and hides nothing from this role."
        }
    }

    private static func fault(_ table: String, _ command: String, hasPolicies: Bool) -> String {
        let cause =
            hasPolicies ? "a policy for \(command) has a condition" : "no policy for \(command) applies to this role"
        let effect =
            switch command {
            case "SELECT": hasPolicies ? "rows may be hidden from this role" : "all rows are hidden from this role"
            case "UPDATE": "rows may be read that are not locked, and accepts and declines of them are refused"
            default: "rows of this role may be refused"
            }
        return "Row security is active on \(table): \(effect), as \(cause)."
    }

    /// What is read for nothing but to be shown.
    private static let shownOnly = ("order_status_history", "SELECT")

    /// What each table is used for: SELECT, UPDATE (and row locks), INSERT.
    private static let uses: [(table: String, command: String)] = [
        ("offers", "SELECT"), ("orders", "SELECT"), ("masters", "SELECT"), ("cities", "SELECT"),
        ("districts", "SELECT"),
        ("streets", "SELECT"), ("settings", "SELECT"), ("offers", "UPDATE"), ("orders", "UPDATE"),
        ("masters", "UPDATE"),
        ("order_status_history", "INSERT"), shownOnly,
    ]

    /// A row for each use that row security concerns: whether it lets all rows through, and whether any permissive
    /// policy applies. Rows pass if a permissive policy is `true` and no restrictive one is anything else; `polcmd` is
    /// the first letter of the command but for SELECT (r) and UPDATE (w), or `*`.
    static let query = Statement(
        "offersd_row_security",
        sql: """
            SELECT u.relation, u.command,
                coalesce(bool_or(p.polpermissive AND e.is_open), false)
                    AND NOT coalesce(bool_or(NOT p.polpermissive AND NOT e.is_open), false),
                coalesce(bool_or(p.polpermissive), false)
            FROM (VALUES \(uses.enumerated().map { "(\($0), '\($1.table)', '\($1.command)', '\(letter($1.command))')" }
                .joined(separator: ", "))) AS u (place, relation, command, letter)
            JOIN pg_class t ON t.oid = to_regclass(u.relation)
            LEFT JOIN pg_policy p ON p.polrelid = t.oid AND p.polcmd::text IN (u.letter, '*') AND EXISTS (
                SELECT FROM unnest(p.polroles) AS r (oid) WHERE r.oid = 0 OR pg_has_role(r.oid, 'USAGE'))
            LEFT JOIN LATERAL (SELECT
                (u.command = 'INSERT' OR coalesce(pg_get_expr(p.polqual, t.oid), 'true') = 'true')
                AND (u.command = 'SELECT' OR
                    coalesce(pg_get_expr(coalesce(p.polwithcheck, p.polqual), t.oid), 'true') = 'true') AS is_open) e
                ON true
            WHERE row_security_active(t.oid)
            GROUP BY u.place, u.relation, u.command ORDER BY u.place
            """)

    private static func letter(_ command: String) -> String {
        switch command {
        case "SELECT": "r"
        case "UPDATE": "w"
        default: "a"
        }
    }
}
