import Postgres

/// The tables that other programs lock so that statements of the service would wait. A lock that waits counts, for
/// whatever comes after it waits behind it. Modes and conflicts: PostgreSQL manual, section 13.3.1.
struct TableLocks: Sendable, Equatable {
    /// How strong a lock is: the least that stands in the way of a use of a table.
    enum Strength: Int64, Comparable, Sendable {
        /// SHARE or SHARE ROW EXCLUSIVE, as of CREATE INDEX: rows cannot be written.
        case writes = 1
        /// EXCLUSIVE: rows cannot be locked, either.
        case rowLocks
        /// ACCESS EXCLUSIVE, as of ALTER TABLE: nothing can be done.
        case everything

        static func < (one: Self, other: Self) -> Bool { one.rawValue < other.rawValue }
    }

    /// The strongest lock of each table, by its name.
    private var strengths: [String: Strength] = [:]

    init(_ rows: QueryResult) throws(ResultMismatch) {
        for row in 0..<rows.rowCount {
            let table = try rows.requiredText(row: row, column: 0)
            strengths[table] = Strength(rawValue: try rows.requiredInteger(row: row, column: 1))
        }
    }

    init(_ strengths: [String: Strength] = [:]) {
        self.strengths = strengths
    }

    /// The tables that stand in the way of this kind of work, in the order of their names.
    func against(_ work: Work) -> [String] {
        strengths.filter { table, strength in
            TableLocks.uses(of: work).contains { strength >= $0.strength && $0.tables.contains(table) }
        }.keys.sorted()
    }

    private static func uses(of work: Work) -> [(strength: Strength, tables: [String])] {
        let listed = ["offers", "orders", "masters", "cities", "districts"]
        return switch work {
        case .listOffers: [(.everything, listed)]
        case .getOffer: [(.everything, listed + ["streets"])]
        case .acceptOffer:
            [
                (.writes, ["offers", "orders", "order_status_history"]), (.rowLocks, ["masters"]),
                (.everything, listed + ["streets", "settings"]),
            ]
        case .declineOffer: [(.writes, ["offers"]), (.rowLocks, ["orders", "masters"])]
        case .explainOffer: [(.everything, ["offers", "orders", "masters", "settings", "order_status_history"])]
        case .distributionMetrics: [(.writes, ["distribution_metrics"]), (.everything, ["orders", "offers"])]
        case .commit, .supervision: []
        }
    }

    private static let tables = [
        "offers", "orders", "masters", "order_status_history", "cities", "districts", "streets", "settings",
        "distribution_metrics",
    ]

    /// A row for each table that is locked, and how strongly.
    static let query = Statement(
        "offersd_try_table_locks",
        sql: """
            SELECT t.relation, max(m.strength)::bigint
            FROM (VALUES \(tables.map { "('\($0)')" }.joined(separator: ", "))) AS t (relation)
            JOIN pg_locks l ON l.relation = to_regclass(t.relation)::oid AND l.locktype = 'relation'
                AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND l.pid IS DISTINCT FROM pg_backend_pid()
            JOIN (VALUES ('ShareLock', 1), ('ShareRowExclusiveLock', 1), ('ExclusiveLock', 2), ('AccessExclusiveLock', 3))
                AS m (mode, strength) ON m.mode = l.mode
            GROUP BY t.relation
            """)
}
