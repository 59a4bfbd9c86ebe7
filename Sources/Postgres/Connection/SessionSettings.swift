import Deadlines

/// The settings that the statements depend on, whatever the role, the database, the pooler or the environment set.
///
/// A connection straight to a server has them from its start-up packet, so that they count for its very first statement
/// and beat those of `ALTER ROLE` and `ALTER DATABASE` (PostgreSQL manual, section 20.1). A connection through a pooler
/// has them in each transaction, and leaves none behind.
struct SessionSettings: Sendable {
    /// What the statements of a connection are like.
    enum Workload: Sendable {
        /// They look up a few rows by their keys.
        case lookups
        /// They are of any kind.
        case mixed
    }

    private let values: [(name: String, value: String)]

    /// - Parameters:
    ///   - schema: Where tables and types are found; temporary ones of the same names are not.
    ///   - statementTimeout: How long a statement may run.
    init(schema: String, workload: Workload, statementTimeout: Duration) {
        values =
            [
                ("search_path", "\(Self.identifier(schema)), pg_temp"),
                ("statement_timeout", String(max(1, statementTimeout.wholeMilliseconds))),
                ("lock_timeout", "0"),
                ("idle_in_transaction_session_timeout", "0"),
                ("idle_session_timeout", "0"),
                ("default_transaction_isolation", "read committed"),
                ("default_transaction_deferrable", "off"),
                // The warning that no standby has a commit must come through.
                ("client_min_messages", "warning"),
                ("standard_conforming_strings", "on"),
                ("quote_all_identifiers", "off"),
                ("transform_null_equals", "off"),
                ("row_security", "on"),
                ("check_function_bodies", "on"),
                ("DateStyle", "ISO, MDY"),
                ("IntervalStyle", "postgres"),
                ("TimeZone", "UTC"),
                ("bytea_output", "hex"),
                ("extra_float_digits", "1"),
                ("work_mem", "4MB"),
            ] + Self.planner(workload)
    }

    /// How plans are made. For `lookups` the way is known, whatever the statistics say of the day: bitmaps and hashes
    /// pay with many rows, and cost a list some 5 % of the server's work. One plan does for all parameters: the server
    /// makes five on each connection, of 2 ms each, until it believes that. Where an index is missing, a plan without
    /// it is taken for so dear that it would be compiled.
    private static func planner(_ workload: Workload) -> [(String, String)] {
        let manyRows = workload == .lookups ? "off" : "on"
        let always = [
            "enable_async_append", "enable_gathermerge", "enable_hashagg", "enable_incremental_sort",
            "enable_indexscan",
            "enable_indexonlyscan", "enable_material", "enable_memoize", "enable_nestloop", "enable_partition_pruning",
            "enable_sort", "enable_tidscan", "geqo",
        ]
        let forManyRows = ["enable_bitmapscan", "enable_hashjoin", "enable_mergejoin", "enable_seqscan"]
        return always.map { ($0, "on") } + forManyRows.map { ($0, manyRows) } + [
            ("jit", "off"), ("plan_cache_mode", workload == .lookups ? "force_generic_plan" : "auto"),
            ("max_parallel_workers_per_gather", "0"), ("from_collapse_limit", "8"), ("join_collapse_limit", "8"),
        ]
    }

    /// For the keyword `options`: the operator's come first, and those of this type win where both set the same.
    func options(after operators: String) -> String {
        let own = values.map { "-c \($0.name)=\(Self.escaped($0.value))" }
        // A backslash at the end would escape the space behind it.
        let backslashes = operators.reversed().prefix { $0 == "\\" }.count
        let first = backslashes % 2 == 1 ? String(operators.dropLast()) : operators
        return ([first].filter { !$0.isEmpty } + own).joined(separator: " ")
    }

    /// The columns of a SELECT that makes these settings for its transaction; for each of them one. The functions are
    /// named in full, because the search path is not set yet.
    func columns(serverVersion: Int32) -> String {
        var settings = values
        // Ends a session, not a statement; since version 17.
        if serverVersion >= 170_000 { settings.append(("transaction_timeout", "0")) }
        return settings.map { "pg_catalog.set_config('\($0.name)', \(Self.literal($0.value)), true)" }
            .joined(separator: ", ")
    }

    /// In double quotes, as SQL has identifiers.
    private static func identifier(_ name: String) -> String { "\"" + name.replacing("\"", with: "\"\"") + "\"" }

    /// In single quotes. With `E` a backslash means the same whatever `standard_conforming_strings` says.
    private static func literal(_ text: String) -> String {
        "E'" + text.replacing("\\", with: "\\\\").replacing("'", with: "''") + "'"
    }

    /// Spaces and backslashes in `options` are preceded by a backslash (libpq manual, section 34.1.2).
    private static func escaped(_ value: String) -> String {
        var text = ""
        for character in value {
            if character == " " || character == "\\" { text.append("\\") }
            text.append(character)
        }
        return text
    }
}
