/// Runs transactions on one connection, one at a time.
struct TransactionWorker: LaneWorker {
    let session: Session
    private let lockMarginMilliseconds: Int64
    private var begun: TransactionPipeline.Begun?

    init(_ session: Session, _ configuration: PostgresConfiguration) {
        self.session = session
        lockMarginMilliseconds = configuration.lockMarginMilliseconds
    }

    mutating func begin(_ job: Write) -> Bool {
        let begun = TransactionPipeline.begin(job, on: session, lockMarginMilliseconds: lockMarginMilliseconds)
        self.begun = begun
        if case .underWay = begun { return (try? session.connection.flushNow()) == true }
        return false
    }

    mutating func run(_ jobs: [Write], _ more: @Sendable () -> [Write]) -> Bool {
        var isUsable = finish()
        for job in jobs {
            _ = begin(job)
            isUsable = finish()
        }
        return isUsable
    }

    static func refuse(_ job: Write, _ error: PostgresError) { job.fail(error) }

    private mutating func finish() -> Bool {
        defer { begun = nil }
        switch begun {
        case .underWay(var pipeline): return pipeline.finish()
        case .ended(let isUsable): return isUsable
        case nil: return true
        }
    }
}
