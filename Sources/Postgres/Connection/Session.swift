import Deadlines

/// A connection that is ready for work, and what is known of the server process behind it.
///
/// An object, because each request reaches for its connection a dozen times. It belongs to one thread at a time.
final class Session {
    /// What works, and an operator should know.
    enum Note: CaseIterable, Sendable {
        case pooled, foreignReadOnlyDefault, unknownHistory, unknownBackend

        /// A sentence. Clients may see it.
        var text: String {
            switch self {
            case .pooled:
                "A pooler is in between: no statement is prepared, and no setting is left in a session."
            case .foreignReadOnlyDefault:
                "default_transaction_read_only is set for the role, the database or the connection, and is overruled: "
                    + "the same setting of the server is not seen."
            case .unknownHistory:
                "The role may not execute pg_control_system or pg_walfile_name: "
                    + "two servers that take writes are not told apart."
            case .unknownBackend:
                "The role does not see its own sessions in pg_stat_activity: "
                    + "a write whose connection breaks may stay of unknown outcome."
            }
        }
    }

    let connection: LibPQConnection
    /// Nil behind a transaction pooler, where the process changes with every transaction, and where the role may not
    /// know.
    let backend: Backend?
    let notes: Set<Note>
    /// What a unit of reads begins with, and what it ends with: behind a pooler it is a transaction with settings of
    /// its own.
    let readLead: [BoundStatement]
    let readTail: [BoundStatement]
    /// What a transaction begins with.
    let writeLead: [BoundStatement]
    private let watch: ServerWatch
    private let term: UInt64
    private let isPooled: Bool
    private let hasForeignDefault: Bool

    /// Completes what the start-up packet could not set, on a connection straight to the server. Behind a pooler
    /// nothing is set, as it would stick to another client's session.
    ///
    /// - Parameter limit: Until when the server may answer that.
    init(
        _ opened: ConnectAttempt.Opened, _ settings: SessionSettings, watch: ServerWatch, term: UInt64,
        until limit: MonotonicTime
    ) throws(LibPQConnection.Broken) {
        connection = opened.connection
        self.watch = watch
        self.term = term
        isPooled = opened.isPooled
        hasForeignDefault = opened.answer.isReadOnly && opened.answer.isDefaultForeign
        var notes: Set<Note> = []
        if opened.isPooled { notes.insert(.pooled) }
        if hasForeignDefault { notes.insert(.foreignReadOnlyDefault) }
        if opened.answer.history.systemIdentifier == nil || opened.answer.history.timeline == nil {
            notes.insert(.unknownHistory)
        }
        let version = opened.connection.serverVersion
        if opened.isPooled {
            let knowsTimeline = opened.answer.history.timeline != nil
            readLead = [
                BoundStatement(Session.begin), BoundStatement(Session.noTimeout),
                BoundStatement(Session.pooledReads(settings, version, knowsTimeline: knowsTimeline)),
            ]
            readTail = [BoundStatement(Ending.commit.statement)]
            writeLead = [
                BoundStatement(hasForeignDefault ? Session.beginReadWrite : Session.begin),
                BoundStatement(Session.noTimeout),
                BoundStatement(Session.pooledWrites(settings, version)),
            ]
            backend = nil
        } else {
            (readLead, readTail) = ([], [])
            writeLead = [BoundStatement(Session.begin)]
            backend = try Session.complete(connection, version, overrulesReadOnly: hasForeignDefault, until: limit)
            if backend == nil { notes.insert(.unknownBackend) }
        }
        self.notes = notes
    }

    /// Whether the connection goes to the server in use, so that it is worth while to wait for its answer.
    var isCurrent: Bool { watch.isCurrent(term) }

    /// Whether a transaction may be sent at once.
    var isFresh: Bool { watch.isFresh(term: term) }

    /// Returns when a transaction may be sent, by `limit`. See ``ServerWatch/confirmServerBeforeSending(term:until:)``.
    func confirmServerBeforeSending(until limit: MonotonicTime) throws(LibPQConnection.Broken) {
        try watch.confirmServerBeforeSending(term: term, until: limit)
    }

    /// Returns if what was asked at `sent`, and has just been answered, counts.
    ///
    /// - Parameter lead: The answer of the last statement of `readLead`, if there is one: libpq hears nothing of the
    ///   server's state through a pooler.
    /// - Parameter limit: Until when that may be found out; nil: for the time of a read's proof.
    /// - Parameter meanwhile: Called every few milliseconds while that is found out.
    /// - Throws: When it does not count; the connection is of no further use.
    func confirmServer(
        sent: MonotonicTime, lead: QueryResult? = nil, needsProof: Bool = true, until limit: MonotonicTime? = nil,
        meanwhile: () -> Void = {}
    ) throws(LibPQConnection.Broken) {
        var (isInRecovery, isReadOnly) = (connection.isInRecovery, connection.isReadOnly)
        var timeline: UInt32?
        if let lead {
            isInRecovery = (try? lead.bool(row: 0, column: 0)) == true
            isReadOnly = lead.text(row: 0, column: 1) == "on"
            timeline = lead.text(row: 0, column: 2).flatMap(ServerQuestion.timeline(ofWALFile:))
        }
        try watch.confirmServer(
            term: term, isInRecovery: isInRecovery, isReadOnly: isReadOnly && !hasForeignDefault, timeline: timeline,
            sent: sent, needsProof: needsProof, until: limit, meanwhile: meanwhile)
    }

