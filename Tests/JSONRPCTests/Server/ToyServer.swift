import Deadlines
import Glibc
import JSONRPC
import Logging
import NIOCore
import Synchronization

/// A place where tests hold requests and see them arrive.
actor Gate {
    private var isOpen = false
    private var arrived = 0
    private var held: [CheckedContinuation<Void, Never>] = []
    private var watchers: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []

    /// A request's step: notes its arrival, and waits until the gate opens.
    func pass() async {
        arrived += 1
        watchers.removeAll { watcher in
            guard arrived >= watcher.count else { return false }
            watcher.continuation.resume()
            return true
        }
        if !isOpen { await withCheckedContinuation { held.append($0) } }
    }

    /// Returns when so many requests have arrived.
    func arrivals(_ count: Int) async {
        if arrived < count { await withCheckedContinuation { watchers.append((count, $0)) } }
    }

    var count: Int { arrived }

    func open() {
        isOpen = true
        for continuation in held { continuation.resume() }
        held = []
    }
}

/// What the toy methods share.
final class ToyState: Sendable {
    let gate = Gate()
    let value = Mutex(0)
    let deadlineStarts = Mutex<[MonotonicTime?]>([])
    /// The ids of the calls of each run of `note`.
    let noted = Mutex<[[RequestID?]]>([])
    /// The calls of `later`, for the test to end.
    let started = AsyncStream<Call>.makeStream()
}

/// Text that is JSON already, as a result.
struct JSONResult: JSONEncodable {
    let json: String

    func encode(to writer: inout JSONWriter) { writer.raw(json) }
}

extension Method {
    /// A method that works in a task of its own.
    convenience init(
        name: String, effect: Effect, allowed: @escaping @Sendable (Peer) -> Bool = { _ in true },
        run: @escaping @Sendable (Call) async throws(RPCError) -> any JSONEncodable
    ) {
        self.init(name, effect, allowed: allowed) { call in
            call.runInTask {
                do throws(RPCError) { call.succeed(try await run(call)) } catch { call.fail(error) }
            }
            return nil
        }
    }
}

/// Calls, until it is closed.
final class ToyRun: CallRun {
    private let contents: Mutex<(calls: [Call], isClosed: Bool)>
    private let work: @Sendable (ToyRun) -> Void

    init(_ first: Call, work: @escaping @Sendable (ToyRun) -> Void) {
        contents = Mutex(([first], false))
        self.work = work
    }

    func begin() { work(self) }

    func join(_ call: () -> Call) -> Bool {
        contents.withLock { contents in
            guard !contents.isClosed else { return false }
            contents.calls.append(call())
            return true
        }
    }

    func close() -> [Call] {
        contents.withLock { contents in
            contents.isClosed = true
            return contents.calls
        }
    }
}

/// Methods without any meaning.
func toyMethods(_ state: ToyState) -> [Method] {
    [
        Method(name: "echo", effect: .read) { call throws(RPCError) in
            guard case .positional(let values) = call.request.params, let first = values.first else {
                throw RPCError.invalidParams(path: "value", message: "value is missing")
            }
            return first
        },
        // Waits at the gate, then answers with the value.
        Method(name: "hold", effect: .read) { _ in
            await state.gate.pass()
            return JSONResult(json: "\(state.value.withLock { $0 })")
        },
        Method(name: "holdWrite", effect: .write) { _ in
            await state.gate.pass()
            return JSONResult(json: "\(state.value.withLock { $0 += 1; return $0 })")
        },
        Method(name: "get", effect: .read) { call in
            state.deadlineStarts.withLock { $0.append(call.deadlineStart.began) }
            return JSONResult(json: "\(state.value.withLock { $0 })")
        },
        // Begins a run, which takes more until the gate opens; then notes it, and answers with nothing.
        Method("note", .write) { call in
            ToyRun(call) { run in
                call.runInTask {
                    await state.gate.pass()
                    let calls = run.close()
                    state.noted.withLock { $0.append(calls.map(\.request.id)) }
                    for call in calls { call.succeed(JSONResult(json: "null")) }
                }
            }
        },
        Method("later", .read) { call in
            state.started.continuation.yield(call)
            return nil
        },
        Method(name: "add", effect: .write) { _ in
            let before = state.value.withLock { $0 }
            await Task.yield()
            state.value.withLock { $0 = before + 1 }
            return JSONResult(json: "\(before + 1)")
        },
        Method(name: "big", effect: .read) { call throws(RPCError) in
            guard case .positional(let values) = call.request.params, let size = values.first?.int64Value else {
                throw RPCError.invalidParams(path: "size", message: "size is missing")
            }
            return JSONResult(json: "\"\(String(repeating: "x", count: Int(size)))\"")
        },
        Method(name: "peer", effect: .read) { call in
            let peer = call.peer
            return JSONResult(
                json: #"["\#(peer.socket)",\#(peer.userID),\#(peer.groupID),\#(peer.processID)]"#)
        },
        Method(name: "secret", effect: .write, allowed: { _ in false }) { _ in
            state.value.withLock { $0 = -1 }
            return JSONResult(json: "true")
        },
    ]
}

/// A folder for sockets, with a short path.
func withFolder<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    var template = Array("/tmp/jr.XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw RawClient.Failure(description: "mkdtemp failed") }
    let folder = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    defer {
        for name in ["s", "t"] { unlink("\(folder)/\(name)") }
        rmdir(folder)
    }
    return try await body(folder)
}

/// A running server with the toy methods.
struct Toy {
    let path: String
    let server: Server
    let state: ToyState

    func client() throws -> RawClient { try RawClient(connectingTo: path) }

    /// Sends, ends the output, and returns everything that comes back.
    func ask(_ text: String) async throws -> [String] {
        let client = try client()
        try await client.send(text)
        client.endOutput()
        return try await client.linesToEnd()
    }
}

/// Runs a server for the time of `body`, then shuts it down gracefully and checks that it ends.
func withToy(
    _ limits: Limits = Limits(), eventLoops: Int = 1, listener given: Listener? = nil,
    _ body: (Toy) async throws -> Void
) async throws {
    try await withFolder { folder in
        let listener = try given ?? Listener.bind(path: "\(folder)/s", name: "toys")
        let state = ToyState()
        let server = Server(
            listeners: [listener], methods: toyMethods(state), limits: limits, eventLoops: eventLoops,
            logger: Logger(label: "toys") { _ in SwiftLogNoOpLogHandler() })
        try await withThrowingTaskGroup { group in
            group.addTask { try await server.run() }
            do {
                try await body(Toy(path: listener.path ?? "", server: server, state: state))
            } catch {
                // Requests that a failed test still holds would keep the server.
                await state.gate.open()
                server.beginGracefulShutdown()
                throw error
            }
            await state.gate.open()
            server.beginGracefulShutdown()
            try await group.waitForAll()
        }
    }
}

func request(_ id: some Any, _ method: String, _ params: String = "[]") -> String {
    #"{"jsonrpc":"2.0","id":\#(id),"method":"\#(method)","params":\#(params)}"# + "\n"
}

func reply(_ id: some Any, _ result: String) -> String { #"{"jsonrpc":"2.0","id":\#(id),"result":\#(result)}"# }

/// The `reason` of an error reply.
func reason(_ line: String?) throws -> String? {
    guard let line else { return nil }
    return try JSONValue(parsing: ByteBuffer(string: line))["error"]?["data"]?["reason"]?.stringValue
}
