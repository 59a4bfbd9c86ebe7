internal import CLibPQ
import Glibc

/// One libpq connection in pipeline mode. It belongs to one thread and never leaves it.
///
/// Non-blocking underneath: whoever waits for the server does so in `poll` and until a moment of its own choosing,
/// so that a dead server never hangs a request. Sources: libpq manual, sections 34.1 (connecting), 34.5 (pipeline mode).
final class LibPQConnection {
    /// The connection is of no further use; the text is libpq's, for the log.
    struct Broken: Error {
        let reason: String
    }

    private let connection: OpaquePointer
    /// Its socket, for `poll`.
    let descriptor: Int32
    private let preparesStatements: Bool
    /// The statements that this connection knows, with their names as C has them, so that no copy is made per use.
    private var prepared: [Statement: ContiguousArray<CChar>] = [:]
    /// The one that was used last, for that is mostly the next one.
    private var latest: (statement: Statement, name: ContiguousArray<CChar>)?
    private let notices = NoticeLog()
    /// Whether the connection string names several hosts, so that another one may be the primary.
    let hasSeveralHosts: Bool

    /// Connects, taking at most `connect_timeout` per host (2 s unless the connection string says otherwise).
    init(_ configuration: PostgresConfiguration) throws(Broken) {
        let severalHosts = ConnectionOptions.namesSeveralHosts(configuration.connectionInfo)
        let options = ConnectionOptions.all(for: configuration, severalHosts: severalHosts)
        guard let connection = options.withCStrings({ PQconnectdbParams($0, $1, 1) }) else {
            throw Broken(reason: "out of memory")
        }
        guard PQstatus(connection) == CONNECTION_OK else {
            let reason = String(cString: PQerrorMessage(connection))
            PQfinish(connection)
            throw Broken(reason: reason)
        }
        self.connection = connection
        self.descriptor = PQsocket(connection)
        self.preparesStatements = configuration.preparesStatements
        self.hasSeveralHosts = severalHosts
        PQsetNoticeReceiver(connection, NoticeLog.receiver, Unmanaged.passUnretained(notices).toOpaque())
        guard PQsetnonblocking(connection, 1) == 0, PQenterPipelineMode(connection) == 1 else {
            throw broken()
        }
    }

    deinit {
        PQfinish(connection)
    }

    /// What libpq says is wrong now.
    func broken() -> Broken {
        Broken(reason: String(cString: PQerrorMessage(connection)))
    }

    /// Whether the server has said that it takes no writes: it is a standby, or was told to be read-only.
    /// Postgres reports both parameters whenever they change (since version 14).
    var isReadOnly: Bool {
        isOn("in_hot_standby") || isOn("default_transaction_read_only")
    }

    private func isOn(_ parameter: String) -> Bool {
        guard let value = PQparameterStatus(connection, parameter) else { return false }
        return strcmp(value, "on") == 0
    }

    /// The number of warnings that the server has sent so far.
    var warnings: Int { notices.warnings }

    // MARK: Sending

    /// Puts a statement into the pipeline, preceded by its preparation when this connection has not seen it yet.
    /// Returns whether a preparation was sent, whose result then comes before the statement's own.
    func send(_ bound: BoundStatement) throws(Broken) -> Bool {
        let statement = bound.statement
        guard preparesStatements else {
            let types = statement.parameterTypes.map(\.rawValue)
            let sent = ParameterEncoder.withEncoded(bound.parameters) { count, values, lengths, formats in
                PQsendQueryParams(connection, statement.sql, count, types, values, lengths, formats, 1)
            }
            guard sent == 1 else { throw broken() }
            return false
        }
        let known = latest?.statement === statement ? latest?.name : prepared[statement]
        let name = known ?? statement.name.utf8CString
        if known == nil {
            let types = statement.parameterTypes.map(\.rawValue)
            guard PQsendPrepare(connection, statement.name, statement.sql, Int32(types.count), types) == 1 else {
                throw broken()
            }
        }
        let sent = ParameterEncoder.withEncoded(bound.parameters) { count, values, lengths, formats in
            name.withUnsafeBufferPointer {
                PQsendQueryPrepared(connection, $0.baseAddress, count, values, lengths, formats, 1)
            }
        }
        guard sent == 1 else { throw broken() }
        // Counted as prepared from now on, so that one pipeline can use it many times; see `forget`.
        if known == nil { prepared[statement] = name }
        latest = (statement, name)
        return known == nil
    }

