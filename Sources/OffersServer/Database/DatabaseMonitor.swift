import Deadlines
import Logging
import Offers
import Postgres
import Synchronization

/// Keeps what is known of the database up to date, and says each change once: in the log, and to its listener.
///
/// It gates nothing: every request asks the database itself. It serves `health`, the names in the errors about missing
/// things, the status for systemd, the forms of the statements of list and explanation, and the optional metrics row,
/// which must fit the shape of its table.
final class DatabaseMonitor: Sendable {
    private let postgres: PostgresClient
    private let metrics: DistributionMetrics
    private let logger: Logger
    private let onChange: @Sendable (DatabaseState) -> Void
    private let latest = Mutex<Inspection?>(nil)
    private let uniqueOpenPairs = Atomic<Bool>(false)
    private let told: Mutex<Told>
    private let evidence = Mutex(Evidence())
    private let loggedObstacles = Mutex<[String]>([])
    private let trials: Trials
    private let lookTime: Duration
    private let triesWork: Bool
    private let looks: AsyncStream<Void>
    private let look: AsyncStream<Void>.Continuation
    private let findings: AsyncStream<Void>
    private let finding: AsyncStream<Void>.Continuation

    /// The state that was told last, and the pool as it was.
    private struct Told {
        var state = DatabaseState.unknown
        var pool: PoolStatus
    }

    /// How soon the database is looked at again, if nothing happens.
    private static let period = Duration.seconds(5)
    /// How often it is looked whether something should be tried.
    private static let trialTick = Duration.seconds(1)
    /// How long some connections must be missing, while others are there, before it is said.
    private static let settling = Duration.milliseconds(500)

    /// - Parameters:
    ///   - lookTime: how long a look at the database may take.
    ///   - triesWork: whether work of which nothing was heard is tried.
    ///   - onChange: called with each new state, one after the other.
    init(
        postgres: PostgresClient, metrics: DistributionMetrics, logger: Logger,
        lookTime: Duration = .seconds(2), triesWork: Bool = true,
        onChange: @escaping @Sendable (DatabaseState) -> Void = { _ in }
    ) {
        self.postgres = postgres
        trials = Trials(postgres: postgres)
        told = Mutex(Told(pool: postgres.status))
        self.lookTime = lookTime
        self.triesWork = triesWork
        self.metrics = metrics
        self.logger = logger
        self.onChange = onChange
        (looks, look) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        (findings, finding) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// What was found last; nil while the database has not been reached.
    var inspection: Inspection? { latest.withLock { $0 } }

    /// The state that was told last.
    var state: DatabaseState { told.withLock { $0.state } }

    /// Whether ``ListOffersQuery/Form/unique`` can be used: it could when the database was looked at last, and was not
    /// refused since. Apart from ``inspection``, because every list asks.
    var hasUniqueOpenPairs: Bool { uniqueOpenPairs.load(ordering: .relaxed) }

    /// The database has refused that form: the index is gone.
    func uniqueOpenPairsAreGone() {
        uniqueOpenPairs.store(false, ordering: .relaxed)
        lookAgain()
    }

    /// What is known of the work, by what became of requests and of trials.
    var known: Evidence { evidence.withLock { $0 } }

    /// A request succeeded.
    func succeeded(_ work: Work, at moment: MonotonicTime) {
        evidence.withLock { $0.succeeded(work, at: moment) }
    }

    /// A request met an obstacle of the database.
    func failed(_ work: Work, _ obstacle: Obstacle, at moment: MonotonicTime) {
        evidence.withLock { $0.failed(work, obstacle, at: moment) }
        lookAgain()
    }

    /// Something has happened that may have changed the database's shape, such as a missing column.
    func lookAgain() {
        look.yield()
    }

    /// Looks when a connection was made, when asked to, and by itself from time to time; until cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask {
                // What waits in a stream is given also to a task that was cancelled.
                for await _ in self.looks where !Task.isCancelled {
                    await self.inspect()
                    self.finding.yield()
                    // Each connection that comes or goes asks for a look, and requests without one do.
                    if self.isSettling { try? await Task.sleep(for: Self.settling) }
                }
            }
            group.addTask {
                // In one task, so that each state is told in full, and in order.
                for await _ in self.findings where !Task.isCancelled { await self.tell() }
            }
            group.addTask {
                for await _ in self.postgres.connectionChanges { self.lookAgain() }
            }
            group.addTask {
                while (try? await Task.sleep(for: Self.period)) != nil {
                    self.lookAgain()
                }
            }
            group.addTask {
                while self.triesWork, (try? await Task.sleep(for: Self.trialTick)) != nil {
                    await self.tryWhatIsDue()
                }
            }
        }
    }

    /// Whether some connections are missing: they are opened and lost one by one.
    private var isSettling: Bool {
        if case .partly = DatabaseState(postgres.status, inspection, known) { true } else { false }
    }

    /// Says how the database is, if that is new.
    private func tell() async {
        logObstacles()
        if isSettling { try? await Task.sleep(for: Self.settling) }
        guard !Task.isCancelled else { return }
        let news = told.withLock { told in
            let pool = postgres.status
            guard let state = DatabaseState(pool, inspection, known) else { return [DatabaseState]() }
            defer { told = Told(state: state, pool: pool) }
            var news: [DatabaseState] = []
            for next in [DatabaseState(between: told.pool, and: pool), state].compactMap(\.self)
            where !(news.last ?? told.state).isSame(as: next) {
                news.append(next)
            }
            return news
        }
        for state in news { say(state) }
    }

    private func say(_ state: DatabaseState) {
        logger.log(
            level: state.isWell ? .notice : .warning, "\(state.text)",
            metadata: state.reason.map { ["reason": "\($0)"] })
        onChange(state)
    }

    /// Says what fails, with the server's own words, when that is new.
    private func logObstacles() {
        let details = known.details
        let news = loggedObstacles.withLock { logged in
            defer { logged = details }
            return details.filter { !logged.contains($0) }
        }
        for line in news { logger.warning("\(line)") }
    }

    /// Tries the kinds of work of which nothing was heard for a while, if the database can be expected to do them.
    private func tryWhatIsDue() async {
        let due = evidence.withLock { $0.due(at: .now()) }
        guard !due.isEmpty, let inspection, postgres.status.reads.connected > 0 else { return }
        let round = TrialRound(
            trials: trials, inspection: inspection, evidence: known,
            list: ServiceStatements.list(hasUniqueOpenPairs ? .unique : .distinct)[0],
            writes: { self.postgres.status.writes })
        await round.run(due) { work, outcome in
            evidence.withLock { $0.tried(work, outcome, at: .now()) }
            finding.yield()
        }
    }

    /// Looks now. Returns what was found; nil when the database cannot be asked.
    @discardableResult
    func inspect() async -> Inspection? {
        guard let found = try? await Inspection.inspect(postgres, deadline: Deadline(in: lookTime)) else {
            return nil
        }
        uniqueOpenPairs.store(found.hasUniqueOpenPairs, ordering: .relaxed)
        let isNews = latest.withLock { latest in
            defer { latest = found }
            if latest?.catalog != found.catalog { evidence.withLock { $0.catalogChanged() } }
            // The index for lists comes and goes with locks; it is not logged.
            return latest?.report != found.report || latest?.metricsTable != found.metricsTable
        }
        guard isNews else { return found }
        evidence.withLock { $0.forgetFailedTrials() }
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
            + rowSecurity.faults + remarks + rowSecurity.notes + consequences
    }
}
