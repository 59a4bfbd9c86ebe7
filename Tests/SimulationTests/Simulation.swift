import NIOCore
import Postgres
import SeededRandom

@testable import JSONRPC

/// The service without input and output: clients that send lines, their sequencers, and the lanes of the pool, driven
/// by a seed through connects, failures, deadlines and a shutdown, with a clock of its own.
///
/// The threads and tasks that surround the state machines in the service are imitated here: everything that one of
/// them does between two looks at a state is one step, and the seed says whose step is next.
struct Simulation {
    /// A request on its way.
    private struct Request {
        let client: Int
        let entry: Int
        let lane: Int
        let keys: [ExclusionKey]
        let batchKey: String?
        let keepsOrder: Bool
        let deadline: StartedDeadline
        var isAnswered = false
    }

    /// As that of a call: the time runs from the request's turn.
    private struct StartedDeadline: Deadline {
        let deadlineStart: DeadlineStart
        let milliseconds: Int64

        var instant: MonotonicTime? {
            deadlineStart.began.flatMap { instant(from: MonotonicTime(nanoseconds: $0.uptimeNanoseconds)) }
        }

        func instant(from now: MonotonicTime) -> MonotonicTime? { now.advanced(byMilliseconds: milliseconds) }
    }

    private final class Caller {}

    private var random: SeededGenerator
    private var now = MonotonicTime(nanoseconds: 1_000_000_000)
    private var clients: [SimulatedClient]
    /// What the pool knows the clients by.
    private let callers: [Caller]
    /// Reads, writes.
    private var lanes: [SimulatedPool]
    private var requests: [Request] = []
    /// Requests that were started and have not been handed to their lane yet.
    private var started: [Int] = []
    private var isDatabaseUp = true
    /// How the seeds differ besides: the longest deadline, and how often a thread's turn is passed over.
    private let patience: Int
    private let sloth: Int
    /// What was found first.
    private(set) var problem: String?

