/// Runs a group of reads as one pipeline.
///
/// The group has one sync at its end, so that the server sends all its answers at once and wakes us once: with a sync
/// after each read a group of 16 costs 16 system calls and wake-ups on either side. An error makes the server skip what
/// is behind it in the group; those reads, which have not run, are then sent again, each with a sync of its own, so that
/// an error touches nobody else.
struct ReadPipeline: ~Copyable {
    private let session: Session
    private let jobs: [Read]
    /// The jobs that were told that their time is over; their results may be still to come.
    private var givenUp: Set<Int> = []
    private var isUsable = true

    /// How often deadlines are looked at while the server is silent; in milliseconds.
    private static let tick: Int64 = 50
    /// How long a connection may owe answers that nobody waits for; in milliseconds. `statement_timeout` ends
    /// such a statement about when its deadline does, so a server that is alive needs much less.
    private static let patience: Int64 = 400

    /// Runs `jobs` and tells each its result or error, in order. Returns whether the connection can be used again.
    static func run(_ jobs: [Read], on session: Session) -> Bool {
        var pipeline = ReadPipeline(session: session, jobs: jobs)
        /// The jobs from this one on have not been told anything but that their time is over.
        var next = 0
        do {
            next = try pipeline.run(0..<jobs.count)
            while next < jobs.count {
                let skipped = next
                next = try pipeline.run(skipped..<skipped + 1)
                guard next > skipped else { throw LibPQConnection.Broken(reason: "a single read was skipped") }
            }
            return pipeline.isUsable
        } catch {
            for index in next..<jobs.count where !pipeline.givenUp.contains(index) {
                jobs[index].fail(.connectionLost)
            }
            return false
        }
    }

    private init(session: Session, jobs: [Read]) {
        self.session = session
        self.jobs = jobs
    }

    /// Sends the jobs of a range with one sync behind them. Tells them their results when all have come, for only then
    /// is it known whether the server is still the one to ask. Returns the first job that was not run.
    private mutating func run(_ range: Range<Int>) throws(LibPQConnection.Broken) -> Int {
        guard range.contains(where: { !givenUp.contains($0) }) else { return range.upperBound }
        let prepares = try send(range)
        var answers: [Result<QueryResult, PostgresError>] = []
        answers.reserveCapacity(range.count)
        var firstSkipped = range.upperBound
        var index = range.lowerBound
        var isPreparation = prepares[0]
        var preparationFailure: ServerMessage?
        receiving: while true {
            let event = try session.connection.next(until: .now().advanced(byMilliseconds: ReadPipeline.tick))
            switch event {
            case .timedOut:
                try giveUpOverdue(in: range)
            case .synchronized:
                break receiving
            case .result(let result):
                guard index < range.upperBound else { throw LibPQConnection.Broken(reason: "too many results") }
                let failure = try result.failure(statement: jobs[index].bound.statement.name)
                if isPreparation {
                    if failure != nil || result.wasSkipped { session.connection.forget(jobs[index].bound.statement) }
                    preparationFailure = failure
                    isPreparation = false
                    continue
                }
                if let failure = preparationFailure ?? failure {
                    if failure.sqlState.closesConnection { isUsable = false }
                    answers.append(.failure(failure.sqlState == .queryCanceled ? .timedOut : .refused(failure)))
                } else if result.wasSkipped {
                    firstSkipped = min(firstSkipped, index)
                } else {
                    answers.append(.success(result))
                }
                preparationFailure = nil
                index += 1
                isPreparation = index < range.upperBound && prepares[index - range.lowerBound]
            }
        }
        guard index == range.upperBound else { throw LibPQConnection.Broken(reason: "too few results") }
        if session.connection.hasSeveralHosts, session.connection.isReadOnly {
            throw LibPQConnection.Broken(reason: "the server has become read-only")
        }
        for (index, answer) in zip(range, answers) where !givenUp.contains(index) {
            jobs[index].caller.resume(returning: answer)
        }
        return firstSkipped
    }

    private func send(_ range: Range<Int>) throws(LibPQConnection.Broken) -> [Bool] {
        var prepares: [Bool] = []
        prepares.reserveCapacity(range.count)
        for index in range { prepares.append(try session.connection.send(jobs[index].bound)) }
        try session.connection.sync()
        try session.connection.flush(until: .now().advanced(byMilliseconds: 2000))
        return prepares
    }

    private mutating func giveUpOverdue(in range: Range<Int>) throws(LibPQConnection.Broken) {
        let now = MonotonicTime.now()
        for index in range.lowerBound..<jobs.count
        where !givenUp.contains(index) && jobs[index].deadline.hasPassed(at: now) {
            jobs[index].fail(.timedOut)
            givenUp.insert(index)
        }
        // All were given up, the first of them longest ago.
        let limit = now.advanced(byMilliseconds: -ReadPipeline.patience)
        if range.allSatisfy(givenUp.contains), jobs[range.lowerBound].deadline.hasPassed(at: limit) {
            throw LibPQConnection.Broken(reason: "the server does not answer")
        }
    }
}
