import Logging
import Offers
import Postgres
import Synchronization

/// Keeps what is known of the database's shape up to date, and says it in the log whenever it changes.
///
/// It gates nothing: every request asks the database itself. It serves `health`, the names in the errors about missing
/// things, and the optional metrics row, which must fit the shape of its table.
final class DatabaseMonitor: Sendable {
    private let pool: PostgresPool
    private let metrics: DistributionMetrics
    private let logger: Logger
    private let latest = Mutex<Inspection?>(nil)
    private let looks: AsyncStream<Void>
    private let look: AsyncStream<Void>.Continuation

    /// How soon a database that lacks something is looked at again.
    private static let period = Duration.seconds(5)

    init(pool: PostgresPool, metrics: DistributionMetrics, logger: Logger) {
        self.pool = pool
        self.metrics = metrics
        self.logger = logger
        (looks, look) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// What was found last; nil while the database has not been reached.
    var inspection: Inspection? { latest.withLock { $0 } }

    /// Something has happened that may have changed the database's shape, such as a missing column.
    func lookAgain() {
        look.yield()
    }

    /// Looks when a connection was made, when asked to, and by itself as long as something is missing; until cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask {
                for await _ in self.looks { await self.inspect() }
            }
            group.addTask {
                for await _ in self.pool.connectionChanges { self.lookAgain() }
            }
            group.addTask {
                while (try? await Task.sleep(for: Self.period)) != nil {
                    if self.inspection?.status != .ok { self.lookAgain() }
                }
            }
        }
    }

    /// Looks now. Returns what was found; nil when the database cannot be asked.
    @discardableResult
    func inspect() async -> Inspection? {
        guard let found = try? await Inspection.inspect(pool, deadline: FixedDeadline(milliseconds: 2000)) else {
            return nil
        }
        let isNews = latest.withLock { latest in
            defer { latest = found }
            return latest != found
        }
        guard isNews else { return found }
        metrics.use(found.metricsTable)
        for line in found.report { logger.log(level: found.status == .ok ? .info : .warning, "\(line)") }
        return found
    }
}

extension Inspection {
    /// The lines that `offersd check` prints and `offersd serve` logs.
    var report: [String] {
        ["database is of generation \(generation ?? "unknown")"]
            + shortcomings.map { shortcoming in
                let purposes = shortcoming.purposes.map(\.rawValue).joined(separator: ", ")
                return "missing: \(shortcoming.name) (needed for \(purposes))"
            }
            + remarks + consequences
    }
}
