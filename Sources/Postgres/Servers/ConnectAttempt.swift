internal import CLibPQ
import Deadlines
import Glibc

/// One attempt to open a connection to one address and to learn what server is there. It belongs to one thread, which
/// polls its descriptor and calls `advance`; nothing in it waits. Source: libpq manual, section 34.1 (PQconnectPoll).
@safe final class ConnectAttempt {
    /// An open connection that has answered the first question.
    struct Opened {
        let connection: LibPQConnection
        let answer: ServerQuestion.Answer
        /// Whether a pooler is in between, or must be thought to be: the server process may change with each
        /// transaction.
        let isPooled: Bool
    }

    private enum Phase {
        case connecting(PostgresPollingStatusType)
        /// The question with this number was sent.
        case asking(Int)
        /// The server is read-only, and it was asked where that comes from.
        case askingSource(ServerQuestion.Answer)
        case answered(ServerQuestion.Answer)
        case failed(String)
    }

    private let configuration: PostgresConfiguration
    private let address: ServerAddress
    private var notices = NoticeLog()
    private var connection: OpaquePointer?
    private var phase = Phase.failed("not begun")
    /// The answer, whose end has not arrived.
    private var pending: ServerQuestion.Answer?
    /// The start-up options; nil where a pooler refuses them.
    private var options: String?
    private let support: StartupOptions.Support

    /// Begins the attempt.
    ///
    /// - Parameter options: The keyword `options`. An attempt that is refused for their sake goes on without them.
    init(_ configuration: PostgresConfiguration, _ address: ServerAddress, options: StartupOptions) {
        self.configuration = configuration
        self.address = address
        self.options = configuration.preparesStatements ? options.text : nil
        self.support = options.support
        start()
    }

    deinit {
        if let connection = unsafe connection { unsafe PQfinish(connection) }
    }

    /// What the server said; nil until it did.
    var answer: ServerQuestion.Answer? {
        if case .answered(let answer) = phase { answer } else { nil }
    }

    /// Why the attempt failed, in libpq's words; nil if it has not.
    var failure: String? {
        if case .failed(let reason) = phase { reason } else { nil }
    }

    /// What to wait for; nil when the attempt has ended.
    var waiting: pollfd? {
        let events =
            switch phase {
            case .connecting(PGRES_POLLING_READING): POLLIN
            case .connecting: POLLOUT
            case .asking, .askingSource: POLLIN
            case .answered, .failed: Int32(0)
            }
        guard events != 0, let connection = unsafe connection else { return nil }
        return unsafe pollfd(fd: PQsocket(connection), events: Int16(events), revents: 0)
    }

    /// Whether `waiting` is ready now, or will be within `timeout`.
    func isReady(within timeout: Duration = .zero) -> Bool {
        guard var entry = waiting else { return false }
        return unsafe poll(&entry, 1, timeout.pollTimeout) > 0
    }

    /// Goes on as far as it can; called when `waiting` is ready.
    func advance() {
        switch phase {
        case .connecting: connect()
        case .asking(let number): receive(number)
        case .askingSource(let answer): receiveSource(answer)
        case .answered, .failed: break
        }
    }

    /// The connection, once it has answered. The attempt has none any more.
    func take() throws(LibPQConnection.Broken) -> Opened {
        guard let connection = unsafe connection, let answer else {
            throw .init(reason: failure ?? "the server does not answer")
        }
        unsafe self.connection = nil
        let isPooled = unsafe options == nil || answer.processID != PQbackendPID(connection)
        return unsafe Opened(
            connection: try LibPQConnection(
                owning: connection, notices: notices, preparesStatements: !isPooled),
            answer: answer, isPooled: isPooled)
    }

    private func start() {
        if let connection = unsafe connection { unsafe PQfinish(connection) }
        notices = NoticeLog()
        pending = nil
        let pairs =
            address.pairs + [("target_session_attrs", "any")] + (options.map { [("options", $0)] } ?? [])
        unsafe connection = unsafe ConnectionOptions(configuration.connectionInfo, then: pairs)
            .withCStrings { unsafe PQconnectStartParams($0, $1, 1) }
        guard let connection = unsafe connection else { return phase = .failed("out of memory") }
        unsafe notices.receive(from: connection)
        guard unsafe PQstatus(connection) != CONNECTION_BAD else { return unsafe fail(connection) }
        phase = .connecting(PGRES_POLLING_WRITING)
    }

