/// The SQL of a role that can do what the service does, and nothing else: `offersd grants`.
///
/// It is derived from ``Requirement``, which is also what `offersd check` asks the database for, so that a role that was
/// made with it passes the check. Rights go column by column where Postgres has such rights.
package enum Grants {
    /// A name that cannot be that of a role.
    package struct InvalidRole: Error, CustomStringConvertible {
        package let description: String
    }

    /// One transaction, for the owner of the tables, in the database that it is run in. It can be run again.
    ///
    /// - Parameter role: The role's name as it is, without quotes. It is made, with LOGIN, if there is none.
    /// - Throws: ``InvalidRole`` with a sentence for the operator.
    package static func sql(role: String) throws(InvalidRole) -> String {
        try check(role)
        let name = identifier(role)
        return """
            -- What offersd needs, and no more, for the role \(name.replacing("\n", with: " ")). Run it in offersd's database:
            --
            --     offersd grants | psql -v ON_ERROR_STOP=1 -d offers

            BEGIN;
            \(connect(role))
            GRANT USAGE ON SCHEMA public TO \(name);
            \(Requirement.grants.map { "GRANT \($0) TO \(name);" }.joined(separator: "\n"))

            -- The statistics of accepts: this table exists in three shapes, or not at all.
            \(statistics(role))
            COMMIT;

            """
    }

    private static func connect(_ role: String) -> String {
        block(
            role,
            """
            BEGIN
                IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = \(literal(role))) THEN
                    CREATE ROLE \(identifier(role)) LOGIN;
                END IF;
                EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), \(literal(role)));
            END
            """)
    }

    private static func statistics(_ role: String) -> String {
        block(
            role,
            """
            DECLARE
                columns text := (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
                    WHERE attrelid = to_regclass('distribution_metrics') AND NOT attisdropped
                        AND attname IN (\(MetricsTable.insertedColumns.map(literal).joined(separator: ", "))));
            BEGIN
                IF columns IS NOT NULL THEN
                    EXECUTE format('GRANT INSERT (%s) ON distribution_metrics TO %I', columns, \(literal(role)));
                    EXECUTE format('GRANT USAGE ON SEQUENCE %s TO %I',
                        pg_get_serial_sequence('distribution_metrics', 'id'), \(literal(role)));
                END IF;
            END
            """)
    }

    private static func check(_ role: String) throws(InvalidRole) {
        guard !role.isEmpty, !role.utf8.contains(0), role.utf8.count <= 63 else {
            throw InvalidRole(description: "the name of a role has 1 to 63 bytes, none of which is NUL")
        }
        // Postgres takes the first two for keywords even in quotes, and keeps the others for itself.
        guard role != "public", role != "none", !role.hasPrefix("pg_") else {
            throw InvalidRole(description: "\"\(role)\" cannot be the name of a role in Postgres")
        }
    }

    /// A block of PL/pgSQL, its quotes chosen so that the role's name cannot end it.
    private static func block(_ role: String, _ body: String) -> String {
        var tag = "$grants$"
        while role.contains(tag) { tag = "$x" + tag.dropFirst() }
        return "DO \(tag)\n\(body)\n\(tag);"
    }

    private static func identifier(_ name: String) -> String {
        "\"" + name.replacing("\"", with: "\"\"") + "\""
    }

    private static func literal(_ text: String) -> String {
        // E'' means the same whatever standard_conforming_strings says.
        "E'" + text.replacing("\\", with: "\\\\").replacing("'", with: "''") + "'"
    }
}

extension Requirement {
    /// All requirements as the middle of GRANT statements, one per table and privilege.
    fileprivate static var grants: [String] {
        var columns: [(privilege: Privilege, table: String, names: [String])] = []
        var others: [String] = []
        func add(_ privilege: Privilege, _ table: String, _ column: String) {
            if let known = columns.firstIndex(where: { $0.privilege == privilege && $0.table == table }) {
                columns[known].names.append(column)
            } else {
                columns.append((privilege, table, [column]))
            }
        }
        for requirement in all {
            switch requirement.subject {
            case .column(let column, let privilege): add(privilege, requirement.table, column)
            case .rowLocks(let column): if let column { add(.update, requirement.table, column) }
            case .sequence: others.append("USAGE ON SEQUENCE \(requirement.table)_id_seq")
            }
        }
        return columns.map { "\($0.privilege.rawValue) (\($0.names.joined(separator: ", "))) ON \($0.table)" } + others
    }
}
