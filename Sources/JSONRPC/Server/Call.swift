package import Deadlines
import NIOCore
import Synchronization

/// One request on its way to its method and back. An object, because it is handed on a dozen times on that way.
///
/// It is answered once: what comes after the first answer is dropped, and a call that is let go without one is answered
/// with INTERNAL_ERROR.
package final class Call: Sendable {
    /// The request as it was read.
    package let request: Request
    /// Who sent it.
    package let peer: Peer
    /// When its time began.
    package let deadlineStart: DeadlineStart

    private let id: ConnectionState.EntryID
    private let handler: NIOLoopBound<ConnectionHandler>
    private let completed: EventLoopInbox<CompletedEntry>
    private let tasks: AsyncStream<@Sendable () async -> Void>.Continuation
    private let isAnswered = Atomic(false)

    init(
        request: Request, peer: Peer, deadlineStart: DeadlineStart, id: ConnectionState.EntryID,
        handler: NIOLoopBound<ConnectionHandler>, completed: EventLoopInbox<CompletedEntry>,
        tasks: AsyncStream<@Sendable () async -> Void>.Continuation
    ) {
        self.request = request
        self.peer = peer
        self.deadlineStart = deadlineStart
        self.id = id
        self.handler = handler
        self.completed = completed
        self.tasks = tasks
    }

    deinit { fail(.internalError) }

    /// Replies with a result. On any thread.
    package func succeed(_ result: some JSONEncodable) {
        end { ReplyLine.success($0, result) }
    }

    /// Replies with an error. On any thread.
    package func fail(_ error: RPCError) {
        end { ReplyLine.failure($0, error) }
    }

    /// Ends it without a reply: there is no client.
    func drop() {
        end { _ in nil }
    }

    private func end(_ reply: (RequestID) -> ByteBuffer?) {
        guard !isAnswered.exchange(true, ordering: .acquiringAndReleasing) else { return }
        completed.put(CompletedEntry(handler: handler, id: id, reply: request.id.flatMap(reply)))
    }

    /// Runs `work`, which answers the call or others of its run, in a task of the connection. The task prefers the
    /// connection's event loop. It is cancelled only when a shutdown runs out of time, never because the client has
    /// gone. Returns false after that: `work` is not run.
    @discardableResult
    package func runInTask(_ work: @escaping @Sendable () async -> Void) -> Bool {
        if case .enqueued = tasks.yield(work) { true } else { false }
    }
}
