package import Deadlines
package import Logging
import Synchronization

/// Connections to one database: some for reads, which they send in groups as pipelines, and others for transactions,
/// one at a time each, so that a transaction that waits for a lock never holds up a read.
///
/// It connects, reconnects and gives up by itself while `run` runs. It knows SQL as text and nothing of its meaning.
/// A caller that is cancelled still gets the result: what was handed over is finished or given up at its deadline.
package final class PostgresClient: Sendable {
    /// What a read is for.
    package enum Purpose: Sendable {
        /// The work of the service. It counts for the limit of requests.
        case work
        /// Looking after the service, beside that limit: one connection apart, so that it is not held up by work that
        /// is stuck. While there is none it goes with the work.
        case control
        /// Hearing of the server, on that connection. It is no request; its failure is neither told nor repeated.
        case beat
    }

    private let watch: ServerWatch
    private let reads: ConnectionPool<ReadPipeline>
    private let control: ConnectionPool<ReadPipeline>
    private let writes: ConnectionPool<TransactionPipeline>
    private let requests = Atomic<Int>(0)
    /// Those that do not count for the maximum: they look after the service.
    private let unlimitedRequests = Atomic<Int>(0)
    private let maximumWaiting: Int
    /// Some two seconds of trying. Three and ten were too few where backends were ended one after the other: it is
    /// always those that are working.
    private static let maximumReadAttempts = 30
    private let readRetries = Atomic<Int>(0)
    private let lastError = Mutex<PoolStatus.LastError?>(nil)
    private let isTimerArmed = Atomic<Bool>(false)
    private let signals: AsyncStream<Void>
    private let signal: AsyncStream<Void>.Continuation
    private let stalePreparations: AsyncStream<Void>
    private let staleness: AsyncStream<Void>.Continuation
    private let repetitions: AsyncStream<WorkItem<Read>>
    private let repetition: AsyncStream<WorkItem<Read>>.Continuation

    /// Has an element soon after a connection was opened or lost; several such events may give one. For one consumer.
    package let connectionChanges: AsyncStream<Void>

    package init(_ configuration: PostgresConfiguration, logger: Logger) {
        let (signals, signal) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        self.signals = signals
        self.signal = signal
        (repetitions, repetition) = AsyncStream<WorkItem<Read>>.makeStream()
        maximumWaiting = configuration.maximumWaiting
        let (changes, change) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        connectionChanges = changes
        let notify: @Sendable () -> Void = {
            signal.yield()
            change.yield()
        }
        let watch = ServerWatch(configuration, logger: logger)
        self.watch = watch
        let preparations = Preparations()
        let (stalePreparations, staleness) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        (self.stalePreparations, self.staleness) = (stalePreparations, staleness)
        let onStale: @Sendable () -> Void = { staleness.yield() }
        func pool<Driver>(
            _ role: ConnectionPool<Driver>.Role, connections: Int, maximumGroup: Int
        ) -> ConnectionPool<Driver> {
            ConnectionPool(
                role, connections: connections, maximumGroup: maximumGroup, configuration: configuration, watch: watch,
                preparations: preparations, logger: logger, onChange: notify, onStalePreparations: onStale)
        }
        reads = pool(
            .init(name: "reads", purpose: .init(workload: .lookups, needsPrimary: false)),
            connections: configuration.readConnections, maximumGroup: configuration.maximumPipeline)
        control = pool(
            .init(name: "control", purpose: .init(workload: .mixed, needsPrimary: false), isLast: true),
            connections: 1, maximumGroup: configuration.maximumPipeline)
        writes = pool(
            .init(
                name: "writes", purpose: .init(workload: .lookups, needsPrimary: true),
                parallelism: configuration.writeParallelism),
            connections: configuration.writeConnections, maximumGroup: configuration.maximumGroup)
    }

    /// Opens the connections and keeps them until `shutDown`, then returns when all are closed.
    /// When cancelled it shuts down, and does not wait for that. It can run once.
    package func run() async {
        watch.start(ask: { [self] in beat() }) { [self] in lookAround() }
        let workHasOne: @Sendable () -> Bool = { [reads, writes] in reads.hasOneIfPossible && writes.hasOneIfPossible }
        let allHaveOne: @Sendable () -> Bool = { [control] in workHasOne() && control.hasOneIfPossible }
        reads.giveWay(until: allHaveOne)
        writes.giveWay(until: allHaveOne)
        control.giveWay(until: workHasOne)
        defer {
            watch.stop()
            // So that the pools do not keep each other.
            for giveWay in [reads.giveWay, writes.giveWay, control.giveWay] { giveWay { true } }
        }
        reads.start()
        control.start()
        writes.start()
        await withTaskCancellationHandler {
            await withDiscardingTaskGroup { group in
                group.addTask { await self.repeatReads() }
                group.addTask { for await _ in self.stalePreparations { self.lookAround() } }
                for await _ in signals {
                    if reads.isStopped && control.isStopped && writes.isStopped { break }
                    if workHasOne() {
                        reads.precedenceChanged()
                        writes.precedenceChanged()
                        control.precedenceChanged()
                    }
                    if isTimerArmed.load(ordering: .relaxed) { await giveUpOverdueRequests() }
                }
                repetition.finish()
                staleness.finish()
            }
        } onCancel: {
            shutDown()
        }
    }

    /// Has connections that sleep look whether they are of use.
    private func lookAround() {
        reads.lookAround()
        control.lookAround()
        writes.lookAround()
    }

    /// Refuses what waits and everything new; what is running is finished. `run` then returns.
    package func shutDown() {
        reads.shutDown()
        control.shutDown()
        writes.shutDown()
    }

    /// Hears of the server, if it lives.
    private func beat() {
        let read = Read(
            bound: BoundStatement(PostgresClient.beat), purpose: .beat, client: self, tell: { _ in })
        start(WorkItem(deadline: Deadline(in: .seconds(2)), job: read))
    }

    private static let beat = Statement("offersd_beat", sql: "SELECT 1")

    /// What the pool is doing now.
    package var status: PoolStatus {
        PoolStatus(
            reads: reads.status, control: control.status, writes: writes.status,
            requests: requests.load(ordering: .relaxed) + unlimitedRequests.load(ordering: .relaxed),
            readRetries: readRetries.load(ordering: .relaxed),
            lastError: lastError.withLock { $0 }, notes: watch.sentences)
    }

    /// A sentence about each server of the settings, as the last look at all of them found it; for an operator.
    package var sightings: [String] { watch.sightings }

    // MARK: Reads

    /// Runs a statement that writes nothing, and calls `end` once, on any thread, with its rows; it must not block
    /// there.
    ///
    /// A lost connection, a conflict and a statement that must be prepared anew are tried again until its deadline, 29
    /// times at the most.
    package func read(
        _ bound: BoundStatement, for purpose: Purpose = .work, deadline: Deadline, trace: PoolTrace? = nil,
        end: @escaping @Sendable (Result<QueryResult, PostgresError>) -> Void
    ) {
        let read = Read(bound: bound, purpose: purpose, client: self, tell: end)
        start(WorkItem(deadline: deadline, job: read, trace: trace))
    }

    /// The same for a task, which waits for what `decode` makes of the rows.
    package func read<Value>(
        _ bound: BoundStatement, for purpose: Purpose = .work, deadline: Deadline, trace: PoolTrace? = nil,
        decode: (QueryResult) throws(ResultMismatch) -> Value
    ) async throws(PostgresError) -> Value {
        let result = await withCheckedContinuation { caller in
            read(bound, for: purpose, deadline: deadline, trace: trace) { caller.resume(returning: $0) }
        }
        let rows = try result.get()
        do { return try decode(rows) } catch { throw PostgresError(error, in: bound.statement.name) }
    }

    private func pool(for purpose: Purpose) -> ConnectionPool<ReadPipeline> {
        switch purpose {
        case .work: reads
        case .control, .beat: control.hasOne ? control : reads
        }
    }

    private func start(_ read: WorkItem<Read>) {
        guard admit(read.trace, read.job.purpose) else { return read.job.tell(.failure(.overloaded)) }
        pool(for: read.job.purpose).submit(read)
        armTimer()
    }

    /// An attempt has ended; its caller is told if it was the last.
    func ended(_ read: WorkItem<Read>, _ result: Result<QueryResult, PostgresError>) {
        leave(result, read.trace, read.job.purpose)
        if case .failure(let error) = result, repeats(read, after: error) { return }
        read.job.tell(result)
    }

    /// Has an attempt made again if that may help, and returns whether it will be.
    private func repeats(_ read: WorkItem<Read>, after error: PostgresError) -> Bool {
        guard error.allowsAnotherRead, read.job.purpose != .beat,
            read.job.number < PostgresClient.maximumReadAttempts,
            !read.deadline.hasPassed(at: .now())
        else { return false }
        guard case .enqueued = repetition.yield(read.next) else { return false }
        readRetries.add(1, ordering: .relaxed)
        return true
    }

    private func repeatReads() async {
        await withDiscardingTaskGroup { group in
            for await read in repetitions {
                group.addTask {
                    await Backoff.pause(attempt: read.job.number)
                    self.start(read)
                }
            }
        }
    }

    // MARK: Transactions

    /// Runs a transaction once and returns what its decoder makes of its last step's rows, after the server has
    /// confirmed COMMIT; or ROLLBACK, for a trial.
    package func transaction<Value: Sendable>(
        _ transaction: Transaction<Value>, attempt: Attempt = .first, deadline: Deadline
    ) async throws(PostgresError) -> Value {
        let performed = await perform(transaction.plan, attempt: attempt, deadline: deadline)
        let rows = try performed.result.get()
        do throws(ResultMismatch) {
            return try transaction.decode(rows, performed.own.lowerBound)
        } catch {
            throw PostgresError(error, in: transaction.plan.name)
        }
    }

    /// Runs a transaction once. Of `further`, from the first on, those go along whose keys are free when a connection
    /// takes it. They take effect in their order, or at the same moment.
    ///
    /// A first attempt may also share its transaction with those of other callers that wait at the same time. If `plan`
    /// is left out, or that is rolled back, it is run by itself before others get their turn: what it is told is never
    /// what another one's statements met.
    ///
    /// - Parameters:
    ///   - further: Parts of transactions of the same caller and batch key, in their order. Asked at most once, when
    ///     `plan` is taken. It must not wait.
    ///   - deadline: That of `plan`.
    ///   - end: Called once, on any thread, perhaps while this runs. It must not block: the connection waits for it.
    package func perform(
        _ plan: TransactionPlan, joinedBy further: @escaping @Sendable () -> [WorkPart] = { [] },
        attempt: Attempt, deadline: Deadline, trace: PoolTrace? = nil, end: @escaping @Sendable (Performed) -> Void
    ) {
        guard admit(trace, .work) else {
            return end(Performed(result: .failure(.overloaded), own: 0..<1, separated: 0))
        }
        writes.submit(
            WorkItem(
                keys: plan.part.keys, further: further,
                batchKey: attempt == .first ? plan.batchKey : nil, deadline: deadline,
                job: Write(
                    plan: plan, attempt: attempt,
                    tell: { [self] performed in
                        leave(performed.result, trace, .work)
                        end(performed)
                    }), trace: trace))
        armTimer()
    }

    /// The same for a task, which waits for the end.
    package func perform(
        _ plan: TransactionPlan, joinedBy further: @escaping @Sendable () -> [WorkPart] = { [] },
        attempt: Attempt, deadline: Deadline, trace: PoolTrace? = nil
    ) async -> Performed {
        await withCheckedContinuation { caller in
            perform(plan, joinedBy: further, attempt: attempt, deadline: deadline, trace: trace) {
                caller.resume(returning: $0)
            }
        }
    }

    // MARK: All requests

    /// Whether there may be one more.
    private func admit(_ trace: PoolTrace?, _ purpose: Purpose) -> Bool {
        switch purpose {
        case .beat: break
        case .control: unlimitedRequests.add(1, ordering: .relaxed)
        case .work:
            if requests.add(1, ordering: .relaxed).newValue > maximumWaiting {
                requests.subtract(1, ordering: .relaxed)
                return false
            }
        }
        trace?.handedOver()
        return true
    }

    /// There is one less, which may have failed.
    private func leave(_ result: Result<QueryResult, PostgresError>, _ trace: PoolTrace?, _ purpose: Purpose) {
        switch purpose {
        case .beat: return
        case .control: unlimitedRequests.subtract(1, ordering: .relaxed)
        case .work: requests.subtract(1, ordering: .relaxed)
        }
        trace?.ended()
        if case .failure(let error) = result, let kind = error.kind {
            lastError.withLock { $0 = PoolStatus.LastError(kind: kind, at: .now()) }
        }
    }

    /// Called when the request has been queued: the timer disarms itself before it looks at the queues.
    private func armTimer() {
        if !isTimerArmed.exchange(true, ordering: .relaxed) { signal.yield() }
    }

    /// Looks at the waiting requests until there are none.
    private func giveUpOverdueRequests() async {
        var someWait = true
        while someWait && !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(50))
            isTimerArmed.store(false, ordering: .relaxed)
            let waiting = [reads.expire(), control.expire(), writes.expire()]
            someWait = waiting.contains(true)
        }
    }
}

/// The pause before something is tried again.
package enum Backoff {
    /// Waits between a half and one and a half times `attempt` × 10 ms, and no longer after the fifth attempt than
    /// after that; returns early when cancelled.
    package static func pause(attempt: Int) async {
        try? await Task.sleep(for: .milliseconds(10) * Double(min(attempt, 5)) * Double.random(in: 0.5...1.5))
    }
}

extension PostgresError {
    /// Its kind, for people; nil for what is not the database's doing.
    fileprivate var kind: String? {
        switch self {
        case .overloaded, .shuttingDown: nil
        case .refused(let message): message.sqlState.rawValue
        case .unavailable: "unavailable"
        case .timedOut: "timedOut"
        case .connectionLost: "connectionLost"
        case .rolledBack: "rolledBack"
        case .unknownOutcome: "unknownOutcome"
        case .unconfirmed: "unconfirmed"
        case .unexpectedResult: "unexpectedResult"
        }
    }

    /// Whether a read that failed like this may succeed on another connection or a moment later.
    var allowsAnotherRead: Bool {
        switch self {
        case .connectionLost: true
        case .refused(let message): message.isConflict || message.isStalePreparation
        default: false
        }
    }
}
