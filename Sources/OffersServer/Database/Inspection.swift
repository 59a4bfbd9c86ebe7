import Deadlines
import Offers
import Postgres

/// What a database has and lacks of what the service needs.
struct Inspection: Sendable {
    /// The generation of the schema, from `G0` to `G4`; nil when it is none of these.
    let generation: String?
    /// What is missing, by name.
    let shortcomings: [Shortcoming]
    /// The shape of `distribution_metrics`; nil when there is no such table, or none that can be written.
    let metricsTable: MetricsTable?
    /// Whether the index that ``ListOffersQuery/Form/unique`` rests on is there and does what its name says. Not so
    /// while another program locks `offers` or waits to: its predicate cannot be read then without waiting for that.
    let hasUniqueOpenPairs: Bool
    /// What an operator should know although everything works.
    let remarks: [String]
    /// What row security hides or refuses.
    var rowSecurity = RowSecurity()
    /// The state of the catalog; nil if this role may not read it.
    var catalog: CatalogState?
    /// Whether `explainOffer` can show the history of an order.
    var canReadHistory = true
    /// Whether this role may try commits: every role may, unless that was taken away.
    var canTryCommits = true
    /// Whether the database refuses writes: it is a standby, or read-only by its settings.
    let isReadOnly: Bool

    /// What is missing for this purpose.
    func missing(for purpose: Requirement.Purpose) -> [String] {
        shortcomings.filter { $0.purposes.contains(purpose) }.map(\.name)
    }

    /// Whether lists, and whether everything else, can be served.
    var status: HealthResult.Status {
        if !missing(for: .list).isEmpty { return .down }
        let writes = missing(for: .accept).isEmpty && missing(for: .decline).isEmpty && !isReadOnly
        return writes && rowSecurity.faults.isEmpty ? .ok : .degraded
    }

    /// Whether nothing stands in the way of the service, as far as the catalog tells.
    /// What only optional rows need is a note.
    var isComplete: Bool {
        shortcomings.allSatisfy { $0.purposes == [.metrics] } && rowSecurity.faults.isEmpty
    }

    /// What follows, in sentences for an operator.
    var consequences: [String] {
        var sentences: [String] = []
        if !missing(for: .list).isEmpty { sentences.append("Nothing can be served: listOffers and getOffer fail.") }
        if !missing(for: .accept).isEmpty {
            sentences.append("acceptOffer answers DATABASE_UNAVAILABLE and changes nothing.")
        }
        if !missing(for: .decline).isEmpty {
            sentences.append("declineOffer answers DATABASE_UNAVAILABLE and changes nothing.")
        }
        if !missing(for: .explain).isEmpty { sentences.append("explainOffer answers DATABASE_UNAVAILABLE.") }
        if metricsTable == nil || !missing(for: .metrics).isEmpty {
            sentences.append("No distribution_metrics rows are written; nothing else changes.")
        }
        return sentences
    }

    /// Looks at the database. Four statements, which read only the catalog and wait for no lock that a table had
    /// before.
    static func inspect(_ postgres: PostgresClient, deadline: Deadline) async throws(PostgresError) -> Inspection {
        let shortcomings = try await postgres.read(BoundStatement(requirements), for: .control, deadline: deadline) {
            rows in
            decodeShortcomings(rows)
        }
        let rowSecurity = try await postgres.read(BoundStatement(RowSecurity.query), for: .control, deadline: deadline)
        {
            rows throws(ResultMismatch) in
            try RowSecurity(rows)
        }
        let catalog = try? await postgres.read(BoundStatement(CatalogState.query), for: .control, deadline: deadline) {
            rows throws(ResultMismatch) in
            try CatalogState(rows)
        }
        var found = try await postgres.read(BoundStatement(features), for: .control, deadline: deadline) {
            rows throws(ResultMismatch) in
            try decode(rows, shortcomings: shortcomings, rowSecurity)
        }
        found.catalog = catalog
        return found
    }

    /// What ``inspect(_:deadline:)`` asks.
    static let statements = [requirements, RowSecurity.query, CatalogState.query, features]

