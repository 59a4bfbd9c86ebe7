internal import CLibPQ
import Deadlines
import Glibc

/// One libpq connection in pipeline mode. It belongs to one thread and never leaves it.
///
/// Non-blocking underneath: a caller that waits for the server does so in `poll`, until a moment of its own choosing,
/// so that a dead server never hangs a request. Source: libpq manual, section 34.5 (pipeline mode).
@safe final class LibPQConnection {
    /// The connection is of no further use; the text is libpq's, for the log.
    struct Broken: Error {
        let reason: String
    }

    private let connection: OpaquePointer
    /// Its socket, for `poll`.
    let descriptor: Int32
    private let preparesStatements: Bool
    private var statements = PreparedStatements()
    private let notices: NoticeLog

    /// Takes ownership of an open connection on which nothing is under way.
    ///
    /// - Parameter notices: What libpq tells the server's notices to.
    init(owning connection: OpaquePointer, notices: NoticeLog, preparesStatements: Bool) throws(Broken) {
        unsafe self.connection = unsafe connection
        self.descriptor = unsafe PQsocket(connection)
        self.preparesStatements = preparesStatements
        self.notices = notices
        guard unsafe PQsetnonblocking(connection, 1) == 0, unsafe PQenterPipelineMode(connection) == 1 else {
            throw broken()
        }
    }

    deinit {
        unsafe PQfinish(connection)
    }

    /// What libpq says is wrong now.
    func broken() -> Broken {
        unsafe Broken(reason: String(cString: PQerrorMessage(connection)))
    }

    /// Whether the server has said that it is in recovery. Postgres reports that whenever it changes (since version
    /// 14).
    var isInRecovery: Bool { isOn("in_hot_standby") }

    /// Whether the server has said that transactions are read-only by default, likewise.
    var isReadOnly: Bool { isOn("default_transaction_read_only") }

    /// As a number: 150018 is 15.18.
    var serverVersion: Int32 { unsafe PQserverVersion(connection) }

    /// Asked with each answer, so that no C string is made of the name each time.
    private func isOn(_ parameter: StaticString) -> Bool {
        parameter.withUTF8Buffer { name in
            unsafe name.withMemoryRebound(to: CChar.self) { name in
                guard let name = name.baseAddress, let value = unsafe PQparameterStatus(connection, name) else {
                    return false
                }
                // "on" or "off".
                return unsafe value[0] == 0x6F && value[1] == 0x6E
            }
        }
    }

    /// How many commits the server has said were not confirmed by a standby.
    var unconfirmedCommits: Int { notices.unconfirmedCommits }

    // MARK: Sending

    /// Puts a statement into the pipeline, preceded by its preparation when this connection has not seen it yet. Either
    /// way it has one result.
    func send(_ bound: BoundStatement) throws(Broken) {
        let statement = bound.statement
        guard preparesStatements, bound.isPrepared else {
            statements.sendUnprepared()
            let types = statement.parameterTypes.map(\.rawValue)
            let sent = unsafe ParameterEncoder.withEncoded(bound.parameters) { count, values, lengths, formats in
                unsafe PQsendQueryParams(connection, statement.sql, count, types, values, lengths, formats, 1)
            }
            guard sent == 1 else { throw broken() }
            return
        }
        let (name, isNew) = statements.send(statement)
        if isNew {
            let types = statement.parameterTypes.map(\.rawValue)
            guard unsafe PQsendPrepare(connection, statement.name, statement.sql, Int32(types.count), types) == 1 else {
                throw broken()
            }
        }
        let sent = unsafe ParameterEncoder.withEncoded(bound.parameters) { count, values, lengths, formats in
            unsafe name.withUnsafeBufferPointer {
                unsafe PQsendQueryPrepared(connection, $0.baseAddress, count, values, lengths, formats, 1)
            }
        }
        guard sent == 1 else { throw broken() }
    }

    /// Whether a preparation is not answered. If it fails, so does what was sent since and relies on it.
    var isPreparing: Bool { statements.arePending }

    /// Ends a unit of the pipeline: an error before this point touches nothing after it. Sends what it can at once.
    func sync() throws(Broken) {
        guard unsafe PQpipelineSync(connection) == 1 else { throw broken() }
    }

