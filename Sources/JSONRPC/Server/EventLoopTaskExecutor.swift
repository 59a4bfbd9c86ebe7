import NIOCore

/// Runs on an event loop what a task does outside any actor.
///
/// It is the preference of a connection's tasks. The runtime resumes a continuation outside the actor first, even if
/// the task goes back into it at once: without the preference, every request that waits for something, and every chunk
/// of input, takes a detour through a thread of the global pool, which costs more than the request.
final class EventLoopTaskExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) {
        self.loop = loop
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