    // MARK: What is missing

    /// One row per requirement that is not met: its number, and what is wrong: no table, no column, no privilege.
    private static let requirements = Statement(
        "offersd_requirements",
        sql: """
            SELECT r.number, CASE WHEN t.oid IS NULL THEN 'table'
                    WHEN r.attribute IS NOT NULL AND a.attnum IS NULL THEN 'column' ELSE 'privilege' END
            FROM (VALUES \(Requirement.all.enumerated().map { row($0.offset, $0.element) }.joined(separator: ",\n    "))
                ) AS r (number, relation, attribute, privilege)
            LEFT JOIN pg_class t ON t.oid = to_regclass(r.relation)
            LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = r.attribute AND NOT a.attisdropped
            WHERE NOT coalesce(CASE
                WHEN t.oid IS NULL THEN false
                WHEN r.attribute IS NOT NULL THEN has_column_privilege(t.oid, a.attnum, r.privilege)
                WHEN r.privilege = 'UPDATE' THEN has_any_column_privilege(t.oid, 'UPDATE')
                ELSE \(canNumber("t.oid")) END, false)
            ORDER BY r.number
            """)

    /// Whether this role may take numbers from the sequences that the default of `id` calls, whatever role owns them:
    /// nextval asks for USAGE or UPDATE. An identity column asks for nothing, and a default that is a function of the
    /// company's is its own matter.
    private static func canNumber(_ table: String) -> String {
        """
        NOT EXISTS (SELECT FROM (\(sequences(of: table))) AS s
            WHERE CASE s.kind WHEN 'S' THEN NOT has_sequence_privilege(s.oid, 'USAGE, UPDATE') END)
        """
    }

    /// What the default of a table's `id` depends on, sequences (kind S) and others. The kind has to be looked at
    /// first: of anything else the rights of a sequence cannot be asked.
    static func sequences(of table: String) -> String {
        """
        SELECT c.oid, c.relkind AS kind
        FROM pg_attribute a JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        JOIN pg_depend p ON p.classid = 'pg_catalog.pg_attrdef'::regclass AND p.objid = d.oid
            AND p.refclassid = 'pg_catalog.pg_class'::regclass
        JOIN pg_class c ON c.oid = p.refobjid
        WHERE a.attrelid = \(table) AND a.attname = 'id' AND NOT a.attisdropped
        """
    }

    private static func row(_ number: Int, _ requirement: Requirement) -> String {
        switch requirement.subject {
        case .column(let name, let privilege):
            "(\(number), '\(requirement.table)', '\(name)'::text, '\(privilege.rawValue)')"
        case .rowLocks: "(\(number), '\(requirement.table)', NULL, 'UPDATE')"
        case .sequence: "(\(number), '\(requirement.table)', NULL, 'USAGE')"
        }
    }

    private static func decodeShortcomings(_ rows: QueryResult) -> [Shortcoming] {
        var found: [Shortcoming] = []
        for row in 0..<rows.rowCount {
            guard let number = try? rows.integer(row: row, column: 0), let problem = rows.text(row: row, column: 1)
            else { continue }
            let requirement = Requirement.all[Int(number)]
            let name = requirement.name(missing: problem)
            if let known = found.firstIndex(where: { $0.name == name }) {
                let purposes = Requirement.Purpose.allCases.filter {
                    found[known].purposes.contains($0) || requirement.purposes.contains($0)
                }
                found[known] = Shortcoming(name: name, purposes: purposes)
            } else {
                found.append(Shortcoming(name: name, purposes: requirement.purposes))
            }
        }
        return found
    }

    // MARK: Which generation, and which shape of the metrics table

    private static let metricsColumns = list(of: MetricsTable.insertedColumns)
    private static let historyColumns = list(of: ExplainOfferQuery.historyColumns)

    /// As a list of SQL.
    private static func list(of names: [String]) -> String {
        "(" + names.map { "'\($0)'" }.joined(separator: ", ") + ")"
    }

