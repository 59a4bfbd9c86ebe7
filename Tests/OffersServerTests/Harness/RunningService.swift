import Foundation
import JSONRPC
import Logging
import NIOCore
import NIOPosix
import Offers
import OffersServer
import Postgres
import ServiceLifecycle
import Synchronization
import TestDatabase
import Testing

/// The whole service in this process, on real sockets in a folder of its own, for the time of a test.
struct RunningService: Sendable {
    /// The socket with all methods.
    let path: String
    /// The operators' socket.
    let opsPath: String
    /// Everything that was logged.
    let log: RecordedLog

    /// Starts the service, waits until it listens, lends it to `body`, and shuts it down gracefully.
    static func run<Value: Sendable>(
        on connectionString: String, _ configure: (inout Settings) -> Void = { _ in },
        _ body: (RunningService) async throws -> Value
    ) async throws -> Value {
        let folder = "/tmp/offers-test-\(UInt32.random(in: 0...UInt32.max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var settings = Settings(connectionInfo: connectionString + TestDatabase.longConnectTimeout)
        settings.socketPath = folder + "/offers.sock"
        settings.opsSocketPath = folder + "/ops.sock"
        settings.postgres.writeConnections = 4
        // What takes its time on a busy machine is not given up. A test that is about a deadline sets it.
        settings.postgres.readDeadline = .seconds(60)
        settings.writeDeadline = .seconds(60)
        settings.postgres.sharedTimeout = .seconds(60)
        settings.metricsRowsTimeLimit = .seconds(60)
        // Tests count statements and transactions, and break them.
        settings.triesWork = false
        configure(&settings)
        let log = RecordedLog()
        let (listening, didListen) = AsyncStream.makeStream(of: Void.self)
        let service = try OffersService(
            settings: settings, environment: [:], logger: Logger(label: "test") { _ in log },
            onListening: { _ in didListen.finish() })
        let group = ServiceGroup(
            configuration: .init(
                services: [.init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)],
                logger: Logger(label: "test") { _ in log }))
        return try await withThrowingTaskGroup { tasks in
            tasks.addTask { try await group.run() }
            for await _ in listening {}
            let outcome: Result<Value, any Error>
            do {
                outcome = .success(
                    try await body(
                        RunningService(path: folder + "/offers.sock", opsPath: folder + "/ops.sock", log: log)))
            } catch {
                outcome = .failure(error)
            }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
            return try outcome.get()
        }
    }

    /// Lends a client of the main socket.
    func withClient<Value: Sendable>(_ body: (TestClient) async throws -> Value) async throws -> Value {
        try await Client.withConnection(to: path) { client in try await body(TestClient(client: client)) }
    }

    /// Sends bytes on a connection of its own, ends the sending side, and returns all that comes back until its end.
    func exchange(_ bytes: [UInt8], ops: Bool = false) async throws -> [UInt8] {
        try await exchange([bytes], ops: ops)
    }

    /// The same, each chunk in a write of its own.
    func exchange(_ chunks: [[UInt8]], ops: Bool = false) async throws -> [UInt8] {
        let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .connect(unixDomainSocketPath: ops ? opsPath : path) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel,
                        configuration: .init(isOutboundHalfClosureEnabled: true))
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            for chunk in chunks { try await outbound.write(ByteBuffer(bytes: chunk)) }
            outbound.finish()
            var received: [UInt8] = []
            for try await chunk in inbound { received += chunk.readableBytesView }
            return received
        }
    }

    /// Sends lines in one write and returns the replies, each parsed.
    func exchange(_ lines: String..., ops: Bool = false) async throws -> [JSONValue] {
        let text = lines.map { $0 + "\n" }.joined()
        let reply = try await exchange(Array(text.utf8), ops: ops)
        return try reply.split(separator: UInt8(ascii: "\n")).map { try JSONValue(parsing: ByteBuffer(bytes: $0)) }
    }
}

extension EventLoopGroup where Self == MultiThreadedEventLoopGroup {
    /// The process's shared loops.
    static var singletonMultiThreadedEventLoopGroup: MultiThreadedEventLoopGroup { .singleton }
}

/// Calls by short names. An error of the service is a value here, because tests compare it.
struct TestClient: Sendable {
    let client: Client

    /// What a call gave: its result, or the service's error.
    enum Answer: Sendable {
        case result(JSONValue)
        case error(RPCError)

        /// The reason of the error; nil for a result.
        var reason: String? { if case .error(let error) = self { error.reason } else { nil } }
        /// The result; nil for an error.
        var result: JSONValue? { if case .result(let result) = self { result } else { nil } }
        /// The error; nil for a result.
        var error: RPCError? { if case .error(let error) = self { error } else { nil } }

        /// A member of the result, or of the object in it that the path names: `order.version`.
        subscript(path: String) -> JSONValue? {
            path.split(separator: ".").reduce(result) { value, name in value?[String(name)] }
        }
    }

    func call(_ method: String, _ params: (String, Int)..., deadline: Duration = .seconds(100)) async throws -> Answer {
        let members = params.map { JSONMember(name: $0.0, value: .number(JSONNumber(Int64($0.1)))) }
        do {
            return .result(try await client.call(method, named: members, deadline: deadline))
        } catch let error as RPCError {
            return .error(error)
        }
    }

    func accept(_ order: Int, by master: Int) async throws -> Answer {
        try await call("acceptOffer", ("masterId", master), ("orderId", order))
    }

    func decline(_ order: Int, by master: Int) async throws -> Answer {
        try await call("declineOffer", ("masterId", master), ("orderId", order))
    }

    func card(_ order: Int, for master: Int) async throws -> Answer {
        try await call("getOffer", ("masterId", master), ("orderId", order))
    }

    /// With an order, or without one.
    func explain(_ order: Int?, for master: Int) async throws -> Answer {
        guard let order else { return try await call("explainOffer", ("masterId", master)) }
        return try await call("explainOffer", ("masterId", master), ("orderId", order))
    }

    /// Every list of every test is also held to the contract: the service writes it straight from the rows, and not as
    /// the type that clients read it with, which would write the same.
    func list(_ master: Int, limit: Int = 100) async throws -> Answer {
        let answer = try await call("listOffers", ("masterId", master), ("limit", limit))
        if let result = answer.result {
            #expect(text(of: result) == text(of: try ListOffersResult(json: result)))
        }
        return answer
    }

    private func text(of value: some JSONEncodable) -> String {
        var writer = JSONWriter()
        writer.value(value)
        return String(buffer: writer.buffer)
    }

    /// The ids of the orders in the master's list, in its order.
    func listedOrders(_ master: Int) async throws -> [Int] {
        let answer = try await list(master)
        return (answer["offers"]?.elements ?? []).compactMap { $0["orderId"]?.int64Value.map(Int.init) }
    }
}

/// Keeps what is logged, with its metadata, as text.
final class RecordedLog: LogHandler, Sendable {
    private let entries = Mutex<[String]>([])

    /// All entries so far.
    var texts: [String] { entries.withLock { $0 } }

    var logLevel: Logger.Level {
        get { .debug }
        set {}
    }
    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    func log(event: LogEvent) {
        let fields = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        entries.withLock { $0.append(([event.message.description] + fields).joined(separator: " ")) }
    }
}
