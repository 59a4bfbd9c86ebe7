import Deadlines
import NIOCore
import Postgres
import SeededRandom
import Synchronization

@testable import JSONRPC

/// The service without input and output: clients that send lines, their sequencers, and the pools of the pool, driven
/// by a seed through connects, failures, deadlines and a shutdown, with a clock of its own.
///
/// The threads and tasks that surround the state machines in the service are imitated here: everything that one of
/// them does between two looks at a state is one step, and the seed says whose step is next.
struct Simulation {
    /// A request on its way.
    private struct Request: Sendable {
        /// What is to be done for it next.
        enum Attempt {
            case first
            /// To be done by itself.
            case another
            /// It is done, and waits for those before it to be answered.
            case none
        }

        let entry: Int
        let keys: [ExclusionKey]
        let batchKey: String?
        let deadline: Deadline
        var attempt = Attempt.first
    }

    /// What a connection has started: a read, or a run of writes, which `WriteExecutor` carries out in their order.
    private struct Run {
        let client: Int
        let pool: Int
        /// Those that have not been answered.
        var requests: [Request]
        let others = Others()
        /// Nothing of it has been handed over and ended.
        var isNew = true
    }

    /// What has joined a run behind its first request.
    private final class Others: Sendable {
        private let contents = Mutex<(requests: [Request], isClosed: Bool)>(([], false))

        /// Adds a request, if the run takes more.
        func join(_ request: Request) -> Bool {
            contents.withLock { contents in
                guard !contents.isClosed else { return false }
                contents.requests.append(request)
                return true
            }
        }

        /// Those that may share a transaction with the first, of this batch key.
        func close(_ batchKey: String?) -> [WorkPart] {
            contents.withLock { contents in
                contents.isClosed = true
                return contents.requests.prefix { $0.batchKey == batchKey }.map { WorkPart(keys: $0.keys) }
            }
        }
    }

    private var random: SeededGenerator
    private var now = MonotonicTime(nanoseconds: 1_000_000_000)
    private var clients: [SimulatedClient]
    /// Reads, writes.
    private var pools: [SimulatedPool]
    private var runs: [Run] = []
    /// The last run of writes of each client.
    private var writing: [Int: Int] = [:]
    /// Runs whose first request is to be handed to their pool.
    private var started: [Int] = []
    /// For each piece of work that was handed over, whose it is; nil when it has ended.
    private var jobs: [Int?] = []
    private var isDatabaseUp = true
    /// How the seeds differ besides: the longest deadline, and how often a thread's turn is passed over.
    private let longestDeadline: Int
    private let sloth: Int
    /// What was found first.
    private(set) var problem: String?

    init(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        clients = (0..<1 + random.below(8)).map { _ in SimulatedClient(readAhead: 1 + random.below(8)) }
        let (readers, writers) = (1 + random.below(3), 1 + random.below(4))
        pools = [
            SimulatedPool(
                connections: readers, maximumGroup: 1 + random.below(4), parallelism: readers, isOfWrites: false,
                server: SimulatedServer(seed: random.next())),
            SimulatedPool(
                connections: writers, maximumGroup: 1 + random.below(4), parallelism: 1 + random.below(writers),
                isOfWrites: true, server: SimulatedServer(seed: random.next())),
        ]
        longestDeadline = [40, 200, 1500][random.below(3)]
        sloth = [0, 0, 2, 6][random.below(4)]
        self.random = random
    }

    /// Runs to the end. Returns what was wrong, with the number of the step; nil if nothing was.
    mutating func run(steps: Int) -> String? {
        for number in 0..<steps {
            step()
            check()
            if let problem { return "step \(number): \(problem)" }
        }
        return end().map { "the end: \($0)" }
    }

    private mutating func step() {
        switch random.below(16 - sloth) {
        case 0..<4:
            send(random.below(clients.count))
        case 4:
            pass(random.below(120))
        case 5, 6:
            if !started.isEmpty { handOver(at: random.below(started.count)) }
            let pool = random.below(pools.count)
            begin(pool, random.below(pools[pool].threads.count))
        case 7 where random.once(in: 4):
            isDatabaseUp.toggle()
        case 8 where random.once(in: 40):
            shutDown(random.below(pools.count))
        default:
            let pool = random.below(pools.count)
            let fails = random.once(in: isDatabaseUp ? 8 : 2)
            advance(pool, random.below(pools[pool].threads.count), fails: fails)
        }
    }

    private mutating func check() {
        for index in pools.indices {
            pools[index].check(at: now)
            if let found = pools[index].problem { report(found) }
        }
    }

    private mutating func report(_ text: String) {
        if problem == nil { problem = text }
    }

    // MARK: Events

    private mutating func send(_ index: Int) {
        guard clients[index].hasRoom else { return }
        let isBatch = random.once(in: 2)
        let sent = (0..<(isBatch ? 1 + random.below(4) : 1)).map { _ in
            SimulatedClient.Entry(
                kind: [.read, .read, .write("decline"), .write("accept"), .write("accept"), .write("accept")][
                    random.below(6)],
                deadlineStart: random.once(in: 8) ? nil : DeadlineStart(),
                wantsReply: !random.once(in: 6))
        }
        _ = clients[index].send(sent, asBatch: isBatch)
        settle(index)
    }

    /// Time passes, and the pool's timer looks for what is overdue.
    private mutating func pass(_ milliseconds: Int) {
        now = now.advanced(by: .milliseconds(milliseconds))
        for index in pools.indices { finish(pools[index].expire(at: now)) }
    }

    private mutating func shutDown(_ pool: Int) {
        finish(pools[pool].shutDown())
    }