    private func connect() {
        guard let connection = unsafe connection else { return }
        let status = unsafe PQconnectPoll(connection)
        switch status {
        case PGRES_POLLING_OK:
            if unsafe PQsetnonblocking(connection, 1) == 0 { ask(0) } else { unsafe fail(connection) }
        case PGRES_POLLING_FAILED:
            unsafe refuse(connection)
        default:
            phase = .connecting(status)
        }
    }

    /// A pooler that knows no start-up options says so, each in words of its own, and gives no SQLSTATE.
    private func refuse(_ connection: OpaquePointer) {
        let reason = unsafe String(cString: PQerrorMessage(connection))
        let words = reason.lowercased()
        guard options != nil, words.contains("startup parameter") || words.contains("options") else {
            return unsafe fail(connection)
        }
        options = nil
        start()
    }

    /// A `transaction_timeout` of the role's, which version 17 brought, may end the session before anything can be set.
    /// Then the start-up packet sets it, which a server that does not know it would refuse.
    private func retry(_ serverVersion: Int32) -> Void? {
        let limit = "-c transaction_timeout=0"
        guard serverVersion >= 170_000, let options, !options.contains(limit) else { return nil }
        self.options = options + " " + limit
        return start()
    }

    private func ask(_ number: Int) {
        guard let connection = unsafe connection else { return }
        let text = unsafe ServerQuestion.text(number, serverVersion: PQserverVersion(connection))
        guard unsafe PQsendQuery(connection, text) == 1, unsafe PQflush(connection) == 0 else {
            return unsafe fail(connection)
        }
        phase = .asking(number)
    }

    private func receive(_ number: Int) {
        guard let connection = unsafe connection else { return }
        guard unsafe PQconsumeInput(connection) == 1 else { return unsafe fail(connection) }
        while unsafe PQisBusy(connection) == 0 {
            guard let pointer = unsafe PQgetResult(connection) else {
                // The end of the answer, which is an error if there is none.
                return pending.map(answered) ?? ask(number + 1)
            }
            let result = unsafe QueryResult(owning: pointer)
            if result.hasRows {
                pending = ServerQuestion.decode(result)
                if pending == nil { return phase = .failed("the server does not tell which process it is") }
                continue
            }
            guard result.status == PGRES_FATAL_ERROR else { continue }
            let (message, isStatementError) = result.serverMessage(statement: "offersd_question")
            guard isStatementError, number + 1 < ServerQuestion.count else {
                return unsafe retry(PQserverVersion(connection)) ?? (phase = .failed(message.description))
            }
        }
    }

    private func answered(_ answer: ServerQuestion.Answer) {
        if options == nil, configuration.preparesStatements { support.isRefused = true }
        guard let connection = unsafe connection, answer.isReadOnly, !answer.isInRecovery,
            unsafe PQsendQuery(connection, ServerQuestion.source) == 1, unsafe PQflush(connection) == 0
        else { return phase = .answered(answer) }
        phase = .askingSource(answer)
    }

    /// Where that cannot be told, it is taken for the server's.
    private func receiveSource(_ answer: ServerQuestion.Answer) {
        guard let connection = unsafe connection else { return }
        guard unsafe PQconsumeInput(connection) == 1 else { return unsafe fail(connection) }
        while unsafe PQisBusy(connection) == 0 {
            guard let pointer = unsafe PQgetResult(connection) else { return phase = .answered(pending ?? answer) }
            let result = unsafe QueryResult(owning: pointer)
            if result.hasRows { pending = answer.withSource(of: result) }
        }
    }

    private func fail(_ connection: OpaquePointer) {
        phase = unsafe .failed(String(cString: PQerrorMessage(connection)))
    }
}