    /// As the server writes it, with its quotes doubled.
    private static let openPredicate =
        "(state = ANY (ARRAY["
        + ["SENT", "VIEWED", "ACCEPTED"].map { "''\($0)''::offer_state" }.joined(separator: ", ") + "]))"

    private static let features = Statement(
        "offersd_features",
        sql: """
            WITH columns AS (
                SELECT c.relname AS relation, a.attname AS attribute, format_type(a.atttypid, NULL) AS type
                FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                WHERE c.oid IN (to_regclass('order_status_history'), to_regclass('orders'),
                    to_regclass('distribution_metrics'))),
            indexes AS (
                SELECT i.indisunique AS is_unique, i.indpred IS NOT NULL AS is_partial, i.indkey::text AS keys,
                    x.relname AS name
                FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
                WHERE i.indrelid = to_regclass('offers') AND i.indisvalid),
            pair AS (
                SELECT string_agg(a.attnum::text, ' ' ORDER BY a.attname DESC) AS keys FROM pg_attribute a
                WHERE a.attrelid = to_regclass('offers') AND a.attname IN ('order_id', 'master_id'))
            SELECT
                to_regclass('offers') IS NOT NULL AND to_regclass('orders') IS NOT NULL,
                EXISTS (SELECT FROM columns WHERE relation = 'order_status_history' AND attribute = 'actor_type'),
                EXISTS (SELECT FROM columns WHERE relation = 'orders' AND attribute = 'order_type'),
                EXISTS (SELECT FROM indexes i, pair p WHERE i.is_unique AND NOT i.is_partial AND i.keys = p.keys),
                EXISTS (SELECT FROM indexes i, pair p WHERE i.is_unique AND i.is_partial AND i.keys = p.keys),
                EXISTS (SELECT FROM indexes WHERE name = 'idx_offers_master_active'),
                m.attribute, m.type, n.attribute, n.type,
                CASE WHEN to_regclass('distribution_metrics') IS NOT NULL THEN
                    (SELECT bool_and(has_column_privilege(a.attrelid, a.attnum, 'INSERT')) FROM pg_attribute a
                        WHERE a.attrelid = to_regclass('distribution_metrics') AND a.attname IN \(metricsColumns)
                            AND NOT a.attisdropped)
                    AND \(canNumber("to_regclass('distribution_metrics')")) END,
                pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on',
                (SELECT CASE WHEN NOT EXISTS (
                        SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                        WHERE d.datname = current_database() AND l.relation = i.indrelid AND l.mode = 'AccessExclusiveLock')
                    THEN i.indisunique AND i.indisvalid AND i.indrelid = to_regclass('offers') AND i.indkey::text = p.keys
                        AND pg_get_expr(i.indpred, i.indrelid) = '\(openPredicate)' END
                    FROM pg_index i, pair p WHERE i.indexrelid = to_regclass('\(ListOffersQuery.uniqueIndex)')),
                (SELECT string_agg(l.relation || '.' || l.attribute, ', ')
                    FROM (VALUES ('offers', 'master_id'), ('offers', 'order_id'), ('offers', 'id'), ('orders', 'id'),
                        ('orders', 'assigned_master_id'), ('masters', 'id'), ('masters', 'tg_user_id'))
                        AS l (relation, attribute)
                    JOIN pg_attribute a ON a.attrelid = to_regclass(l.relation) AND a.attname = l.attribute
                    WHERE NOT EXISTS (
                        SELECT FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam
                        WHERE i.indrelid = a.attrelid AND i.indisvalid AND i.indpred IS NULL AND i.indkey[0] = a.attnum
                            AND m.amname = 'btree')
                        AND EXISTS (SELECT FROM pg_class t WHERE t.oid = a.attrelid AND t.relkind IN ('r', 'p'))),
                (SELECT bool_or(has_function_privilege(p.oid, 'EXECUTE')) FROM pg_proc p
                    WHERE p.proname = 'pg_logical_emit_message' AND p.pronamespace = 'pg_catalog'::regnamespace
                        AND p.proargtypes[2] = 'text'::regtype),
                (SELECT count(*) = \(ExplainOfferQuery.historyColumns.count)
                        AND bool_and(has_column_privilege(a.attrelid, a.attnum, 'SELECT'))
                    FROM pg_attribute a WHERE a.attrelid = to_regclass('order_status_history')
                        AND a.attname IN \(historyColumns) AND NOT a.attisdropped)
            FROM (VALUES (1)) AS one
            LEFT JOIN columns m ON m.relation = 'distribution_metrics' AND m.attribute IN ('category', 'category_name')
            LEFT JOIN columns n ON n.relation = 'distribution_metrics' AND n.attribute IN ('order_type', 'type_name')
            LIMIT 1
            """)