    /// Sends what can leave at once. Returns whether all has left.
    func flushNow() throws(Broken) -> Bool {
        switch unsafe PQflush(connection) {
        case 0: return true
        case 1: return false
        default: throw broken()
        }
    }

    /// Sends what has not left yet, reading meanwhile so that both sides never wait for each other.
    func flush(until limit: MonotonicTime) throws(Broken) {
        while true {
            switch unsafe PQflush(connection) {
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
            while unsafe PQisBusy(connection) != 0 {
                guard try wait(for: Int16(POLLIN), until: limit) else { return .timedOut }
                try consumeInput()
            }
            // A NULL only separates the results of two statements.
            guard let pointer = unsafe PQgetResult(connection) else {
                guard unsafe PQstatus(connection) == CONNECTION_OK else { throw broken() }
                continue
            }
            let result = unsafe QueryResult(owning: pointer)
            if result.status == PGRES_PIPELINE_SYNC { return .synchronized }
            if statements.take(result.kind) { return .result(result) }
        }
    }

    /// Whether the server has sent something by then that was not looked at, be it only a part of a result.
    func hasInput(until limit: MonotonicTime) throws(Broken) -> Bool {
        if unsafe PQisBusy(connection) == 0 { return true }
        guard try wait(for: Int16(POLLIN), until: limit) else { return false }
        try consumeInput()
        return true
    }

    /// Reads what has arrived, without waiting. Throws when the server has closed the connection.
    func consumeInput() throws(Broken) {
        guard unsafe PQconsumeInput(connection) == 1 else { throw broken() }
    }

    /// Whether the server is inside a transaction block, failed or not.
    var isInTransaction: Bool { unsafe PQtransactionStatus(connection) != PQTRANS_IDLE }

    /// Leaves a transaction block that failed, if there is one, so that its locks are gone. Returns whether that
    /// succeeded.
    func rollBack(until limit: MonotonicTime) -> Bool {
        guard isInTransaction else { return true }
        do {
            try send(BoundStatement(Ending.rollback.statement))
            try sync()
            try flush(until: limit)
            while true {
                let event = try next(until: limit)
                switch event {
                case .timedOut: return false
                case .synchronized: return !isInTransaction
                case .result: break
                }
            }
        } catch {
            return false
        }
    }

    // MARK: Waiting

    /// Waits for the socket until `limit`; false when the time is over first.
    private func wait(for events: Int16, until limit: MonotonicTime) throws(Broken) -> Bool {
        while true {
            var entry = pollfd(fd: descriptor, events: events, revents: 0)
            let remaining = MonotonicTime.now().duration(to: limit)
            let ready = unsafe poll(&entry, 1, remaining.pollTimeout)
            if ready > 0 { return true }
            if ready == 0, MonotonicTime.now() >= limit { return false }
            if ready < 0, errno != EINTR { throw Broken(reason: unsafe "poll: \(String(cString: strerror(errno)))") }
        }
    }
}

/// Keeps of the notices of one connection what matters; libpq calls it on the connection's thread. No notice is
/// printed, as libpq would do.
final class NoticeLog {
    /// The warnings that a commit was not confirmed by a standby. They come from the one function of the server that
    /// waits for standbys (syncrep.c): a warning that a trigger raises at COMMIT has another source.
    private(set) var unconfirmedCommits = 0

    /// Has the notices of `connection` told to this object, which must live as long.
    func receive(from connection: OpaquePointer) {
        unsafe PQsetNoticeReceiver(connection, NoticeLog.receiver, Unmanaged.passUnretained(self).toOpaque())
    }

    private static let receiver: PQnoticeReceiver = { context, result in
        guard let context = unsafe context, let result = unsafe result,
            let severity = unsafe PQresultErrorField(result, Int32(UInt8(ascii: "V"))),
            unsafe strcmp(severity, "WARNING") == 0,
            let state = unsafe PQresultErrorField(result, Int32(UInt8(ascii: "C"))),
            unsafe strcmp(state, "01000") == 0 || strcmp(state, "57P01") == 0,
            let source = unsafe PQresultErrorField(result, Int32(UInt8(ascii: "R"))),
            unsafe strcmp(source, "SyncRepWaitForLSN") == 0
        else { return }
        unsafe Unmanaged<NoticeLog>.fromOpaque(context).takeUnretainedValue().unconfirmedCommits += 1
    }
}
