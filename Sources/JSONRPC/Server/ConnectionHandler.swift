import Deadlines
import Glibc
import NIOCore

/// One client: what its channel sees goes into `ConnectionState`, and what that says is done here. All of it happens on
/// the channel's event loop.
///
/// The channel allows half-closure and does not read by itself.
final class ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var state: ConnectionState
    private let channel: any Channel
    private let peer: Peer
    private let completed: EventLoopInbox<CompletedEntry>
    private let tasks: AsyncStream<@Sendable () async -> Void>.Continuation
    private let limits: Limits
    private let onRefusal: @Sendable (RPCError) -> Void

    /// The run of writes that begins when what was read with its first call has joined.
    private var newRun: (any CallRun)?
    /// The run of writes that a write may join. The handler does not keep it, so that `Call.deinit` answers what nothing
    /// else keeps.
    private weak var run: (any CallRun)?
    /// `nextAction` is being asked: what happens meanwhile is found by the next question.
    private var isActing = false
    private var hasUnflushed = false
    private var stallCheckIsScheduled = false
    /// The client was found to have closed both directions.
    private var isGone = false

    /// - Parameters:
    ///   - completed: Brings back what has finished. Connections of one event loop share it.
    ///   - tasks: Gets what methods run in tasks, and its end when there will be no more.
    ///   - onRefusal: Called with each error that the connection gives by itself.
    init(
        _ channel: any Channel, peer: Peer, role: ConnectionState.Role, methods: [String: Method], limits: Limits,
        completed: EventLoopInbox<CompletedEntry>, tasks: AsyncStream<@Sendable () async -> Void>.Continuation,
        onRefusal: @escaping @Sendable (RPCError) -> Void
    ) {
        self.channel = channel
        self.peer = peer
        self.completed = completed
        self.tasks = tasks
        self.limits = limits
        self.onRefusal = onRefusal
        state = ConnectionState(peer: peer, role: role, methods: methods, limits: limits)
    }

    // MARK: The channel

    func channelActive(context: ChannelHandlerContext) {
        if state.role == .refused {
            channel.eventLoop.scheduleTask(in: TimeAmount(limits.overLimitWait)) { [channel] in
                channel.close(promise: nil)
            }
        }
        actAndFlush()
    }

    /// What is read is looked at when the channel has no more of it: `channelReadComplete`.
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        state.received(Self.unwrapInboundIn(data))
    }

    func channelReadComplete(context: ChannelHandlerContext) { actAndFlush() }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        state.writabilityChanged(to: channel.isWritable)
        actAndFlush()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed = event else { return }
        state.inputEnded()
        actAndFlush()
    }

    func channelInactive(context: ChannelHandlerContext) {
        state.becameInactive()
        actAndFlush()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // The client has vanished, or the kernel is out of memory; either way this connection is over.
        context.close(promise: nil)
    }

    /// Begins the end: what has arrived is still read and answered, then the connection closes.
    func drain() {
        state.drain()
        // After SHUT_RD the kernel hands over what had arrived and then end of file (unix(7)), which takes the way of
        // a client's half-close. NIO's own close(mode: .input) would discard what it has not read yet.
        withSocket { _ = shutdown($0, Int32(SHUT_RD)) }
    }

    // MARK: What has ended

    /// Entries have ended, in this order. Replies that leave for one client leave with one system call.
    static func finish(_ entries: [CompletedEntry]) {
        for entry in entries {
            let handler = entry.handler.value
            handler.state.finish(entry.id, entry.reply)
            handler.takeActions()
        }
        for entry in entries { entry.handler.value.flush() }
    }

    // MARK: The state's actions

    private func actAndFlush() {
        takeActions()
        flush()
    }

    private func takeActions() {
        guard !isActing else { return }
        isActing = true
        while let action = state.nextAction() { perform(action) }
        isActing = false
        newRun.take()?.begin()
    }

    private func perform(_ action: ConnectionState.Action) {
        switch action {
        case .startDeadline(let deadlineStart):
            deadlineStart.begin(at: .now())
        case .start(let id, let request):
            let call = call(id, request)
            // What only reads, for a client that is gone, would have others wait for nothing.
            if request.method.effect == .read, findsClientGone(isFirst: id == 0) { return call.drop() }
            // What starts is no part of a run that is under way: a read starts when there is none.
            newRun = request.method.start(call)
            run = newRun
        case .join(let id, let request):
            if run?.join({ call(id, request) }) != true { state.didNotJoin(id, request) }
        case .count(let error):
            onRefusal(error)
        case .send(let line):
            hasUnflushed = true
            channel.write(line, promise: nil)
        case .receive:
            channel.read()
        case .close:
            tasks.finish()
            // An empty write completes when the kernel has taken what is before it, or the channel closes.
            channel.writeAndFlush(ByteBuffer()).whenComplete { [channel] _ in channel.close(promise: nil) }
        }
    }

    private func call(_ id: ConnectionState.EntryID, _ request: ConnectionState.ReadyRequest) -> Call {
        Call(
            request: request.request, peer: peer, deadlineStart: request.deadlineStart, id: id,
            handler: NIOLoopBound(self, eventLoop: channel.eventLoop), completed: completed, tasks: tasks)
    }

    /// Whether the client has closed both directions of its connection: poll(2) tells that by POLLHUP, which a
    /// half-close is not. The kernel is asked where that is likely: at a connection's first request, and behind the end
    /// of its input.
    private func findsClientGone(isFirst: Bool) -> Bool {
        guard !isGone, channel.isActive else { return true }
        guard state.inputHasEnded || isFirst else { return false }
        withSocket { socket in
            var entry = pollfd(fd: socket, events: 0, revents: 0)
            isGone = unsafe poll(&entry, 1, 0) > 0 && entry.revents & Int16(POLLHUP) != 0
        }
        return isGone
    }

    private func withSocket(_ body: (CInt) -> Void) {
        try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self, body)
    }

    private func flush() {
        guard hasUnflushed else { return }
        hasUnflushed = false
        channel.flush()
        watchOutput()
    }

    /// Closes the connection when its client takes nothing of what waits for it for too long.
    private func watchOutput() {
        guard !stallCheckIsScheduled, let unsent = try? channel.syncOptions?.getOption(.bufferedWritableBytes),
            unsent > 0
        else { return }
        guard let delay = state.checkOutput(unsent: unsent, now: channel.eventLoop.now) else {
            return channel.close(promise: nil)
        }
        stallCheckIsScheduled = true
        channel.eventLoop.assumeIsolated().scheduleTask(in: delay) {
            self.stallCheckIsScheduled = false
            self.watchOutput()
        }
    }
}

/// An entry that has ended; `reply` is nil for a notification.
struct CompletedEntry: Sendable {
    let handler: NIOLoopBound<ConnectionHandler>
    let id: ConnectionState.EntryID
    let reply: ByteBuffer?
}
