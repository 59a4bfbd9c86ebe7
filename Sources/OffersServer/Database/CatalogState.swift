import Postgres

/// What changes when the catalog changes what a write meets: columns, rights, triggers and their functions,
/// constraints, indexes, policies, rules, defaults, sequences, partitions and the labels of enums.
///
/// Each row of the catalog has in `xmin` the transaction that made it (PostgreSQL manual, section 5.5), whether that
/// changed the row or only wrote it again. VACUUM and ANALYZE leave it alone.
struct CatalogState: Sendable, Equatable {
    private let digest: String

    init(_ rows: QueryResult) throws(ResultMismatch) {
        digest = try rows.requiredText(row: 0, column: 0)
    }

    static let query = Statement(
        "offersd_catalog",
        sql: """
            WITH tables AS (
                SELECT to_regclass(t.relation)::oid AS oid
                FROM (VALUES ('offers'), ('orders'), ('masters'), ('order_status_history')) AS t (relation)
                UNION SELECT p.relid FROM pg_partition_tree(to_regclass('order_status_history')) AS p),
            entries AS (
                SELECT c.xmin, c.oid, 0 AS part FROM pg_class c JOIN tables t ON t.oid = c.oid
                UNION ALL SELECT a.xmin, a.attrelid, a.attnum FROM pg_attribute a JOIN tables t ON t.oid = a.attrelid
                UNION ALL SELECT e.xmin, e.oid, 0
                    FROM pg_enum e WHERE e.enumtypid IN (
                        SELECT a.atttypid FROM pg_attribute a JOIN tables t ON t.oid = a.attrelid)
                UNION ALL SELECT g.xmin, g.oid, 0 FROM pg_trigger g JOIN tables t ON t.oid = g.tgrelid
                UNION ALL SELECT p.xmin, p.oid, 0
                    FROM pg_proc p WHERE p.oid IN (SELECT g.tgfoid FROM pg_trigger g JOIN tables t ON t.oid = g.tgrelid)
                UNION ALL SELECT c.xmin, c.oid, 0 FROM pg_constraint c JOIN tables t ON t.oid = c.conrelid
                UNION ALL SELECT i.xmin, i.indexrelid, 0 FROM pg_index i JOIN tables t ON t.oid = i.indrelid
                UNION ALL SELECT p.xmin, p.oid, 0 FROM pg_policy p JOIN tables t ON t.oid = p.polrelid
                UNION ALL SELECT r.xmin, r.oid, 0 FROM pg_rewrite r JOIN tables t ON t.oid = r.ev_class
                UNION ALL SELECT d.xmin, d.oid, 0 FROM pg_attrdef d JOIN tables t ON t.oid = d.adrelid
                UNION ALL SELECT q.xmin, q.seqrelid, 0
                    FROM pg_sequence q JOIN (\(Inspection.sequences(of: "to_regclass('order_status_history')"))) s
                        ON s.oid = q.seqrelid)
            SELECT md5(string_agg(concat_ws(':', e.oid, e.part, e.xmin), ' ' ORDER BY e.oid, e.part, e.xmin::text))
            FROM entries e
            """)
}
