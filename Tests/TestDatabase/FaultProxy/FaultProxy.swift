import EmbeddedPostgres
import FoundationEssentials
import NIOCore
import NIOPosix
import Synchronization

/// A proxy between libpq and a server's Unix socket that sees every message and can spoil any of them on purpose.
///
/// ```swift
/// try await FaultProxy.withProxy(to: database) { proxy in
///     let lost = proxy.inject(.disconnect, on: .commandComplete("COMMIT"))
///     … work through proxy.connectionString …
///     await lost.occurred()
/// }
/// ```
///
/// Messages of one connection pass in order, one at a time and whole, so that a fault hits the same point in every run.
package final class FaultProxy: Sendable {
    /// The connection string of the same database through the proxy.
    package let connectionString: String

    private struct State {
        var faults: [Fault] = []
        var observations: [[Trigger]] = []
    }

    private let serverSocket: String
    private let state = Mutex(State())
    private let gates: [Direction: Gate] = [.fromClient: Gate(isOpen: true), .fromServer: Gate(isOpen: true)]

    private init(connectionString: String, serverSocket: String) {
        self.connectionString = connectionString
        self.serverSocket = serverSocket
    }

    /// Lends a proxy to `database`. Its connections are closed when `body` has returned.
    package static func withProxy<Value: Sendable>(
        to database: TestDatabase, _ body: (FaultProxy) async throws -> Value
    ) async throws -> Value {
        let name = "/.s.PGSQL.\(EmbeddedPostgres.Server.port)"
        let folder = "/tmp/offersd-proxy.\(String(UInt64.random(in: .min ... .max), radix: 36))"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let connectionString =
            "host=\(folder) port=\(EmbeddedPostgres.Server.port) user=\(EmbeddedPostgres.Server.superuser) "
            + "dbname=\(database.name)"
        let proxy = FaultProxy(connectionString: connectionString, serverSocket: database.server.folder + name)
        let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            // Nothing is read before the connection is served, and it is a bare channel until then: one that
            // comes while the proxy ends may be dropped, which an NIOAsyncChannel must not be.
            .childChannelOption(.autoRead, value: false)
            .bind(unixDomainSocketPath: folder + name) { $0.eventLoop.makeSucceededFuture($0) }
        return try await listener.executeThenClose { connections in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await proxy.serve(connections) }
                let outcome: Result<Value, any Error>
                do { outcome = .success(try await body(proxy)) } catch { outcome = .failure(error) }
                group.cancelAll()
                return try outcome.get()
            }
        }
    }

    /// Puts a fault in: `action` happens at the given occurrence of `trigger`, counted from now and from 1, and with
    /// `repeats` at every later one too. Of several faults on one message all happen, in the order they were put in.
    @discardableResult
    package func inject(
        _ action: Action, on trigger: Trigger, occurrence: Int = 1, repeats: Bool = false
    ) -> Fault {
        let fault = Fault(on: trigger, occurrence: occurrence, repeats: repeats, action: action)
        state.withLock { $0.faults.append(fault) }
        return fault
    }

    /// Takes all faults out, and lets go on what is held back.
    package func heal() {
        state.withLock { $0.faults = [] }
        for direction in Direction.allCases { thaw(direction) }
    }

    /// Holds back whatever goes in `direction` from now on.
    package func freeze(_ direction: Direction) {
        gates[direction]?.close()
    }

    /// Lets go on what is held back in `direction`.
    package func thaw(_ direction: Direction) {
        gates[direction]?.open()
    }

    /// How many messages of this kind have come to the proxy, whether or not they passed.
    package func count(of trigger: Trigger) -> Int {
        state.withLock { state in
            state.observations.count { message in message.contains { $0.matches(trigger) } }
        }
    }

    // MARK: The way of a message

    typealias Side = NIOAsyncChannel<WireMessage, ByteBuffer>

    private struct Disconnected: Error {}

    private static func wrap(_ channel: any Channel, fromClient: Bool) throws -> Side {
        let decoder = ByteToMessageHandler(WireMessageDecoder(fromClient: fromClient))
        try channel.pipeline.syncOperations.addHandler(decoder)
        return try NIOAsyncChannel(wrappingChannelSynchronously: channel)
    }

    private func serve(_ connections: NIOAsyncChannelInboundStream<any Channel>) async throws {
        try await withThrowingDiscardingTaskGroup { group in
            for try await client in connections {
                // An error of one connection, an intended one too, ends that connection only.
                group.addTask { try? await self.serve(client) }
            }
        }
    }

    private func serve(_ accepted: any Channel) async throws {
        let client = try await accepted.eventLoop.submit { try Self.wrap(accepted, fromClient: true) }.get()
        let session = Session()
        defer { session.orphaned?.markEnded() }
        try await client.executeThenClose { fromClient, toClient in
            try await accepted.setOption(.autoRead, value: true).get()
            let server = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .connect(unixDomainSocketPath: serverSocket) { channel in
                    channel.eventLoop.makeCompletedFuture { try Self.wrap(channel, fromClient: false) }
                }
            try await server.executeThenClose { fromServer, toServer in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        var messages = fromClient.makeAsyncIterator()
                        while let message = try await messages.next() {
                            if let code = message.requestCode, WireMessage.RequestCode.encryption.contains(code) {
                                // The cluster has no TLS, and a bare byte is no message: the proxy says No by itself.
                                try await toClient.write(ByteBuffer(string: "N"))
                                continue
                            }
                            try await self.pass(message, .fromClient, of: session, to: toServer)
                            guard let fault = session.orphaned else { continue }
                            var work = [message]
                            while work.last?.type != "S", let next = try await messages.next() { work.append(next) }
                            try await client.channel.close()
                            await fault.released.wait()
                            try Task.checkCancellation()
                            for message in work { try await toServer.write(message.encoded()) }
                            // The other direction sees the end.
                            await Gate(isOpen: false).wait()
                        }
                    }
                    group.addTask {
                        for try await message in fromServer {
                            if session.isMuted { continue }
                            if session.orphaned == nil {
                                try await self.pass(message, .fromServer, of: session, to: toClient)
                            } else if message.type == "Z" {
                                return
                            }
                        }
                    }
                    // Whichever side ends first ends both.
                    defer { group.cancelAll() }
                    try await group.next()
                }
            }
        }
    }

    private func pass(
        _ original: WireMessage, _ direction: Direction, of session: Session,
        to writer: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) async throws {
        var message = original
        var before = ByteBuffer()
        var behind = ByteBuffer()
        var last: Fault?
        for fault in faults(on: session.observe(message, direction)) {
            defer { if fault !== last { fault.markOccurred() } }
            switch fault.action {
            case .observe: break
            case .rewrite(let old, let new):
                if message.type == "P" || message.type == "Q" {
                    message = message.replacingSQL { $0.replacing(words: old, with: new) }
                }
            case .disconnect: throw Disconnected()
            case .passThenDisconnect: last = fault
            case .freeze(let frozen): freeze(frozen)
            case .delay(let duration): try await Task.sleep(for: duration)
            case .mute: session.isMuted = true
            case .warn(let code, let function, .before):
                before.writeImmutableBuffer(WireMessage.warning(code, from: function).encoded())
            case .warn(let code, let function, .behind):
                behind.writeImmutableBuffer(WireMessage.warning(code, from: function).encoded())
            case .attribute(let function):
                if direction == .fromServer { message = message.attributed(to: function) }
            case .orphan:
                session.orphaned = fault
                return
            }
        }
        await gates[direction]?.wait()
        // The other direction may have sent its last message meanwhile.
        guard session.mayPass(andEnds: last != nil) else { throw Disconnected() }
        before.writeImmutableBuffer(message.encoded())
        before.writeImmutableBuffer(behind)
        try await writer.write(before)
        if let last {
            last.markOccurred()
            throw Disconnected()
        }
    }

    /// The faults that a message sets off.
    private func faults(on observation: [Trigger]) -> [Fault] {
        state.withLock { state in
            state.observations.append(observation)
            return state.faults.filter { fault in
                observation.contains { $0.matches(fault.trigger) } && fault.isDue()
            }
        }
    }
}