    // MARK: Statements

    /// Names the process, and makes the settings that the start-up packet cannot make for all versions and roles.
    ///
    /// - Returns: Nil if the role may not see itself in `pg_stat_activity`, as a role that another one has become by
    ///   `ALTER ROLE … SET role` may not.
    private static func complete(
        _ connection: LibPQConnection, _ version: Int32, overrulesReadOnly: Bool, until limit: MonotonicTime
    ) throws(LibPQConnection.Broken) -> Backend? {
        var settings: [String] = []
        if version >= 170_000 { settings.append("set_config('transaction_timeout', '0', false)") }
        if overrulesReadOnly { settings.append("set_config('default_transaction_read_only', 'off', false)") }
        if !settings.isEmpty {
            _ = try UnitReader.run(
                Statement("offersd_session", sql: "SELECT \(settings.joined(separator: ", "))"), connection,
                until: limit
            )
            .rows()
        }
        guard case .rows(let rows) = try UnitReader.run(backendQuery, connection, until: limit), rows.rowCount == 1,
            let processID = try? rows.integer(row: 0, column: 0), let started = try? rows.timestamp(row: 0, column: 1),
            let serverStarted = try? rows.timestamp(row: 0, column: 2)
        else { return nil }
        return Backend(
            processID: Int32(truncatingIfNeeded: processID), started: started, serverStarted: serverStarted)
    }

    private static let backendQuery = Statement(
        "offersd_backend",
        sql: """
            SELECT a.pid, a.backend_start, pg_postmaster_start_time()
            FROM pg_stat_activity a WHERE a.pid = pg_backend_pid()
            """)

    // READ COMMITTED whatever the default, so that every statement sees what was committed while it waited for locks.
    // Not READ WRITE: a server that was demoted must refuse.
    private static let begin = Statement("offersd_begin", sql: "BEGIN ISOLATION LEVEL READ COMMITTED")
    /// Where the role's own default is to be read-only, which says nothing of the server.
    private static let beginReadWrite = Statement(
        "offersd_begin_write", sql: "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")
    /// So that the time limit of the role does not apply to these settings.
    private static let noTimeout = Statement("offersd_no_timeout", sql: "SET LOCAL statement_timeout = 0")

    /// The settings of a transaction that depend on it. Its parameters are `statement_timeout` and `lock_timeout` in
    /// milliseconds. An acknowledged commit must survive a crash, and the loss of the primary where there is a
    /// synchronous standby, even where the default is not to wait for that.
    static let limits = Statement(
        "offersd_limits", parameters: [.int8, .int8],
        sql: """
            SELECT set_config('statement_timeout', $1::text, true), set_config('lock_timeout', $2::text, true),
                set_config('synchronous_commit',
                    CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' WHEN 'local' THEN 'on'
                    ELSE current_setting('synchronous_commit') END, true)
            """)

    private static func pooledWrites(_ settings: SessionSettings, _ version: Int32) -> Statement {
        Statement("offersd_pooled_writes", sql: "SELECT \(settings.columns(serverVersion: version))")
    }

    private static func pooledReads(
        _ settings: SessionSettings, _ version: Int32, knowsTimeline: Bool
    ) -> Statement {
        Statement(
            "offersd_pooled_reads",
            sql: """
                SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('default_transaction_read_only'),
                    \(knowsTimeline ? ServerQuestion.walFile : "NULL"), \(settings.columns(serverVersion: version))
                """)
    }
}

/// Runs a single statement on a connection that has nothing else to do, and waits for its end.
enum UnitReader {
    enum Unit {
        case rows(QueryResult)
        case failed(ServerMessage)

        /// The rows; an error ends the connection.
        func rows() throws(LibPQConnection.Broken) -> QueryResult {
            switch self {
            case .rows(let rows): return rows
            case .failed(let message): throw .init(reason: message.description)
            }
        }
    }

    static func run(
        _ statement: Statement, _ connection: LibPQConnection, until limit: MonotonicTime
    ) throws(LibPQConnection.Broken) -> Unit {
        try connection.send(BoundStatement(statement))
        try connection.sync()
        try connection.flush(until: limit)
        var rows: QueryResult?
        var failure: ServerMessage?
        while true {
            let event = try connection.next(until: limit)
            switch event {
            case .timedOut:
                throw LibPQConnection.Broken(reason: "the server does not answer")
            case .result(let result):
                switch try result.answer(to: statement.name) {
                case .done(let result): if result.hasRows { rows = result }
                case .refused(let message): failure = failure ?? message
                case .skipped: break
                }
            case .synchronized:
                if let failure { return .failed(failure) }
                if let rows { return .rows(rows) }
                throw LibPQConnection.Broken(reason: "the server gave no rows")
            }
        }
    }
}
