/// A connection that is ready for work, and what is known of the server process behind it.
struct Session {
    let connection: LibPQConnection
    /// Nil behind a transaction pooler, where the process changes with every transaction.
    let backend: Backend?

    /// Connects and makes the session's settings. Behind a pooler nothing is set, as it would stick to a stranger.
    init(
        _ configuration: PostgresConfiguration, statementTimeoutMilliseconds: Int64, looksUpByKey: Bool
    ) throws(LibPQConnection.Broken) {
        connection = try LibPQConnection(configuration)
        guard configuration.preparesStatements else {
            backend = nil
            return
        }
        _ = try connection.send(
            BoundStatement(
                looksUpByKey ? Session.lookupSettings : Session.settings, [.text(String(statementTimeoutMilliseconds))])
        )
        try connection.sync()
        let limit = MonotonicTime.now().advanced(byMilliseconds: 2000)
        try connection.flush(until: limit)
        let unit = try UnitReader.read(connection, limit: limit)
        switch unit {
        case .rows(let rows):
            do {
                backend = Backend(
                    processID: Int32(truncatingIfNeeded: try rows.requiredInteger(row: 0, column: 0)),
                    started: try rows.requiredTimestamp(row: 0, column: 1),
                    serverStarted: try rows.requiredTimestamp(row: 0, column: 2))
            } catch {
                throw LibPQConnection.Broken(reason: "the server does not tell which process it is")
            }
        case .failed(let message):
            throw LibPQConnection.Broken(reason: message.description)
        }
    }

    private static let settings = Statement("offersd_session", parameters: [.text], sql: sql([:]))

    /// For statements that look up a few rows by their keys: the way is known, whatever the statistics say of the day.
    /// With bitmaps and hashes, which pay with many rows, a list costs the server about 5 % more.
    /// One plan does for all parameters: the server would make five on each connection, of 2 ms each, before it believes
    /// that. And where an index is missing, a plan that has to do without is taken for so dear that it is compiled.
    private static let lookupSettings = Statement(
        "offersd_lookup_session", parameters: [.text],
        sql: sql([
            "enable_bitmapscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off", "enable_seqscan": "off",
            "jit": "off", "plan_cache_mode": "force_generic_plan",
        ]))

    /// Reads must not inherit a stricter isolation or a lock timeout of the role: a list is one statement with a
    /// snapshot of its own, and a timeout is ours to decide.
    private static func sql(_ settings: KeyValuePairs<String, String>) -> String {
        """
        SELECT a.pid, a.backend_start, pg_postmaster_start_time(),
            set_config('statement_timeout', $1, false),
            set_config('lock_timeout', '0', false),
            set_config('default_transaction_isolation', 'read committed', false)
            \(settings.map { ", set_config('\($0)', '\($1)', false)" }.joined())
        FROM pg_stat_activity a WHERE a.pid = pg_backend_pid()
        """
    }
}

/// Reads the results of a single statement up to the sync behind it.
enum UnitReader {
    enum Unit {
        case rows(QueryResult)
        case failed(ServerMessage)
    }

    static func read(_ connection: LibPQConnection, limit: MonotonicTime)
        throws(LibPQConnection.Broken) -> Unit
    {
        var rows: QueryResult?
        var failure: ServerMessage?
        while true {
            let event = try connection.next(until: limit)
            switch event {
            case .timedOut:
                throw LibPQConnection.Broken(reason: "the server does not answer")
            case .result(let result):
                if let message = try result.failure(statement: "session") {
                    failure = failure ?? message
                } else if result.hasRows {
                    rows = result
                }
            case .synchronized:
                if let failure { return .failed(failure) }
                if let rows { return .rows(rows) }
                throw LibPQConnection.Broken(reason: "the server gave no rows")
            }
        }
    }
}
