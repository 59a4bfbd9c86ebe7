/// Runs a group of reads as one pipeline, each with a sync of its own, so that an error touches nobody else.
struct ReadPipeline {
    private let session: Session
    private let jobs: [any ReadJob]
    private var prepares: [Bool] = []
    /// The jobs from this one on have not been heard of.
    private var next = 0
    /// Those of the unheard ones that were told that their time is over; their results are still to come.
    private var givenUp: Set<Int> = []
    private var isUsable = true

    /// How often deadlines are looked at while the server is silent; in milliseconds.
    private static let tick: Int64 = 50
    /// How long a connection may owe answers that nobody waits for; in milliseconds. `statement_timeout` ends
    /// such a statement about when its deadline does, so a server that is alive needs much less.
    private static let patience: Int64 = 400

    /// Runs `jobs` and tells each its result or error, in order. Returns whether the connection can be used again.
    static func run(_ jobs: [any ReadJob], on session: Session) -> Bool {
        var pipeline = ReadPipeline(session: session, jobs: jobs)
        do {
            try pipeline.send()
            while pipeline.next < jobs.count { try pipeline.receive() }
            return pipeline.isUsable
        } catch {
            for index in pipeline.next..<jobs.count where !pipeline.givenUp.contains(index) {
                jobs[index].fail(.connectionLost)
            }
            return false
        }
    }

    private init(session: Session, jobs: [any ReadJob]) {
        self.session = session
        self.jobs = jobs
    }

    private mutating func send() throws(LibPQConnection.Broken) {
        prepares.reserveCapacity(jobs.count)
        for job in jobs {
            prepares.append(try session.connection.send(job.bound))
            try session.connection.sync()
        }
        try session.connection.flush(until: .now().advanced(byMilliseconds: 2000))
    }

    /// Receives what belongs to one job, up to its sync, and only then answers it: a server that has become
    /// read-only says so before the sync, and where there are several hosts its rows may be old.
    private mutating func receive() throws(LibPQConnection.Broken) {
        let job = jobs[next]
        let statement = job.bound.statement
        var preparing = prepares[next]
        var rows: QueryResult?
        var failure: ServerMessage?
        receiving: while true {
            let event = try session.connection.next(until: .now().advanced(byMilliseconds: ReadPipeline.tick))
            switch consume event {
            case .timedOut:
                try giveUpOverdue()
            case .result(let result):
                if let message = try result.failure(statement: statement.name) {
                    failure = failure ?? message
                    if preparing { session.connection.forget(statement) }
                } else if result.hasRows {
                    rows = consume result
                }
                preparing = false
            case .synchronized:
                break receiving
            }
        }
        if session.connection.hasSeveralHosts, session.connection.isReadOnly {
            throw LibPQConnection.Broken(reason: "the server has become read-only")
        }
        answer(job, rows: rows, failure: failure)
        next += 1
    }

    private mutating func answer(_ job: any ReadJob, rows: consuming QueryResult?, failure: ServerMessage?) {
        if let failure, failure.sqlState.closesConnection { isUsable = false }
        guard givenUp.remove(next) == nil else { return }
        if let failure {
            job.fail(failure.sqlState == .queryCanceled ? .timedOut : .refused(failure))
        } else if let rows {
            job.complete(rows)
        } else {
            job.fail(.unexpectedResult(statement: job.bound.statement.name, problem: "no rows"))
        }
    }

    private mutating func giveUpOverdue() throws(LibPQConnection.Broken) {
        let now = MonotonicTime.now()
        for index in next..<jobs.count where !givenUp.contains(index) && jobs[index].deadline.hasPassed(at: now) {
            jobs[index].fail(.timedOut)
            givenUp.insert(index)
        }
        // All that are left were given up, the first of them longest ago.
        let limit = now.advanced(byMilliseconds: -ReadPipeline.patience)
        if givenUp.count == jobs.count - next, jobs[next].deadline.hasPassed(at: limit) {
            throw LibPQConnection.Broken(reason: "the server does not answer")
        }
    }
}