    private static func decode(
        _ rows: QueryResult, shortcomings: [Shortcoming], _ rowSecurity: RowSecurity
    ) throws(ResultMismatch) -> Inspection {
        let isOurs = try rows.bool(row: 0, column: 0) == true
        let hasActors = try rows.bool(row: 0, column: 1) == true
        let hasOrderType = try rows.bool(row: 0, column: 2) == true
        let pairIsUnique = try rows.bool(row: 0, column: 3) == true
        let openPairIsUnique = try rows.bool(row: 0, column: 4) == true
        let hasNewestIndexes = try rows.bool(row: 0, column: 5) == true
        let generation: String? =
            if !isOurs {
                nil
            } else if !hasActors {
                "G0"
            } else if !hasOrderType {
                "G4"
            } else if pairIsUnique {
                "G1"
            } else if hasNewestIndexes {
                "G3"
            } else {
                openPairIsUnique ? "G2" : nil
            }
        var remarks: [String] = []
        if isOurs, pairIsUnique {
            remarks.append("offers has the old UNIQUE (order_id, master_id): no order is ever offered again.")
        } else if isOurs, !openPairIsUnique {
            remarks.append("offers has no unique index on open offers: duplicates can arise, and are tolerated.")
        }
        if let slow = rows.text(row: 0, column: 13) {
            remarks.append(
                "No full index begins with \(slow): the whole table may be read instead.")
        }
        let canTryCommits = try rows.bool(row: 0, column: 14) == true
        if !canTryCommits {
            remarks.append(
                "This role may not execute pg_logical_emit_message: it is not tried whether commits are confirmed.")
        }
        let canReadHistory = try rows.bool(row: 0, column: 15) == true
        if isOurs, !canReadHistory {
            remarks.append(
                "explainOffer shows no history: order_status_history lacks a column, or this role the right to read it."
            )
        }
        var table: MetricsTable?
        if let category = rows.text(row: 0, column: 6), let categoryType = rows.text(row: 0, column: 7),
            let orderType = rows.text(row: 0, column: 8), let orderTypeType = rows.text(row: 0, column: 9)
        {
            if try rows.bool(row: 0, column: 10) == true {
                table = MetricsTable(
                    categoryColumn: category, categoryType: categoryType, orderTypeColumn: orderType,
                    orderTypeType: orderTypeType)
            } else {
                remarks.append("This role lacks INSERT on distribution_metrics or USAGE on its sequence.")
            }
        }
        let isReadOnly = try rows.bool(row: 0, column: 11) == true
        if isReadOnly { remarks.append("The database is read-only: lists are served, accept and decline are not.") }
        return Inspection(
            generation: generation, shortcomings: shortcomings, metricsTable: table,
            hasUniqueOpenPairs: try rows.bool(row: 0, column: 12) == true, remarks: remarks,
            rowSecurity: rowSecurity, canReadHistory: canReadHistory, canTryCommits: canTryCommits,
            isReadOnly: isReadOnly)
    }
}

extension Requirement {
    /// How the missing thing is called: the table itself when there is none.
    fileprivate func name(missing problem: String) -> String {
        switch (problem, subject) {
        case ("table", _): table
        case ("column", .column(let column, _)): "\(table).\(column)"
        case (_, .column(let column, let privilege)): "\(privilege.rawValue) on \(table).\(column)"
        case (_, .rowLocks): "UPDATE on \(table)"
        case (_, .sequence): "USAGE on the sequence of \(table).id"
        }
    }
}
