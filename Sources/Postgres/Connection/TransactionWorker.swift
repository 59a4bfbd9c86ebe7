/// Runs transactions on one connection, one at a time.
struct TransactionWorker: LaneWorker {
    let session: Session
    private let margins: TransactionPipeline.Margins
    private var begun: TransactionPipeline.Begun?

    init(_ session: Session, _ configuration: PostgresConfiguration) {
        self.session = session
        margins = TransactionPipeline.Margins(lock: configuration.lockMarginMilliseconds)
    }

    mutating func begin(_ job: Write) -> Bool {
        begin([job])
        if case .underWay = begun { return (try? session.connection.flushNow()) == true }
        return false
    }

    /// `jobs` are parts of one transaction. Nothing has begun when there are any.
    mutating func run(_ jobs: [Write], _ more: @Sendable () -> [Write]) -> WorkEnd {
        if !jobs.isEmpty { begin(jobs) }
        return finish()
    }

    static func refuse(_ job: Write, _ error: PostgresError) { job.fail(error) }

    private mutating func begin(_ jobs: [Write]) {
        // Nobody shares a transaction with an inquiry.
        let isInquiry = jobs.first?.attempt == .inquiry
        begun = TransactionPipeline.begin(jobs, on: session, margins: isInquiry ? .inquiry : margins)
    }

    private mutating func finish() -> WorkEnd {
        defer { begun = nil }
        switch begun {
        case .underWay(var pipeline): return pipeline.finish()
        case .ended(let end): return end
        case nil: return WorkEnd(isUsable: true)
        }
    }
}
