import NIOCore

/// Runs on an event loop what tasks do outside any actor.
///
/// It is the preference of the tasks of all connections of the loop. Without it, every request that waits for something
/// takes a detour through a thread of the global pool, which costs more than the request.
final class EventLoopTaskExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) {
        self.loop = loop
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
