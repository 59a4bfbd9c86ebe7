import Hummingbird
import JSONRPC
import Logging
import NIOCore

/// A Bot API over real HTTP. It keeps updates until they are confirmed, checks every request, and can misbehave.
actor BotAPIDouble {
    /// A request that came.
    struct Call: Sendable {
        let method: String
        let body: JSONValue
        let moment: ContinuousClock.Instant

        var chat: Int64? { body["chat_id"]?.int64Value }
        var text: String? { body["text"]?.stringValue }
        /// All `callback_data` of its keyboard.
        var data: [String] {
            let rows = body["reply_markup"]?["inline_keyboard"]?.elements ?? []
            return rows.flatMap { $0.elements ?? [] }.compactMap { $0["callback_data"]?.stringValue }
        }
        /// Whether it puts a screen up.
        var isScreen: Bool { method == "sendMessage" || method == "editMessageText" }
    }

    /// What it does instead of its duty.
    enum Fault: Sendable {
        /// An error in the API's own form.
        case error(Int, String, retryAfter: Int? = nil)
        /// Something else than JSON.
        case raw(status: Int, String)
        /// Its duty, but so much later.
        case slow(Duration)
    }

    static let token = "4242:made-up_TOKEN"

    /// Where it is.
    private(set) var base = ""
    /// Everything that was asked, in order.
    private(set) var calls: [Call] = []
    /// What was wrong with it.
    private(set) var violations: [String] = []
    /// The highest offset that was asked for: everything before is confirmed.
    private(set) var offset: Int64 = 0
    /// The menu of the token, as JSON.
    private var commands = "[]"
    private var updates: [(id: Int64, json: String)] = []
    private var latest: String?
    private var repetitions: [String] = []
    private var presses: [String: ContinuousClock.Instant] = [:]
    private var faults: [(method: String, chat: Int64?, fault: Fault)] = []
    private var lastID: Int64 = 1000
    private var isClosed = false
    private var watchers: [(condition: ([Call]) -> Bool, continuation: CheckedContinuation<Void, Never>)] = []

    /// Lends a running double.
    static func run<Value: Sendable>(_ body: @Sendable (BotAPIDouble) async throws -> Value) async throws -> Value {
        let double = BotAPIDouble()
        let (ports, listening) = AsyncStream.makeStream(of: Int.self)
        let router = Router()
        router.post("**") { request, _ in
            try await double.answer(request.uri.path, try await request.body.collect(upTo: 1 << 20))
        }
        let application = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { listening.yield($0.localAddress?.port ?? 0) },
            logger: Logger(label: "double") { _ in SwiftLogNoOpLogHandler() })
        return try await withThrowingTaskGroup(of: Void.self) { group in
            // Another machine in life: a moment it notes is not to be the moment when other tests let it run.
            group.addTask(executorPreference: OwnThreads()) { try await application.run() }
            defer { group.cancelAll() }
            for await port in ports {
                await double.listens(on: port)
                break
            }
            let outcome: Result<Value, any Error>
            do { outcome = .success(try await body(double)) } catch { outcome = .failure(error) }
            await double.close()
            return try outcome.get()
        }
    }

    private func listens(on port: Int) { base = "http://127.0.0.1:\(port)" }
    private func close() { isClosed = true }

    // MARK: What happens in Telegram

    /// Another program has given the token a menu.
    func hasCommands() {
        commands = #"[{"command":"shift","description":"Смена"}]"#
    }

    /// Somebody writes.
    func writes(_ text: String, user: Int64) {
        add(
            """
            "message":{"message_id":1,"date":1,"chat":{"id":\(user),"type":"private","first_name":"Тест"},
            "from":{"id":\(user),"is_bot":false,"first_name":"Тест"},"text":"\(text)"}
            """)
    }

    /// Somebody presses a button of a message. Returns the id of the query.
    @discardableResult
    func presses(_ data: String, user: Int64, message: Int64 = 5) -> String {
        let query = "q\(lastID + 1)"
        presses[query] = .now
        add(
            """
            "callback_query":{"id":"\(query)","from":{"id":\(user),"is_bot":false,"first_name":"Тест"},
            "chat_instance":"1","data":"\(data)","message":{"message_id":\(message),"date":1,
            "chat":{"id":\(user),"type":"private","first_name":"Тест"},"text":"x"}}
            """)
        return query
    }

    private func add(_ event: String) {
        lastID += 1
        let update = "{\"update_id\":\(lastID),\(event)}"
        updates.append((lastID, update))
        latest = update
    }

    /// Delivers the last update once more, whether it is confirmed or not.
    func repeatsLastUpdate() {
        if let latest { repetitions.append(latest) }
    }

    /// The id of the last update.
    var lastUpdate: Int64 { lastID }

    // MARK: Misbehaviour

    /// Answers the next such request so.
    func fails(_ method: String, chat: Int64? = nil, _ fault: Fault) {
        faults.append((method, chat, fault))
    }

    // MARK: What the bot did

    /// Waits until the calls are so.
    func until(_ condition: @escaping ([Call]) -> Bool) async {
        if condition(calls) { return }
        await withCheckedContinuation { watchers.append((condition, $0)) }
    }

    /// Waits for the `count`th screen of a chat and returns it.
    func screen(_ count: Int = 1, chat: Int64) async -> Call {
        await until { $0.count { $0.isScreen && $0.chat == chat } >= count }
        return calls.filter { $0.isScreen && $0.chat == chat }[count - 1]
    }

    /// Waits for the answer to a query.
    func answer(to query: String) async -> Call {
        await until { $0.contains { $0.body["callback_query_id"]?.stringValue == query } }
        return calls.first { $0.body["callback_query_id"]?.stringValue == query }!
    }

    /// How long after its press an answer or a screen was there.
    func duration(from query: String, to call: Call) -> Duration {
        presses[query]!.duration(to: call.moment)
    }

    /// Waits until every update so far is confirmed.
    func untilConfirmed() async {
        let last = lastID
        await until { $0.contains { $0.method == "getUpdates" && $0.body["offset"]?.int64Value ?? 0 > last } }
    }

    // MARK: HTTP

    private func answer(_ path: String, _ buffer: ByteBuffer) async throws -> Response {
        let moment = ContinuousClock.now
        guard path.hasPrefix("/bot\(Self.token)/"), let method = path.split(separator: "/").last.map(String.init) else {
            return reply(401, #"{"ok":false,"error_code":401,"description":"Unauthorized"}"#)
        }
        guard let body = try? JSONValue(parsing: buffer) else {
            violations.append("\(method): no JSON")
            return reply(400, #"{"ok":false,"error_code":400,"description":"Bad Request"}"#)
        }
        let call = Call(method: method, body: body, moment: moment)
        violations += Documented.violations(method, body)
        if let index = faults.firstIndex(where: { $0.method == method && ($0.chat == nil || $0.chat == call.chat) }) {
            switch faults.remove(at: index).fault {
            case .error(let code, let text, let seconds):
                record(Call(method: "(\(method))", body: body, moment: moment))
                let parameters = seconds.map { #","parameters":{"retry_after":\#($0)}"# } ?? ""
                return reply(code, #"{"ok":false,"error_code":\#(code),"description":"\#(text)"\#(parameters)}"#)
            case .raw(let status, let text):
                record(Call(method: "(\(method))", body: body, moment: moment))
                return reply(status, text)
            case .slow(let duration):
                try await Task.sleep(for: duration)
            }
        }
        record(call)
        return reply(200, #"{"ok":true,"result":\#(try await result(method, body))}"#)
    }

    private func result(_ method: String, _ body: JSONValue) async throws -> String {
        switch method {
        case "getMe": return #"{"id":4242,"is_bot":true,"first_name":"Bot","username":"made_up_bot"}"#
        case "getMyCommands": return commands
        case "getUpdates":
            let from = body["offset"]?.int64Value ?? 0
            offset = max(offset, from)
            updates.removeAll { $0.id < from }
            let end = ContinuousClock.now + .seconds(body["timeout"]?.int64Value ?? 0)
            // A server may look at its clock: this is its long poll, not a test waiting for something.
            while updates.isEmpty, repetitions.isEmpty, .now < end, !isClosed {
                try await Task.sleep(for: .milliseconds(5))
            }
            defer { repetitions = [] }
            return "[" + (updates.prefix(100).map(\.json) + repetitions).joined(separator: ",") + "]"
        case "sendMessage", "editMessageText", "editMessageReplyMarkup":
            return #"{"message_id":77,"date":1,"chat":{"id":1,"type":"private"}}"#
        default: return "true"
        }
    }

    private func record(_ call: Call) {
        calls.append(call)
        let calls = calls
        watchers.removeAll { watcher in
            guard watcher.condition(calls) else { return false }
            watcher.continuation.resume()
            return true
        }
    }

    private func reply(_ status: Int, _ text: String) -> Response {
        Response(
            status: .init(code: status), headers: [.contentType: "application/json"],
            body: .init(byteBuffer: ByteBuffer(string: text)))
    }
}
