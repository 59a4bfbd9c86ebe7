import NIOCore

/// An open connection, and the tasks that some of its requests need.
///
/// `ConnectionHandler` reads, orders and replies on the event loop. (NIOAsyncChannel would do, but its iterator leaves
/// the loop and comes back for every chunk, which wakes two threads and costs more than all else that a request needs.)
struct Connection: Sendable {
    /// What all connections of an event loop share.
    struct Loop: Sendable {
        let taskExecutor: EventLoopTaskExecutor
        let completed: EventLoopInbox<CompletedEntry>

        init(_ loop: any EventLoop) {
            taskExecutor = EventLoopTaskExecutor(loop)
            completed = EventLoopInbox(loop, ConnectionHandler.finish)
        }
    }

    let role: ConnectionState.Role
    /// What the task of `run()` must prefer.
    let taskExecutor: EventLoopTaskExecutor
    private let channel: any Channel
    private let handler: NIOLoopBound<ConnectionHandler>
    private let tasks: AsyncStream<@Sendable () async -> Void>

    /// Serves a channel, which has just been made; on its event loop.
    init(
        _ channel: any Channel, on loop: Loop, peer: Peer, role: ConnectionState.Role, methods: [String: Method],
        limits: Limits, onRefusal: @escaping @Sendable (RPCError) -> Void
    ) throws {
        let (tasks, continuation) = AsyncStream<@Sendable () async -> Void>.makeStream()
        let handler = ConnectionHandler(
            channel, peer: peer, role: role, methods: methods, limits: limits, completed: loop.completed,
            tasks: continuation, onRefusal: onRefusal)
        try channel.pipeline.syncOperations.addHandler(handler)
        self.role = role
        self.channel = channel
        self.tasks = tasks
        self.handler = NIOLoopBound(handler, eventLoop: channel.eventLoop)
        taskExecutor = loop.taskExecutor
    }

    /// Tells two connections apart.
    var id: ObjectIdentifier { ObjectIdentifier(channel) }

    /// Returns when the client has ended its output, everything is answered and it has taken the answers; or when it is
    /// gone and its running requests have ended. Cancellation closes the connection and cancels its tasks.
    func run() async {
        await withTaskCancellationHandler {
            await withDiscardingTaskGroup { group in
                for await work in tasks { group.addImmediateTask { await work() } }
            }
            try? await channel.closeFuture.get()
        } onCancel: {
            channel.close(promise: nil)
        }
    }

    /// Begins the end, from any thread: what has arrived is still read and answered, then the connection closes.
    func drain() {
        channel.eventLoop.execute { handler.value.drain() }
    }
}