    private mutating func advance(_ pool: Int, _ thread: Int, fails: Bool) {
        // Writes have keys, and are handed back as they were taken.
        let takesMore = pool == 0 && random.once(in: 2)
        finish(
            pools[pool].advance(thread, at: now, fails: fails, takesMore: takesMore),
            mayRepeat: !pools[pool].isShutDown)
    }

    private mutating func begin(_ pool: Int, _ connection: Int) {
        finish(pools[pool].begin(on: connection, at: now), mayRepeat: !pools[pool].isShutDown)
    }

    // MARK: What carries runs out

    private mutating func handOver(at place: Int) {
        let number = started.remove(at: place)
        let run = runs[number]
        let first = run.requests[0]
        let batchKey = first.attempt == .first ? first.batchKey : nil
        let fixed = run.requests.prefix { $0.attempt == .first && $0.batchKey == batchKey }.dropFirst().map {
            WorkPart(keys: $0.keys)
        }
        jobs.append(number)
        let isTaken = pools[run.pool].submit(
            jobs.count - 1, keys: first.keys,
            further: { [isNew = run.isNew, others = run.others] in isNew ? others.close(batchKey) : fixed },
            batchKey: batchKey, deadline: first.deadline, at: now)
        if !isTaken { finish([SimulatedPool.Ended(job: jobs.count - 1, count: 1, separated: 0, result: .final)]) }
    }

    /// Work has ended. A request that is done again is new work to the pool.
    private mutating func finish(_ ended: [SimulatedPool.Ended], mayRepeat: Bool = false) {
        for end in ended {
            guard let number = jobs[end.job] else {
                report("job \(end.job) ended twice")
                return
            }
            jobs[end.job] = nil
            runs[number].isNew = false
            _ = runs[number].others.close(nil)
            guard end.count + end.separated <= runs[number].requests.count, end.count > 0 else {
                report("job \(end.job) has ended for \(end.count) requests, and \(end.separated) more")
                return
            }
            for place in 0..<end.count {
                runs[number].requests[place].attempt =
                    mayRepeat && end.result == .worthAnotherAttempt ? .another : .none
            }
            for place in end.count..<end.count + end.separated { runs[number].requests[place].attempt = .another }
            proceed(number)
        }
    }

    /// Answers what is done, in its order, and goes on with what is not.
    private mutating func proceed(_ number: Int) {
        let client = runs[number].client
        while runs[number].requests.first?.attempt == Request.Attempt.none {
            clients[client].finish(runs[number].requests.removeFirst().entry)
            settle(client)
        }
        if !runs[number].requests.isEmpty { started.append(number) }
    }

    // MARK: The connection around its sequencer

    /// Does what the sequencer says after a change, as `Connection` does.
    private mutating func settle(_ index: Int) {
        while let (entry, joins, problem) = clients[index].nextStart() {
            if let problem { report("client \(index): \(problem)") }
            start(entry, of: index, joins: joins)
        }
        while let deadlineStart = clients[index].nextDeadlineStart() {
            if deadlineStart.began != nil { report("client \(index): a deadline started twice") }
            deadlineStart.begin(at: now)
        }
        if let problem = clients[index].takeLines() { report("client \(index): \(problem)") }
    }

    private mutating func start(_ entry: Int, of client: Int, joins: Bool) {
        let (kind, deadlineStart) = clients[client].work(entry)
        var (keys, batchKey): ([ExclusionKey], String?) = ([], "")
        if kind != .read {
            batchKey = kind == .write("accept") ? ["accept", "accept_tg"][random.below(2)] : nil
            keys = (0..<random.below(3)).map { ExclusionKey(space: UInt8($0), value: Int64(random.below(2))) }
        }
        let request = Request(
            entry: entry, keys: keys, batchKey: batchKey,
            deadline: Deadline(.milliseconds(1 + random.below(longestDeadline)), from: deadlineStart))
        guard joins else {
            if kind != .read { writing[client] = runs.count }
            runs.append(Run(client: client, pool: kind == .read ? 0 : 1, requests: [request]))
            return started.append(runs.count - 1)
        }
        guard let number = writing[client], runs[number].others.join(request) else {
            return clients[client].didNotJoin(entry)
        }
        runs[number].requests.append(request)
    }

    // MARK: The end

    /// With a database that works, everything is answered within a bounded number of rounds; after the shutdown nothing
    /// is left.
    private mutating func end() -> String? {
        isDatabaseUp = true
        var rounds = 8 * runs.reduce(0) { $0 + 1 + $1.requests.count } + 40  // of four steps each, retries included
        while problem == nil, rounds > 0, !clients.allSatisfy(\.isIdle) {
            round()
            rounds -= 1
        }
        if problem == nil, !clients.allSatisfy(\.isIdle) { return "a client waits for ever" }
        // A failed attempt beside open connections is repeated after two seconds.
        for _ in 0..<200 where problem == nil && pools.contains(where: { !$0.isShutDown && !$0.isWhole }) { round() }
        if problem == nil, pools.contains(where: { !$0.isShutDown && !$0.isWhole }) {
            return "a connection stays closed"
        }
        for pool in pools.indices { shutDown(pool) }
        for _ in 0..<3 where problem == nil { round() }
        if let problem { return problem }
        if let pool = pools.indices.first(where: { !pools[$0].isStopped || pools[$0].hasWork }) {
            return "pool \(pool) has not stopped"
        }
        return runs.allSatisfy(\.requests.isEmpty) && clients.allSatisfy { $0.outstanding == 0 }
            ? nil : "a request was not answered"
    }

    private mutating func round() {
        pass(200)
        while problem == nil, !started.isEmpty { handOver(at: 0) }
        for pool in pools.indices {
            for thread in pools[pool].threads.indices where problem == nil {
                begin(pool, thread)
                advance(pool, thread, fails: false)
                check()
            }
        }
    }
}
