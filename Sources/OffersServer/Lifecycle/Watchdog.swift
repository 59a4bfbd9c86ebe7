import JSONRPC
import Logging
import Postgres

/// Feeds the service manager's watchdog for as long as requests are served.
///
/// Each beat stands for three things: a request of our own was answered on every event loop, on the way that those of
/// clients take; the task that waited for it was resumed by the thread pool of the runtime; and no thread of a database
/// connection has been at its work for longer than all deadlines together allow. A frozen loop, an exhausted thread
/// pool, or a thread that hangs in C starve it. A database that is down, slow or frozen does not.
struct Watchdog: Sendable {
    let request: WatchdogRequest
    let notifier: SystemdNotifier
    let postgres: PostgresClient
    /// Work on a database connection that takes longer hangs.
    let longestWork: Duration
    let logger: Logger

    /// Beats until it is cancelled.
    func run(_ requests: SelfProbe) async {
        while (try? await Task.sleep(for: request.pause)) != nil {
            do {
                try await withThrowingTaskGroup { group in
                    group.addTask {
                        try await Task.sleep(for: request.pause)
                        logger.critical("the event loops do not answer; the watchdog is not fed until they do")
                    }
                    defer { group.cancelAll() }
                    try await requests.answer()
                }
            } catch {
                logger.critical("an own request failed; the watchdog is not fed", metadata: ["error": "\(error)"])
                continue
            }
            let status = postgres.status
            let longest = [status.reads, status.writes, status.control].map(\.longestWork).max() ?? .zero
            guard longest <= longestWork else {
                logger.critical(
                    "a thread of a database connection hangs; the watchdog is not fed",
                    metadata: ["seconds": "\(longest.components.seconds)"])
                continue
            }
            notifier.notify("WATCHDOG=1")
        }
    }
}
