import NIOCore
import Synchronization

/// Runs on an event loop what tasks do outside any actor.
///
/// It is the preference of the tasks of all connections of the loop. The runtime resumes a continuation outside the
/// actor first, even if the task goes back into it at once: without the preference, every request that waits for
/// something, and every chunk of input, takes a detour through a thread of the global pool, which costs more than the
/// request.
///
/// What comes from other threads gathers: a group of answers from the database wakes the loop once and takes one place
/// in its queue, and replies that become ready together leave together.
final class EventLoopTaskExecutor: TaskExecutor {
    private let loop: any EventLoop
    private let serialExecutor: UnownedSerialExecutor
    private let waiting = Mutex<[UnownedJob]>([])

    init(_ loop: any EventLoop) {
        self.loop = loop
        // Unowned is sound: we keep the loop, and it its executor.
        self.serialExecutor = loop.executor.asUnownedSerialExecutor()
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isFirst = waiting.withLock { waiting in
            waiting.append(job)
            return waiting.count == 1
        }
        if isFirst { loop.execute { self.runWaiting() } }
    }

    private func runWaiting() {
        var jobs: [UnownedJob] = []
        jobs.reserveCapacity(16)
        waiting.withLock { swap(&$0, &jobs) }
        let executor = asUnownedTaskExecutor()
        for job in jobs {
            // Said to be isolated to the loop as well, which is true: a task that goes on in an actor of this loop then
            // does so at once, and not by way of the loop's queue.
            job.runSynchronously(isolatedTo: serialExecutor, taskExecutor: executor)
        }
    }
}
