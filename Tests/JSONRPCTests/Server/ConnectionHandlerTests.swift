import NIOCore
import NIOEmbedded
import Synchronization
import Testing

@testable import JSONRPC

/// One connection on an embedded channel: no socket, no thread, and a clock that the test moves.
@Suite("ConnectionHandler")
struct ConnectionHandlerTests {
    /// Counts what the connection asks of its channel.
    private final class Outlet: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer

        var reads = 0
        var flushes = 0
        var isClosed = false
        /// The client takes nothing.
        var isBlocked = false

        func read(context: ChannelHandlerContext) { reads += 1 }

        func flush(context: ChannelHandlerContext) {
            flushes += 1
            if !isBlocked { context.flush() }
        }

        func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
            isClosed = true
            context.close(mode: mode, promise: promise)
        }
    }

    /// A connection, and the calls that its method `hold` was given.
    private struct Subject {
        let channel = EmbeddedChannel()
        let outlet = Outlet()
        let calls = Calls()
        let refusals = Refusals()
        let tasks: AsyncStream<@Sendable () async -> Void>
        private(set) weak var handler: ConnectionHandler?

        init(_ limits: Limits = Limits(), role: ConnectionState.Role = .served) throws {
            let (tasks, continuation) = AsyncStream<@Sendable () async -> Void>.makeStream()
            self.tasks = tasks
            let hold: @Sendable (Call) -> (any CallRun)? = { [calls] call in
                calls.held.withLock { $0.append(call) }
                return nil
            }
            let methods = [
                Method("hold", .read, start: hold),
                Method("write", .write, start: hold),
                // Answers all calls that were there when it began.
                Method("keep", .write) { call in
                    ToyRun(call) { run in
                        let calls = run.close()
                        for call in calls { call.succeed(JSONResult(json: "\(calls.count)")) }
                    }
                },
                Method("forget", .read) { _ in nil },
                Method("forgetWrite", .write) { call in ToyRun(call) { _ in } },
                Method("stutter", .read) { call in
                    call.succeed(JSONResult(json: "1"))
                    call.succeed(JSONResult(json: "2"))
                    call.fail(.internalError)
                    return nil
                },
            ]
            let handler = ConnectionHandler(
                channel, peer: Peer(userID: 1, processID: 2, groupID: 3, socket: "toys"), role: role,
                methods: Dictionary(uniqueKeysWithValues: methods.map { ($0.name, $0) }), limits: limits,
                completed: EventLoopInbox(channel.eventLoop, ConnectionHandler.finish), tasks: continuation,
                onRefusal: { [refusals] error in refusals.errors.withLock { $0.append(error.reason) } })
            self.handler = handler
            try channel.pipeline.syncOperations.addHandlers([outlet, handler])
            try channel.connect(to: SocketAddress(unixDomainSocketPath: "/toys")).wait()
        }

        func receive(_ text: String) {
            channel.pipeline.fireChannelRead(ByteBuffer(string: text))
            channel.pipeline.fireChannelReadComplete()
            channel.embeddedEventLoop.run()
        }

        func endInput() {
            channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
            channel.embeddedEventLoop.run()
        }

        /// What the client got since the last question.
        func sent() throws -> String {
            channel.embeddedEventLoop.run()
            var text = ""
            while let chunk = try channel.readOutbound(as: ByteBuffer.self) { text += String(buffer: chunk) }
            return text
        }
    }

    private final class Calls: Sendable {
        let held = Mutex<[Call]>([])

        var ids: [RequestID?] { held.withLock { $0.map(\.request.id) } }

        func answer(_ index: Int) {
            let call = held.withLock { $0.remove(at: index) }
            call.succeed(JSONResult(json: "0"))
        }
    }

    private final class Refusals: Sendable {
        let errors = Mutex<[String]>([])
    }

    @Test("A method that lets its call go is answered for; the first of several answers is the answer")
    func answeredOnce() throws {
        let subject = try Subject()
        subject.receive(request(1, "forget"))
        #expect(try reason(subject.sent()) == "INTERNAL_ERROR")
        subject.receive(request(4, "forgetWrite"))
        #expect(try reason(subject.sent()) == "INTERNAL_ERROR")
        subject.receive(request(2, "stutter") + request(3, "stutter"))
        #expect(try subject.sent() == reply(2, "1") + "\n" + reply(3, "1") + "\n")
    }

    @Test("A connection that has closed is let go, also where a run of writes came last")
    func letGo() throws {
        let subject = try Subject()
        subject.receive(request(1, "keep"))
        #expect(try subject.sent() == reply(1, "1") + "\n")
        #expect(subject.handler != nil)
        subject.endInput()
        #expect(subject.handler == nil)
    }

    @Test("A run begins when the calls that were read with its first have joined")
    func begins() throws {
        let subject = try Subject()
        subject.receive((1...3).map { request($0, "keep") }.joined())
        #expect(try subject.sent() == (1...3).map { reply($0, "3") + "\n" }.joined())
        subject.receive(request(4, "keep") + request(5, "hold") + request(6, "keep"))
        #expect(try subject.sent() == reply(4, "1") + "\n")
        subject.calls.answer(0)
        #expect(try subject.sent() == reply(5, "0") + "\n" + reply(6, "1") + "\n")
    }

    @Test("A call has no task when its connection has closed")
    func noTask() throws {
        let subject = try Subject()
        subject.receive(request(1, "hold"))
        let call = try #require(subject.calls.held.withLock { $0.first })
        #expect(call.runInTask {})
        subject.calls.answer(0)
        subject.endInput()
        #expect(!call.runInTask {})
    }

    @Test("Replies that become ready together leave with one flush, in the order of their requests")
    func flushedTogether() throws {
        let subject = try Subject()
        subject.receive(request(1, "hold") + request(2, "hold") + request(3, "hold"))
        #expect(subject.calls.ids == [RequestID(1), RequestID(2), RequestID(3)])
        for _ in 1...2 { subject.calls.answer(1) }
        #expect(try subject.sent() == "")
        subject.calls.answer(0)
        #expect(try subject.sent() == (1...3).map { reply($0, "0") + "\n" }.joined())
        #expect(subject.outlet.flushes == 1)
    }

    @Test("No more than the read-ahead is taken in; the socket is read again when there is room")
    func readAhead() throws {
        var limits = Limits()
        limits.readAhead = 2
        let subject = try Subject(limits)
        #expect(subject.outlet.reads == 1)
        subject.receive((1...3).map { request($0, "hold") }.joined())
        #expect(subject.calls.ids == [RequestID(1), RequestID(2)])
        #expect(subject.outlet.reads == 1)
        subject.calls.answer(0)
        _ = try subject.sent()
        #expect(subject.calls.ids == [RequestID(2), RequestID(3)])
        #expect(subject.outlet.reads == 1)
        subject.calls.answer(0)
        _ = try subject.sent()
        #expect(subject.outlet.reads == 2)
    }

    @Test("A client that does not take its output is not read; closed, it has all the room")
    func writability() throws {
        let subject = try Subject()
        subject.channel.isWritable = false
        subject.channel.pipeline.fireChannelWritabilityChanged()
        subject.receive(request(1, "hold"))
        #expect(subject.calls.ids == [])
        subject.channel.isWritable = true
        subject.channel.pipeline.fireChannelWritabilityChanged()
        #expect(subject.calls.ids == [RequestID(1)])
        subject.channel.isWritable = false
        subject.channel.pipeline.fireChannelWritabilityChanged()
        subject.receive(request(2, "write"))
        subject.channel.pipeline.fireChannelInactive()
        subject.calls.answer(0)
        subject.channel.embeddedEventLoop.run()
        #expect(subject.calls.ids == [RequestID(2)])
        subject.calls.answer(0)
        subject.channel.embeddedEventLoop.run()
    }

    @Test("A client that takes nothing for too long is closed, and no earlier")
    func stalled() throws {
        var limits = Limits()
        limits.stalledOutput = .seconds(30)
        let subject = try Subject(limits)
        subject.outlet.isBlocked = true
        subject.receive(request(1, "stutter"))
        subject.channel.embeddedEventLoop.advanceTime(by: .seconds(29))
        #expect(!subject.outlet.isClosed)
        subject.channel.embeddedEventLoop.advanceTime(by: .seconds(8))
        #expect(subject.outlet.isClosed)
    }

    @Test("After the end of the input what was read is answered, a last line without its end, too; then it closes")
    func ended() throws {
        let subject = try Subject()
        subject.receive(request(1, "hold") + request(2, "hold").dropLast())
        subject.endInput()
        #expect(subject.calls.ids == [RequestID(1), RequestID(2)])
        #expect(!subject.outlet.isClosed)
        for _ in 1...2 { subject.calls.answer(0) }
        #expect(try subject.sent() == reply(1, "0") + "\n" + reply(2, "0") + "\n")
        #expect(subject.outlet.isClosed)
    }

    @Test("After a drain a line without its end is dropped")
    func drained() throws {
        let subject = try Subject()
        subject.receive(request(1, "hold") + request(2, "hold").dropLast())
        try subject.channel.pipeline.syncOperations.handler(type: ConnectionHandler.self).drain()
        subject.endInput()
        #expect(subject.calls.ids == [RequestID(1)])
        subject.calls.answer(0)
        #expect(try subject.sent() == reply(1, "0") + "\n")
        #expect(subject.outlet.isClosed)
    }

    @Test("One connection too many is told so at its first line, or closed when its time is over")
    func refused() throws {
        let told = try Subject(role: .refused)
        told.receive(request(1, "hold") + request(2, "hold"))
        #expect(try reason(told.sent()) == "OVERLOADED")
        #expect(told.outlet.isClosed)
        #expect(told.refusals.errors.withLock { $0 } == ["OVERLOADED"])
        let silent = try Subject(role: .refused)
        silent.channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(silent.outlet.isClosed)
    }
}
