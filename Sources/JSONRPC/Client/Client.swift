import DequeModule
import Glibc
import NIOCore
import NIOPosix

/// A client of a JSON-RPC service on a Unix socket: any number of calls at a time over one connection.
///
/// It lives inside ``withConnection(to:maximumReply:_:)``. Its executor is the event loop of its channel.
@safe package actor Client {
    /// The executor: the connection's event loop.
    package nonisolated let unownedExecutor: UnownedSerialExecutor
    private nonisolated let channel: any Channel

    private var waiting: [Expectation: Waiter] = [:]
    /// Exchanges in the order of their lines; one that gave up stays, so that its late answer is not another's.
    private var exchanges: Deque<Expectation> = []
    private var lastCall: Int64 = 0
    private var lastExchange: Int64 = 0
    private var decoder: LineDecoder
    /// Why there will be no more answers.
    private var end: ClientError?

    private init(_ channel: any Channel, maximumReply: Int) {
        self.channel = channel
        // Unowned is sound: the channel keeps its loop.
        unsafe self.unownedExecutor = unsafe channel.eventLoop.executor.asUnownedSerialExecutor()
        self.decoder = LineDecoder(maximumLine: maximumReply)
    }

    /// Connects, lends the client to `body`, and closes when `body` has ended.
    ///
    /// - Parameters:
    ///   - path: The socket.
    ///   - maximumReply: Bytes of the longest line that is taken from the service.
    ///   - body: Uses the client. What still waits for an answer when it ends gets `connectionLost`.
    /// - Throws: `ClientError.cannotConnect`, or what `body` throws.
    package static func withConnection<Result>(
        to path: String, maximumReply: Int = 16 << 20, _ body: (Client) async throws -> Result
    ) async throws -> Result {
        let channel = try await connect(path)
        let client = Client(channel.channel, maximumReply: maximumReply)
        // `body` is not inside executeThenClose, whose closure could only return what may be sent away.
        async let receiving: Void? = try? channel.executeThenClose { inbound, _ in await client.receive(inbound) }
        do {
            let result = try await body(client)
            try? await channel.channel.close().get()
            await receiving
            return result
        } catch {
            try? await channel.channel.close().get()
            await receiving
            throw error
        }
    }

    /// Calls a method and waits for its result.
    ///
    /// - Parameters:
    ///   - method: The method's name.
    ///   - params: The params, by name or position.
    ///   - deadline: How long to wait for the reply.
    /// - Throws: `RPCError` when the service refuses, `ClientError` when it does not answer, `CancellationError`.
    package func call(_ method: String, _ params: Params = .none, deadline: Duration) async throws -> JSONValue {
        lastCall += 1
        let received = try await answer(
            to: .call(lastCall), line: Self.line(lastCall, method, params), deadline: deadline)
        if let result = received.value["result"] { return result }
        guard let error = received.value["error"].flatMap(RPCError.init) else {
            throw ClientError.protocolViolation("a reply without a result and without an error")
        }
        throw error
    }

    /// Calls a method with params by name; see ``call(_:_:deadline:)``.
    package func call(_ method: String, named params: [JSONMember], deadline: Duration) async throws -> JSONValue {
        try await call(method, .named(params), deadline: deadline)
    }

    /// Sends one line as it is and waits for the line that answers it, whatever both contain.
    ///
    /// The service answers in order, so exchanges may overlap each other; not calls, whose ids the line might use.
    ///
    /// - Parameters:
    ///   - line: Without a line feed, and with none inside.
    ///   - deadline: How long to wait for the answer.
    /// - Returns: The answer without its line feed; nil when the line asks for none (notifications, blank lines).
    /// - Throws: `ClientError`, `CancellationError`.
    package func exchange(line: String, deadline: Duration) async throws -> String? {
        var bytes = channel.allocator.buffer(string: line)
        let asksForAnswer = Self.asksForAnswer(bytes)
        bytes.writeInteger(UInt8(ascii: "\n"))
        guard asksForAnswer else {
            if let end { throw end }
            try? await channel.writeAndFlush(bytes).get()
            return nil
        }
        lastExchange += 1
        let received = try await answer(to: .exchange(lastExchange), line: bytes, deadline: deadline)
        return String(buffer: received.bytes)
    }
}

// MARK: - Waiting

extension Client {
    /// The requests that wait for a reply.
    private enum Expectation: Hashable {
        /// The reply with this id.
        case call(Int64)
        /// The next line that is no call's. The number only tells exchanges apart.
        case exchange(Int64)
    }

    private struct Received {
        let bytes: ByteBuffer
        let value: JSONValue
    }

    private struct Waiter {
        let continuation: CheckedContinuation<Received, any Error>
        let timeout: Scheduled<Void>
    }

