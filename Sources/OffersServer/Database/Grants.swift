/// The SQL of a role that can do what the service does, and nothing else: `offersd grants`.
///
/// It is derived from `Requirement`, which is also what `offersd check` asks the database for, so that a role that
/// was made with it passes the check. Rights go column by column where Postgres has such rights.
package enum Grants {
    /// A name that cannot be that of a role.
    package struct InvalidRole: Error, CustomStringConvertible {
        package let description: String
    }

    /// One transaction, for the owner of the tables, in the database that it is run in. It can be run again. What this
    /// database does not have is named by a warning, and everything else is granted.
    ///
    /// - Parameters:
    ///   - role: The role's name as it is, without quotes. It is made, with LOGIN, if there is none.
    ///   - schema: The name of the tables' schema as it is, without quotes.
    /// - Throws: ``InvalidRole`` with a sentence for the operator.
    package static func sql(role: String, schema: String = "public") throws(InvalidRole) -> String {
        try check(role)
        let name = identifier(role)
        return """
            -- What offersd needs, and no more, for the role \(name.replacing("\n", with: " ")). Run it in offersd's database:
            --
            --     offersd grants | psql -v ON_ERROR_STOP=1 -d offers

            BEGIN;
            \(connect(role))
            GRANT USAGE ON SCHEMA \(identifier(schema)) TO \(name);
            \(grant(role, schema))
            COMMIT;

            """
    }

    private static func connect(_ role: String) -> String {
        block(
            [role],
            """
            BEGIN
                IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = \(literal(role))) THEN
                    CREATE ROLE \(identifier(role)) LOGIN;
                END IF;
                EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), \(literal(role)));
            END
            """)
    }

    /// Grants column by column what is there. Of `distribution_metrics`, which exists in three shapes or not at all,
    /// and of the history that is shown, nothing is missed.
    private static func grant(_ role: String, _ schema: String) -> String {
        let rows = Requirement.grants.enumerated().map { place, grant in
            "(\(place), \(literal(grant.table)), \(literal(grant.privilege)), \(grant.isOptional), "
                + "\(literal(grant.columns.joined(separator: " "))))"
        }
        let sequences = Requirement.numberedTables.map { "(\(literal($0)))" }.joined(separator: ", ")
        return block(
            [role, schema],
            """
            DECLARE
                r record;
            BEGIN
                FOR r IN
                    SELECT g.relation, g.privilege, t.oid AS found,
                        string_agg(quote_ident(a.attname), ', ' ORDER BY c.place) AS columns,
                        string_agg(g.relation || '.' || c.name, ', ' ORDER BY c.place)
                            FILTER (WHERE a.attnum IS NULL AND NOT g.optional) AS missing
                    FROM (VALUES
                        \(rows.joined(separator: ",\n            "))
                    ) AS g (place, relation, privilege, optional, columns)
                    CROSS JOIN unnest(string_to_array(g.columns, ' ')) WITH ORDINALITY AS c (name, place)
                    LEFT JOIN pg_class t ON t.oid = to_regclass(format('%I.%I', \(literal(schema)), g.relation))
                    LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = c.name AND NOT a.attisdropped
                    GROUP BY g.place, g.relation, g.privilege, t.oid ORDER BY g.place
                LOOP
                    IF r.columns IS NOT NULL THEN
                        EXECUTE format('GRANT %s (%s) ON %s TO %I', r.privilege, r.columns, r.found::regclass, \(literal(role)));
                    END IF;
                    IF r.missing IS NOT NULL THEN
                        RAISE WARNING '% cannot be granted, there is no %', r.privilege, r.missing;
                    END IF;
                END LOOP;
                -- The sequences that the defaults of these ids call, whatever role owns them.
                FOR r IN
                    SELECT s.oid FROM (VALUES \(sequences)) AS n (relation),
                        LATERAL (\(Inspection.sequences(of: "to_regclass(format('%I.%I', \(literal(schema)), n.relation))"))) AS s
                    WHERE s.kind = 'S'
                LOOP
                    EXECUTE format('GRANT USAGE ON SEQUENCE %s TO %I', r.oid::regclass, \(literal(role)));
                END LOOP;
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

    /// A block of PL/pgSQL, its quotes chosen so that none of these names can end it.
    private static func block(_ names: [String], _ body: String) -> String {
        var tag = "$grants$"
        while names.contains(where: { $0.contains(tag) }) { tag = "$x" + tag.dropFirst() }
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
    /// Columns of a table that one privilege is granted on.
    fileprivate struct Grant {
        let privilege: String
        let table: String
        var columns: [String]
        /// Whether the table, and each of its columns, may well not be there.
        var isOptional = false
    }

    /// All requirements for columns, and the columns that only optional rows and an optional answer need.
    fileprivate static var grants: [Grant] {
        var grants: [Grant] = []
        func add(_ privilege: Privilege, _ table: String, _ column: String) {
            if let known = grants.firstIndex(where: { $0.privilege == privilege.rawValue && $0.table == table }) {
                grants[known].columns.append(column)
            } else {
                grants.append(Grant(privilege: privilege.rawValue, table: table, columns: [column]))
            }
        }
        for requirement in all {
            switch requirement.subject {
            case .column(let column, let privilege): add(privilege, requirement.table, column)
            case .rowLocks(let column): if let column { add(.update, requirement.table, column) }
            case .sequence: break
            }
        }
        let history = Grant(
            privilege: Privilege.select.rawValue, table: "order_status_history",
            columns: ExplainOfferQuery.historyColumns, isOptional: true)
        let metrics = Grant(
            privilege: Privilege.insert.rawValue, table: "distribution_metrics", columns: MetricsTable.insertedColumns,
            isOptional: true)
        return grants + [history, metrics]
    }

    /// The tables whose ids come from a sequence.
    fileprivate static var numberedTables: [String] {
        all.compactMap { if case .sequence = $0.subject { $0.table } else { nil } } + ["distribution_metrics"]
    }
}
