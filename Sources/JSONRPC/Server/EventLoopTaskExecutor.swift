import NIOCore

/// Runs on an event loop what tasks do outside any actor.
///
/// It is the preference of the tasks of all connections of the loop. The runtime resumes a continuation outside the
/// actor first, even if the task goes back into it at once: without the preference, every request that waits for
/// something, and every chunk of input, takes a detour through a thread of the global pool, which costs more than the
/// request.
final class EventLoopTaskExecutor: TaskExecutor {
    private let loop: any EventLoop
    private let mailbox: LoopMailbox<UnownedJob>

    init(_ loop: any EventLoop) {
        self.loop = loop
        mailbox = LoopMailbox(loop)
    }

    func enqueue(_ job: consuming ExecutorJob) {
        mailbox.put(UnownedJob(job)) { self.run($0) }
    }

    private func run(_ jobs: [UnownedJob]) {
        let (serialExecutor, executor) = (loop.executor.asUnownedSerialExecutor(), asUnownedTaskExecutor())
        for job in jobs {
            // Said to be isolated to the loop as well, which is true: a task that goes on in an actor of this loop then
            // does so at once, and not by way of the loop's queue.
            job.runSynchronously(isolatedTo: serialExecutor, taskExecutor: executor)
        }
    }
}
