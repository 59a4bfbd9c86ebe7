import AsyncHTTPClient
import JSONRPC
import NIOCore
import NIOHTTP1
import NIOPosix

/// The Bot API over HTTP. It makes one attempt per call; who calls decides whether to make another.
struct BotAPI: Sendable {
    private let client: HTTPClient
    private let base: String
    private let token: Token

    /// How long an answer may take, getUpdates' own waiting aside.
    static let patience: Duration = .seconds(10)
    /// 100 updates with the longest texts are far shorter.
    private static let maximumAnswer = 16 << 20

    /// - Parameters:
    ///   - client: For all requests. Its connections per host must be more than two for each update in hand (its answer and
    ///     its screen), or a tap's answer would wait for other chats' screens, and so would getUpdates.
    ///   - base: Such as `https://api.telegram.org`.
    init(client: HTTPClient, base: String, token: Token) {
        self.client = client
        self.base = base
        self.token = token
    }

    /// A client for the API: many connections, so that nothing waits for anything else.
    static func withHTTPClient<Value>(_ body: (HTTPClient) async throws -> Value) async throws -> Value {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        // One connection per request in flight; in one HTTP/2 connection they would share its fate.
        configuration.httpVersion = .http1Only
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 1280
        configuration.timeout.connect = .seconds(5)
        let client = HTTPClient(eventLoopGroup: MultiThreadedEventLoopGroup.singleton, configuration: configuration)
        do {
            let value = try await body(client)
            try? await client.shutdown()
            return value
        } catch {
            try? await client.shutdown()
            throw error
        }
    }

    /// Makes a request and returns the `result` of its answer.
    ///
    /// - Throws: ``BotError``, `CancellationError`.
    @discardableResult
    func call(_ request: BotRequest, patience: Duration = BotAPI.patience) async throws -> JSONValue {
        var writer = JSONWriter(into: ByteBuffer())
        request.encode(to: &writer)
        let body = writer.buffer
        let (status, retryAfter, answer) = try await withDeadline(patience) {
            var http = HTTPClientRequest(url: "\(base)/bot\(token.secret)/\(request.method)")
            http.method = .POST
            http.headers.add(name: "content-type", value: "application/json")
            http.body = .bytes(body)
            let response = try await client.execute(http, timeout: TimeAmount(patience))
            let answer = try await response.body.collect(upTo: Self.maximumAnswer)
            return (Int(response.status.code), response.headers.first(name: "retry-after"), answer)
        }
        return try BotError.result(status: status, retryAfter: retryAfter, body: try? JSONValue(parsing: answer))
    }

    /// The time is bounded here, too, because the client's bound does not cover a body that trickles.
    private func withDeadline<Value: Sendable>(
        _ patience: Duration, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        do {
            return try await withThrowingTaskGroup(of: Value?.self) { group in
                group.addTask { try await body() }
                group.addTask {
                    try await Task.sleep(for: patience)
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