    /// The preparation of `statement` did not succeed: it is sent again at the next use.
    func forget(_ statement: Statement) {
        prepared[statement] = nil
        latest = nil
    }

    /// Ends a unit of the pipeline: an error before this point touches nothing after it. Sends what it can at once.
    func sync() throws(Broken) {
        guard PQpipelineSync(connection) == 1 else { throw broken() }
    }

    /// Sends what can leave at once. Returns whether all has left.
    func flushNow() throws(Broken) -> Bool {
        switch PQflush(connection) {
        case 0: return true
        case 1: return false
        default: throw broken()
        }
    }

    /// Sends what has not left yet, reading meanwhile so that both sides never wait for each other.
    func flush(until limit: MonotonicTime) throws(Broken) {
        while true {
            switch PQflush(connection) {
            case 0: return
            case 1:
                guard try wait(for: Int16(POLLIN | POLLOUT), until: limit) else {
                    throw Broken(reason: "the server does not take what is sent")
                }
                try consumeInput()
            default: throw broken()
            }
        }
    }

    // MARK: Receiving

    /// What comes next out of the pipeline.
    enum Event {
        case result(QueryResult)
        /// The end of a unit.
        case synchronized
        /// Nothing by the time given.
        case timedOut
    }

    /// The next result or sync. Throws when the connection is lost.
    func next(until limit: MonotonicTime) throws(Broken) -> Event {
        while true {
            while PQisBusy(connection) != 0 {
                guard try wait(for: Int16(POLLIN), until: limit) else { return .timedOut }
                try consumeInput()
            }
            // A NULL only separates the results of two statements.
            guard let pointer = PQgetResult(connection) else {
                guard PQstatus(connection) == CONNECTION_OK else { throw broken() }
                continue
            }
            let result = QueryResult(owning: pointer)
            if result.status == PGRES_PIPELINE_SYNC { return .synchronized }
            return .result(result)
        }
    }

    /// Whether the server has sent something by then that was not looked at, be it only a part of a result.
    func hasInput(until limit: MonotonicTime) throws(Broken) -> Bool {
        if PQisBusy(connection) == 0 { return true }
        guard try wait(for: Int16(POLLIN), until: limit) else { return false }
        try consumeInput()
        return true
    }

    /// Reads what has arrived, without waiting. Throws when the server has closed the connection.
    func consumeInput() throws(Broken) {
        guard PQconsumeInput(connection) == 1 else { throw broken() }
    }

    /// Whether the server is inside a transaction block, failed or not.
    var isInTransaction: Bool { PQtransactionStatus(connection) != PQTRANS_IDLE }

    // MARK: Waiting

    /// Waits for the socket until `limit`; false when the time is over first.
    private func wait(for events: Int16, until limit: MonotonicTime) throws(Broken) -> Bool {
        while true {
            var entry = pollfd(fd: descriptor, events: events, revents: 0)
            let remaining = MonotonicTime.now().milliseconds(until: limit)
            let ready = poll(&entry, 1, Int32(clamping: remaining + (remaining > 0 ? 1 : 0)))
            if ready > 0 { return true }
            if ready == 0, MonotonicTime.now() >= limit { return false }
            if ready < 0, errno != EINTR { throw Broken(reason: "poll: \(String(cString: strerror(errno)))") }
        }
    }
}

/// Counts the warnings of one connection; libpq calls it on the connection's thread.
private final class NoticeLog {
    private(set) var warnings = 0

    static let receiver: PQnoticeReceiver = { context, result in
        guard let context, let result, let severity = PQresultErrorField(result, Int32(UInt8(ascii: "V"))) else {
            return
        }
        if strcmp(severity, "WARNING") == 0 {
            Unmanaged<NoticeLog>.fromOpaque(context).takeUnretainedValue().warnings += 1
        }
    }
}
