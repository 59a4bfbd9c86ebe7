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
        /// The stretches of its text that look different, by their look.
        var formatted: [String: String] {
            let units = Array((text ?? "").utf16)
            return (body["entities"]?.elements ?? []).reduce(into: [:]) { formatted, entity in
                let offset = Int(entity["offset"]?.int64Value ?? 0)
                let end = offset + Int(entity["length"]?.int64Value ?? 0)
                formatted[entity["type"]?.stringValue ?? ""] = String(decoding: units[offset..<end], as: UTF16.self)
            }
        }
        /// What its buttons copy.
        var copies: [String] {
            let rows = body["reply_markup"]?["inline_keyboard"]?.elements ?? []
            return rows.flatMap { $0.elements ?? [] }.compactMap { $0["copy_text"]?["text"]?.stringValue }
        }
        /// The message that it changes.
        var message: Int64? { body["message_id"]?.int64Value }
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

    /// A message of a chat, as Telegram keeps it.
    struct Message: Sendable {
        let id: Int64
        var chat: Int64
        /// nil for one that has none, such as a photo.
        var text: String?
        /// JSON, if it has one.
        var keyboard: String?
        /// Whether it is older than 48 hours, after which it can be neither edited nor deleted.
        var isOld = false

        var json: String {
            let content = text.map { #","text":\#(quoted($0))"# } ?? #","photo":[]"#
            let buttons = keyboard.map { #","reply_markup":\#($0)"# } ?? ""
            return """
                {"message_id":\(id),"date":1,"chat":{"id":\(chat),"type":"private","first_name":"Тест"}\(content)\(buttons)}
                """
        }

        private func quoted(_ text: String) -> String {
            var writer = JSONWriter()
            writer.string(text)
            return String(buffer: writer.buffer)
        }
    }

    static let token = "4242:made-up_TOKEN"

    /// Where it is.
    private(set) var port = 0
    /// The same as a URL.
    var base: String { "http://127.0.0.1:\(port)" }
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
    private var rules = TelegramRules()
    private var lastMessage: Int64 = 100
    /// By chat and id.
    private var messages: [Int64: [Int64: Message]] = [:]
    /// How many calls were refused because they were too many.
    private(set) var floods = 0
    /// How many updates a getUpdates was given less than it asked for.
    private(set) var throttled = 0
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

    private func listens(on port: Int) { self.port = port }
    private func close() { isClosed = true }

    // MARK: What happens in Telegram

    /// Another program has given the token a menu.
    func hasCommands() {
        commands = #"[{"command":"shift","description":"Смена"}]"#
    }

    /// A user writes.
    func writes(_ text: String, user: Int64) {
        add(
            """
            "message":{"message_id":1,"date":1,"chat":{"id":\(user),"type":"private","first_name":"Тест"},
            "from":{"id":\(user),"is_bot":false,"first_name":"Тест"},"text":"\(text)"}
            """)
    }

    /// A message that another program has sent.
    func has(_ message: Message) {
        messages[message.chat, default: [:]][message.id] = message
    }

    /// What a chat shows, oldest first.
    func shown(in chat: Int64) -> [Message] {
        messages[chat, default: [:]].values.sorted { $0.id < $1.id }
    }

    /// A button of a message is pressed: of the last one, unless said otherwise. `onNew` is one with another text, so
    /// that it can be edited whatever comes. Returns the id of the query.
    @discardableResult
    func presses(_ data: String, user: Int64, message id: Int64? = nil, onNew: Bool = false) -> String {
        let query = "q\(lastID + 1)"
        presses[query] = .now
        if onNew { lastMessage += 1 }
        let id = id ?? (onNew ? lastMessage : shown(in: user).last?.id ?? 5)
        if messages[user]?[id] == nil {
            has(
                Message(
                    id: id, chat: user, text: "x",
                    keyboard: #"{"inline_keyboard":[[{"text":"x","callback_data":"m:new"}]]}"#))
        }
        let message = messages[user]?[id]?.json ?? ""
        add(
            """
            "callback_query":{"id":"\(query)","from":{"id":\(user),"is_bot":false,"first_name":"Тест"},
            "chat_instance":"1","data":"\(data)","message":\(message)}
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
        if method != "getUpdates", let seconds = rules.call(chat: call.chat, at: moment) {
            floods += 1
            record(Call(method: "(\(method))", body: body, moment: moment))
            let text = "Too Many Requests: retry after \(seconds)"
            return reply(
                429,
                #"{"ok":false,"error_code":429,"description":"\#(text)","parameters":{"retry_after":\#(seconds)}}"#)
        }
        if let problem = change(call) {
            record(Call(method: "(\(method))", body: body, moment: moment))
            return reply(400, #"{"ok":false,"error_code":400,"description":"Bad Request: \#(problem)"}"#)
        }
        record(call)
        return reply(200, #"{"ok":true,"result":\#(try await result(call))}"#)
    }

    /// Does to the messages what a call asks for. Returns why it cannot be done.
    private func change(_ call: Call) -> String? {
        guard let chat = call.chat else { return nil }
        let keyboard = call.body["reply_markup"].map { markup in
            var writer = JSONWriter()
            writer.value(markup)
            return String(buffer: writer.buffer)
        }
        if let entities = call.body["entities"], let text = call.text, !Documented.areRight(entities, in: text) {
            return "can't parse entities"
        }
        if call.method == "sendMessage" {
            lastMessage += 1
            has(Message(id: lastMessage, chat: chat, text: call.text, keyboard: keyboard))
            return nil
        }
        guard let id = call.message else { return nil }
        let isDeletion = call.method == "deleteMessage"
        guard var message = messages[chat]?[id] else {
            return isDeletion ? "message to delete not found" : "message to edit not found"
        }
        if message.isOld { return isDeletion ? "message can't be deleted for everyone" : "message can't be edited" }
        if isDeletion {
            messages[chat]?[id] = nil
            return nil
        }
        if call.method == "editMessageText" {
            guard message.text != nil else { return "there is no text in the message to edit" }
            if message.text == call.text, message.keyboard == keyboard { return "message is not modified: x" }
            message.text = call.text
        }
        message.keyboard = keyboard
        messages[chat]?[id] = message
        return nil
    }

    private func result(_ call: Call) async throws -> String {
        let body = call.body
        switch call.method {
        case "getMe": return #"{"id":4242,"is_bot":true,"first_name":"Bot","username":"made_up_bot"}"#
        case "getMyCommands": return commands
        case "getUpdates":
            let from = body["offset"]?.int64Value ?? 0
            let asked = Int(body["limit"]?.int64Value ?? 100)
            let (limit, timeout) = rules.poll(
                offset: from, limit: asked, timeout: Int(body["timeout"]?.int64Value ?? 0), at: call.moment)
            if limit < asked { throttled += 1 }
            offset = max(offset, from)
            updates.removeAll { $0.id < from }
            let end = ContinuousClock.now + .seconds(timeout)
            // A server may look at its clock: this is its long poll, not a test waiting for something.
            while updates.isEmpty, repetitions.isEmpty, .now < end, !isClosed {
                try await Task.sleep(for: .milliseconds(5))
            }
            defer { repetitions = [] }
            return "[" + (updates.prefix(limit).map(\.json) + repetitions).joined(separator: ",") + "]"
        case "sendMessage", "editMessageText", "editMessageReplyMarkup":
            return messages[call.chat ?? 0]?[call.message ?? lastMessage]?.json ?? "true"
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
