/// One history of one database cluster. Two servers with the same one have the same commits, as far as both have come.
package struct ServerHistory: Sendable, Hashable {
    /// The cluster: `pg_control_system().system_identifier`. Nil if the role may not ask.
    package let systemIdentifier: Int64?
    /// Which of its timelines: each promotion begins one with a higher number (PostgreSQL manual, section 26.3.5). Nil
    /// if the role may not ask, and of a server in recovery, which follows others' timelines.
    package let timeline: UInt32?

    package init(systemIdentifier: Int64?, timeline: UInt32?) {
        self.systemIdentifier = systemIdentifier
        self.timeline = timeline
    }

    /// Whether `other` is an earlier timeline of the same cluster.
    func supersedes(_ other: ServerHistory) -> Bool {
        guard systemIdentifier == other.systemIdentifier, let timeline, let earlier = other.timeline else {
            return false
        }
        return timeline > earlier
    }
}

/// What a server said of itself when a connection to it was opened.
package struct ServerReport: Sendable, Equatable {
    /// What a server does with writes.
    package enum Role: Sendable, Equatable {
        /// It takes them.
        case primary
        /// It is not in recovery, and refuses them: its default for transactions is read-only.
        case readOnly
        /// It is in recovery. What it lists may be stale: even a synchronous standby confirms the flush, not the
        /// replay.
        case standby
    }

    package let history: ServerHistory
    package let role: Role

    package init(history: ServerHistory, role: Role) {
        self.history = history
        self.role = role
    }
}

/// The first question on each connection, asked before anything is set. Each name in it is in full, and there is no
/// operator that a search path could replace. It is one message of the simple protocol, and so one transaction, in
/// which no time limit of the role's applies.
struct ServerQuestion {
    /// The answer.
    struct Answer: Sendable {
        /// Of the process that answered. A pooler tells another number when the connection is opened.
        let processID: Int32
        let isInRecovery: Bool
        /// Whether transactions are read-only by default.
        let isReadOnly: Bool
        /// Whether that default comes from the role, the database or the connection, and not from the server.
        var isDefaultForeign = false
        let history: ServerHistory

        /// With what ``ServerQuestion/source`` was answered by.
        func withSource(of rows: QueryResult) -> Answer {
            var answer = self
            let foreign = ["client", "global", "database", "user", "database user", "session"]
            answer.isDefaultForeign = rows.rowCount == 1 && foreign.contains(rows.text(row: 0, column: 0) ?? "")
            return answer
        }

        /// A default of the role's says nothing of the server.
        var report: ServerReport {
            let role: ServerReport.Role =
                isInRecovery ? .standby : isReadOnly && !isDefaultForeign ? .readOnly : .primary
            return ServerReport(history: history, role: role)
        }
    }

    /// Where the read-only default comes from. Asked only where there is one: it takes a look at all settings.
    static let source = """
        SET LOCAL statement_timeout = 0; SET LOCAL work_mem = '4MB';
        SELECT s.source FROM pg_catalog.pg_settings AS s
            WHERE s.name OPERATOR(pg_catalog.=) 'default_transaction_read_only'
        """

    /// How many questions there are: a role may have been denied what the first one asks, and then the next is asked.
    static let count = 3

    /// Question `number` to a server of this version.
    static func text(_ number: Int, serverVersion: Int32) -> String {
        // Since version 17.
        let limits = serverVersion >= 170_000 ? "SET LOCAL transaction_timeout = 0; " : ""
        return limits + "SET LOCAL statement_timeout = 0; " + texts[number]
    }

    private static let texts = [
        text(
            systemIdentifier: "(SELECT s.system_identifier FROM pg_catalog.pg_control_system() AS s)", walFile: walFile),
        text(systemIdentifier: "NULL", walFile: walFile),
        text(systemIdentifier: "NULL", walFile: "NULL"),
    ]

    /// The name of the file that the server writes to, whose first eight digits are the timeline. (What
    /// `pg_control_checkpoint` tells lags behind a promotion.)
    static let walFile = """
        CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL
            ELSE pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()) END
        """

    private static func text(systemIdentifier: String, walFile: String) -> String {
        """
        SELECT pg_catalog.pg_backend_pid(), pg_catalog.pg_is_in_recovery(),
            pg_catalog.current_setting('default_transaction_read_only'),
            \(systemIdentifier), \(walFile)
        """
    }

    /// Reads an answer, whose values are texts.
    ///
    /// - Returns: Nil if it is not one.
    static func decode(_ rows: QueryResult) -> Answer? {
        guard rows.rowCount == 1, let processID = rows.text(row: 0, column: 0).flatMap({ Int32($0) }) else {
            return nil
        }
        return Answer(
            processID: processID,
            isInRecovery: rows.text(row: 0, column: 1) == "t",
            isReadOnly: rows.text(row: 0, column: 2) == "on",
            history: ServerHistory(
                systemIdentifier: rows.text(row: 0, column: 3).flatMap { Int64($0) },
                timeline: rows.text(row: 0, column: 4).flatMap(timeline(ofWALFile:))))
    }

    /// The first eight hexadecimal digits of the name (PostgreSQL manual, section 30.6).
    static func timeline(ofWALFile name: String) -> UInt32? { UInt32(name.prefix(8), radix: 16) }
}
