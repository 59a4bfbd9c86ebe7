import OffersServer
import TestDatabase
import Testing
import Turns

/// The SQL of a new database against what is known of the existing one, both as pg_catalog shows them.
@Suite(.inTurn)
struct SchemaTests {
    @Test("Columns are those of the existing database, in order, with types and defaults")
    func columns() async throws {
        try await expect(
            ExpectedSchema.columns,
            is: """
                SELECT c.relname, a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' '
                    || CASE WHEN a.attnotnull THEN 'NOT NULL' ELSE 'NULL' END || ' '
                    || coalesce(pg_get_expr(d.adbin, d.adrelid), '-')
                FROM pg_class AS c
                    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                    LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
                WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.relname <> 'staff_users'
                ORDER BY c.relname, a.attnum
                """)
    }

    @Test("Constraints are those of the existing database")
    func constraints() async throws {
        try await expect(
            ExpectedSchema.constraints,
            is: """
                SELECT c.relname, k.conname || ' ' || pg_get_constraintdef(k.oid)
                FROM pg_class AS c JOIN pg_constraint AS k ON k.conrelid = c.oid
                WHERE c.relnamespace = 'public'::regnamespace AND c.relname <> 'staff_users'
                    -- Since Postgres 18 NOT NULL is one, too; it is seen at the columns.
                    AND k.contype <> 'n'
                """)
    }

    @Test("Indexes are those of the existing database")
    func indexes() async throws {
        try await expect(
            ExpectedSchema.indexes,
            is: """
                SELECT c.relname, ic.relname || ' ' || CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END
                    || regexp_replace(pg_get_indexdef(i.indexrelid), '^.* USING ', '')
                FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid JOIN pg_class AS ic ON ic.oid = i.indexrelid
                WHERE c.relnamespace = 'public'::regnamespace
                    AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = i.indexrelid AND k.contype <> 'f')
                """)
    }

    @Test(
        "Enum types have the labels of the existing database, in order",
        arguments: [
            ("actor_type", "SYSTEM ADMIN MASTER AUTO_DISTRIBUTION"),
            ("moderation_status", "PENDING APPROVED REJECTED"),
            ("offer_state", "SENT VIEWED ACCEPTED DECLINED EXPIRED CANCELED"),
            ("order_category", "ELECTRICS PLUMBING APPLIANCES WINDOWS HANDYMAN ROADSIDE"),
            (
                "order_status",
                "CREATED SEARCHING ASSIGNED EN_ROUTE WORKING PAYMENT CLOSED DEFERRED GUARANTEE CANCELED"
            ),
            ("order_type", "NORMAL GUARANTEE"), ("payout_method", "CARD SBP YOOMONEY BANK_ACCOUNT"),
            ("shift_status", "SHIFT_OFF SHIFT_ON BREAK"),
        ])
    func enumTypes(name: String, labels: String) async throws {
        let found = try await TestDatabase.withDatabase(.g3) { database in
            try await database.sql(
                """
                SELECT string_agg(enumlabel, ' ' ORDER BY enumsortorder) FROM pg_enum
                WHERE enumtypid = '\(name)'::regtype
                """)
        }
        #expect(found == [labels])
    }

    @Test("There is nothing else: no further type, sequence, view, function or trigger")
    func nothingElse() async throws {
        try await TestDatabase.withDatabase(.g3) { database in
            let enums = try await database.sql("SELECT count(*) FROM pg_type WHERE typtype = 'e'")
            #expect(enums == ["8"])
            let relations = try await database.sql(
                """
                SELECT relkind, count(*), count(*) FILTER (WHERE relname LIKE '%\\_id\\_seq') FROM pg_class
                WHERE relnamespace = 'public'::regnamespace AND relkind <> 'i' GROUP BY 1 ORDER BY 1
                """)
            // Eleven tables; all but settings have a sequence.
            #expect(relations == ["S|10|10", "r|11|0"])
            let others = try await database.sql(
                """
                SELECT (SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace)
                    + (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal)
                    + (SELECT count(*) FROM pg_extension WHERE extname <> 'plpgsql')
                """)
            #expect(others == ["0"])
        }
    }

    @Test("A new database allows five active orders")
    func settings() async throws {
        let found = try await TestDatabase.withDatabase(.g3) { database in
            try await database.sql("SELECT key, value, value_type FROM settings")
        }
        #expect(found == ["max_active_orders|5|INT"])
    }

    @Test("Where a table exists already nothing is changed")
    func allOrNothing() async throws {
        try await TestDatabase.withDatabase(.g3) { database in
            // settings is the last that the SQL makes.
            try await database.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE TABLE settings ()")
            await #expect(throws: (any Error).self) { try await database.sql(Schema.sql) }
            let left = try await database.sql(
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind <> 'i'")
            #expect(left == ["settings"])
        }
    }

    /// Compares what `query` yields, rows of table and description, with `expected`, regardless of the order of tables
    /// and, where the query gives none, of rows.
    private func expect(_ expected: String, is query: String) async throws {
        let found = try await TestDatabase.withDatabase(.g3) { try await $0.sql(query) }
        var foundByTable: [String: [String]] = [:]
        for row in found {
            let parts = row.split(separator: "|", maxSplits: 1).map(String.init)
            foundByTable[parts[0], default: []].append(
                parts[1].replacing("timestamp with time zone", with: "timestamptz")
                    .replacing("character varying", with: "varchar"))
        }
        var expectedByTable: [String: [String]] = [:]
        var table = ""
        for line in expected.split(separator: "\n").map(String.init) {
            if line.hasPrefix(" ") {
                expectedByTable[table, default: []].append(String(line.drop { $0 == " " }))
            } else {
                table = line
            }
        }
        if !query.contains("ORDER BY") {
            foundByTable = foundByTable.mapValues { $0.sorted() }
            expectedByTable = expectedByTable.mapValues { $0.sorted() }
        }
        #expect(Set(foundByTable.keys) == Set(expectedByTable.keys))
        for (table, rows) in expectedByTable {
            #expect(foundByTable[table] == rows, "\(table)")
        }
    }
}
