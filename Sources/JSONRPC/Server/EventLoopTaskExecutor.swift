import NIOCore

/// Runs on an event loop what tasks do outside any actor.
///
/// It is the preference of the tasks of all connections of the loop: of writes that are run again, and of health.
/// Without it each of their steps takes a detour through a thread of the global pool. Jobs that become ready together
/// wake the loop once.
final class EventLoopTaskExecutor: TaskExecutor {
    private let jobs: EventLoopInbox<ReadyJob>

    /// A job, and the executor that it runs on: once, which is all that its type asks for.
    @safe private struct ReadyJob: Sendable {
        private let job: UnownedJob
        private let executor: UnownedTaskExecutor

        init(_ job: consuming ExecutorJob, on executor: UnownedTaskExecutor) {
            self.job = UnownedJob(job)
            unsafe self.executor = executor
        }

        func run() { unsafe job.runSynchronously(on: executor) }
    }

    init(_ loop: any EventLoop) {
        jobs = EventLoopInbox(loop) { for job in $0 { job.run() } }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        jobs.put(unsafe ReadyJob(job, on: asUnownedTaskExecutor()))
    }
}