    init(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        clients = (0..<1 + random.below(8)).map { _ in SimulatedClient(readAhead: 1 + random.below(8)) }
        callers = clients.map { _ in Caller() }
        let (readers, writers) = (1 + random.below(3), 1 + random.below(4))
        lanes = [
            SimulatedPool(connections: readers, maximumGroup: 1 + random.below(4), parallelism: readers),
            SimulatedPool(
                connections: writers, maximumGroup: 1 + random.below(4), parallelism: 1 + random.below(writers)),
        ]
        patience = [40, 200, 1500][random.below(3)]
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
            let lane = random.below(lanes.count)
            begin(lane, random.below(lanes[lane].threads.count))
        case 7 where random.once(in: 4):
            isDatabaseUp.toggle()
        case 8 where random.once(in: 40):
            shutDown(random.below(lanes.count))
        default:
            let lane = random.below(lanes.count)
            let fails = random.once(in: isDatabaseUp ? 8 : 2)
            advance(lane, random.below(lanes[lane].threads.count), fails: fails)
        }
    }

    private mutating func check() {
        for index in lanes.indices {
            lanes[index].check(at: now)
            if let found = lanes[index].problem { report(found) }
        }
    }

    private mutating func report(_ text: String) {
        if problem == nil { problem = text }
    }

    // MARK: Events

    private mutating func send(_ index: Int) {
        guard clients[index].hasRoom else { return }
        let isBatch = random.once(in: 4)
        let sent = (0..<(isBatch ? 1 + random.below(4) : 1)).map { _ in
            SimulatedClient.Entry(
                effect: [.read, .read, .read, .write, .orderedWrite, .orderedWrite][random.below(6)],
                deadlineStart: random.once(in: 8) ? nil : DeadlineStart(),
                wantsReply: !random.once(in: 6))
        }
        _ = clients[index].send(sent, asBatch: isBatch)
        settle(index)
    }

    /// Time passes, and the pool's timer looks for what is overdue.
    private mutating func pass(_ milliseconds: Int) {
        now = now.advanced(byMilliseconds: Int64(milliseconds))
        for index in lanes.indices { answer(lanes[index].expire(at: now)) }
    }

    private mutating func shutDown(_ lane: Int) {
        answer(lanes[lane].shutDown())
    }

    private mutating func advance(_ lane: Int, _ thread: Int, fails: Bool) {
        // Writes have keys, and are handed back as they were taken.
        let takesMore = lane == 0 && random.once(in: 2)
        let separates = lane == 1 && random.once(in: 4)
        finish(
            lanes[lane].advance(thread, at: now, fails: fails, takesMore: takesMore, separates: separates), of: lane)
    }

    private mutating func finish(_ jobs: [Int], of lane: Int) {
        for job in jobs {
            // A conflict, which the caller tries again; to the pool this is new work.
            if random.once(in: 6), !lanes[lane].isShutDown { started.append(job) } else { answer([job]) }
        }
    }

    private mutating func handOver(at place: Int) {
        let job = started.remove(at: place)
        let request = requests[job]
        let isTaken = lanes[request.lane].submit(
            job, keys: request.keys, batchKey: request.batchKey, deadline: request.deadline, at: now)
        if !isTaken { answer([job]) }
    }

    private mutating func begin(_ lane: Int, _ connection: Int) {
        finish(lanes[lane].begin(on: connection, at: now), of: lane)
    }

    // MARK: The connection around its sequencer

    private mutating func answer(_ ended: [Int]) {
        for job in ended {
            if requests[job].isAnswered { report("request \(job) was answered twice") }
            guard problem == nil else { return }  // the sequencer would stop the process
            requests[job].isAnswered = true
            let refused = requests[job].keepsOrder ? lanes[1].leave(job, caller(of: job), at: now) : []
            clients[requests[job].client].finish(requests[job].entry)
            settle(requests[job].client)
            answer(refused)
        }
    }

    /// Does what the sequencer says after a change, as `Connection` does.
    private mutating func settle(_ index: Int) {
        while true {
            let (start, problem) = clients[index].nextStart()
            if let problem { report("client \(index): \(problem)") }
            guard let start else { break }
            begin(start, of: index)
        }
        while let deadlineStart = clients[index].nextDeadlineStart() {
            if deadlineStart.began != nil { report("client \(index): a deadline started twice") }
            deadlineStart.begin(at: .uptimeNanoseconds(now.nanoseconds))
        }
        if let problem = clients[index].takeLines() { report("client \(index): \(problem)") }
    }

    private mutating func begin(_ entry: Int, of client: Int) {
        let (effect, deadlineStart) = clients[client].work(entry)
        var keys: [ExclusionKey] = []
        var batchKey: String? = ""
        if effect != .read {
            batchKey = ["accept", "accept_tg", nil][random.below(3)]
            keys = (0..<random.below(3)).map { ExclusionKey(space: UInt8($0), value: Int64(random.below(2))) }
        }
        requests.append(
            Request(
                client: client, entry: entry, lane: effect == .read ? 0 : 1, keys: keys, batchKey: batchKey,
                keepsOrder: effect == .orderedWrite,
                deadline: StartedDeadline(deadlineStart: deadlineStart, milliseconds: Int64(1 + random.below(patience)))
            ))
        let job = requests.count - 1
        if effect == .orderedWrite { lanes[1].enter(job, caller(of: job)) }
        started.append(job)
    }

    private func caller(of job: Int) -> ObjectIdentifier { ObjectIdentifier(callers[requests[job].client]) }

    // MARK: The end

    /// With a database that works, everything is answered within a bounded number of rounds; after the shutdown nothing
    /// is left.
    private mutating func end() -> String? {
        isDatabaseUp = true
        var rounds = 8 * requests.count + 40  // of four steps each, retries included
        while problem == nil, rounds > 0, !clients.allSatisfy(\.isIdle) {
            round()
            rounds -= 1
        }
        if problem == nil, !clients.allSatisfy(\.isIdle) { return "somebody waits for ever" }
        // A failed attempt beside open connections is repeated after two seconds.
        for _ in 0..<200 where problem == nil && lanes.contains(where: { !$0.isShutDown && !$0.isWhole }) { round() }
        if problem == nil, lanes.contains(where: { !$0.isShutDown && !$0.isWhole }) {
            return "a connection stays closed"
        }
        for lane in lanes.indices { shutDown(lane) }
        for _ in 0..<3 where problem == nil { round() }
        if let problem { return problem }
        if let lane = lanes.indices.first(where: { !lanes[$0].isStopped || lanes[$0].hasWork }) {
            return "lane \(lane) has not stopped"
        }
        return requests.allSatisfy(\.isAnswered) && clients.allSatisfy { $0.outstanding == 0 }
            ? nil : "a request was not answered"
    }

    private mutating func round() {
        pass(200)
        while problem == nil, !started.isEmpty { handOver(at: 0) }
        for lane in lanes.indices {
            for thread in lanes[lane].threads.indices where problem == nil {
                begin(lane, thread)
                advance(lane, thread, fails: false)
                check()
            }
        }
    }
}
