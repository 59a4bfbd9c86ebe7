import Dispatch

/// Threads beside the cooperative pool: what runs here does not wait for what other tests of this process compute.
final class OwnThreads: TaskExecutor {
    private let queue = DispatchQueue(label: "bot-api-double", attributes: .concurrent)

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