    private func answer(
        to expectation: Expectation, line: ByteBuffer, deadline: Duration
    ) async throws -> Received {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                if let end { return continuation.resume(throwing: end) }
                if Task.isCancelled { return continuation.resume(throwing: CancellationError()) }
                let timeout = channel.eventLoop.scheduleTask(in: TimeAmount(deadline)) {
                    self.assumeIsolated { _ = $0.settle(expectation, .failure(ClientError.deadlineExceeded)) }
                }
                waiting[expectation] = Waiter(continuation: continuation, timeout: timeout)
                if case .exchange = expectation { exchanges.append(expectation) }
                channel.writeAndFlush(line, promise: nil)
            }
        } onCancel: {
            channel.eventLoop.execute {
                self.assumeIsolated { _ = $0.settle(expectation, .failure(CancellationError())) }
            }
        }
    }

    /// Ends a wait. Returns whether there was one.
    @discardableResult
    private func settle(_ expectation: Expectation, _ result: Result<Received, any Error>) -> Bool {
        guard let waiter = waiting.removeValue(forKey: expectation) else { return false }
        waiter.timeout.cancel()
        waiter.continuation.resume(with: result)
        return true
    }

    private func receive(_ inbound: NIOAsyncChannelInboundStream<ByteBuffer>) async {
        var end = ClientError.connectionLost
        do {
            for try await chunk in inbound {
                decoder.append(chunk)
                while let frame = decoder.next() { try accept(frame) }
            }
        } catch let violation as ClientError {
            end = violation
        } catch {
            // However the connection broke, it is lost.
        }
        self.end = end
        for expectation in waiting.keys { settle(expectation, .failure(end)) }
    }

    private func accept(_ frame: Frame) throws {
        guard case .line(let bytes) = frame else {
            throw ClientError.protocolViolation("a line that is too long")
        }
        guard let value = try? JSONValue(parsing: bytes) else {
            throw ClientError.protocolViolation("a line that is not JSON")
        }
        let id = value["id"]
        let received = Received(bytes: bytes, value: value)
        if let number = id?.int64Value, settle(.call(number), .success(received)) {
            return
        }
        if let exchange = exchanges.popFirst() {
            settle(exchange, .success(received))
        } else if id == .null, let oldest = oldestCall {
            // What the service could not read it refuses without an id. It answers in order.
            settle(oldest, .success(received))
        } else if let number = id?.int64Value, number > 0, number <= lastCall {
            // The late reply to a call that gave up.
        } else {
            throw ClientError.protocolViolation("a reply to no request")
        }
    }

    private var oldestCall: Expectation? {
        waiting.keys.compactMap { if case .call(let id) = $0 { id } else { nil } }.min().map(Expectation.call)
    }
}

// MARK: - Lines

extension Client {
    private static func line(_ id: Int64, _ method: String, _ params: Params) -> ByteBuffer {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("jsonrpc", "2.0")
        writer.member("id", id)
        writer.member("method", method)
        switch params {
        case .none: break
        case .positional(let values):
            writer.key("params")
            writer.beginArray()
            for value in values { writer.value(value) }
            writer.endArray()
        case .named(let members):
            writer.key("params")
            writer.beginObject()
            for member in members { writer.member(named: member.name, member.value) }
            writer.endObject()
        }
        writer.endObject()
        var line = writer.buffer
        line.writeInteger(UInt8(ascii: "\n"))
        return line
    }

    /// Whether a JSON-RPC service answers this line at all.
    private static func asksForAnswer(_ line: ByteBuffer) -> Bool {
        guard line.readableBytesView.contains(where: { $0 != 0x20 && $0 != 0x09 && $0 != 0x0D }) else { return false }
        func isNotification(_ entry: Message.Item) -> Bool {
            if case .request(let request) = entry { request.id == nil } else { false }
        }
        return switch Message(line: line, maximumBatch: .max) {
        case .single(let entry): !isNotification(entry)
        case .batch(let entries): !entries.allSatisfy(isNotification)
        }
    }

    private static func connect(_ path: String) async throws -> NIOAsyncChannel<ByteBuffer, ByteBuffer> {
        do {
            let address = try SocketAddress(unixDomainSocketPath: path)
            let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            return try await bootstrap.connect(to: address) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel(wrappingChannelSynchronously: channel)
                }
            }
        } catch let error as IOError {
            throw unsafe ClientError.cannotConnect(path: path, reason: String(cString: strerror(error.errnoCode)))
        } catch let error as SocketAddressError where error == .unixDomainSocketPathTooLong {
            throw ClientError.cannotConnect(path: path, reason: "the path is too long for a Unix socket")
        }
    }
}
