import AsyncHTTPClient
import JSONRPC
import NIOCore
import NIOHTTP1

/// The Bot API over HTTP. It makes one attempt per call; the caller decides whether to make another.
///
/// Every call has a deadline of its own, for something in between may acknowledge bytes to an end that is gone. After a
/// call without an answer, later ones have new connections. Polling has one of its own; when it gets no answer, all are
/// made anew.
struct BotAPI: Sendable {
    private let calls: Connections
    private let polls: Connections
    private let base: String
    private let token: Token

    /// How long an answer may take.
    static let timeout: Duration = .seconds(8)
    /// 100 updates with the longest texts are far shorter.
    private static let maximumAnswer = 16 << 20

    private init(calls: Connections, polls: Connections, base: String, token: Token) {
        self.calls = calls
        self.polls = polls
        self.base = base
        self.token = token
    }

    /// Lends the API for the time of `body`.
    ///
    /// - Parameter base: Such as `https://api.telegram.org`.
    static func withConnections<Value>(
        base: String, token: Token, _ body: (BotAPI) async throws -> Value
    ) async throws -> Value {
        // More than two for each update in hand (its answer and its screen): no call waits for a connection.
        let calls = Connections(limit: 2 * PollingState.mostInHand + 200)
        let polls = Connections(limit: 1)
        let outcome: Result<Value, any Error>
        do {
            outcome = .success(try await body(BotAPI(calls: calls, polls: polls, base: base, token: token)))
        } catch {
            outcome = .failure(error)
        }
        await calls.close()
        await polls.close()
        return try outcome.get()
    }

    /// Makes a request and returns the `result` of its answer.
    ///
    /// - Throws: ``BotError``, `CancellationError`.
    @discardableResult
    func call(_ request: BotRequest, timeout: Duration = BotAPI.timeout) async throws -> JSONValue {
        var writer = JSONWriter()
        request.encode(to: &writer)
        let body = writer.buffer
        let connections = if case .getUpdates = request { polls } else { calls }
        let (status, retryAfter, answer) = try await connections.use(isDead: Self.isNoAnswer) { client in
            try await withDeadline(timeout) {
                var http = HTTPClientRequest(url: "\(base)/bot\(token.secret)/\(request.method)")
                http.method = .POST
                http.headers.add(name: "content-type", value: "application/json")
                http.body = .bytes(body)
                let response = try await client.execute(http, timeout: TimeAmount(timeout))
                let answer = try await response.body.collect(upTo: Self.maximumAnswer)
                return (Int(response.status.code), response.headers.first(name: "retry-after"), answer)
            }
        }
        return try BotError.result(status: status, retryAfter: retryAfter, body: try? JSONValue(parsing: answer))
    }

    /// Gives up all connections: what has happened to one may have happened to each.
    func renewConnections() async {
        await calls.renew()
        await polls.renew()
    }

    private static func isNoAnswer(_ error: any Error) -> Bool {
        if case BotError.noAnswer = error { true } else { false }
    }

    /// The time is bounded here, too, because the client's bound does not cover a body that trickles.
    private func withDeadline<Value: Sendable>(
        _ timeout: Duration, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        do {
            return try await withThrowingTaskGroup(of: Value?.self) { group in
                group.addTask { try await body() }
                group.addTask {
                    try await Task.sleep(for: timeout)
                    return nil
                }
                defer { group.cancelAll() }
                guard let value = try await group.next() ?? nil else { throw BotError.noAnswer("none in time") }
                return value
            }
        } catch let error as BotError {
            throw error
        } catch {
            try Task.checkCancellation()
            throw BotError.noAnswer(token.redacted("\(error)"))
        }
    }
}
