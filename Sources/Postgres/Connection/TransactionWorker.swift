/// Runs transactions on one connection, one at a time.
struct TransactionWorker: ConnectionDriver {
    typealias Taken = WorkQueue<Write>.Taken

    let session: Session
    private let usual: TransactionPipeline.Margins
    private let proofTime: Duration
    private let sharedTimeout: Duration
    private var pipeline: TransactionPipeline?
    /// What is to be sent when the server is known to be still the one in use.
    private var unproven: Taken?

    init(_ session: Session, _ configuration: PostgresConfiguration) {
        self.session = session
        usual = .usual(silence: configuration.silenceMargin)
        proofTime = configuration.proofTime / 2
        sharedTimeout = configuration.sharedTimeout
    }

    mutating func begin(_ write: Taken) -> Bool {
        guard session.isFresh else {
            // To find out whether the server was replaced takes time, which only the connection's thread has.
            unproven = write
            return false
        }
        begin([write])
        return pipeline?.isUnderWay == true && (try? session.connection.flushNow()) == true
    }

    /// `writes` are parts of one transaction. Nothing has begun when there are any.
    mutating func run(_ writes: [Taken], _ more: @Sendable () -> [Taken]) -> WorkEnd {
        let waiting = unproven.map { [$0] } ?? writes
        unproven = nil
        guard !waiting.isEmpty else { return finish() }
        do throws(LibPQConnection.Broken) {
            try session.confirmBeforeSending(
                until: TransactionPipeline.limit(ofProving: waiting, within: proofTime))
        } catch {
            for write in waiting { write.item.fail(.connectionLost) }
            return WorkEnd(lost: error.reason)
        }
        begin(waiting)
        return finish()
    }

    static func refuse(_ write: WorkItem<Write>, _ error: PostgresError) { write.fail(error) }

    private mutating func begin(_ writes: [Taken]) {
        // An outcome check shares its transaction with no other write.
        let isOutcomeCheck = writes.first?.item.job.attempt == .outcomeCheck
        pipeline = TransactionPipeline.begin(
            writes, on: session, margins: isOutcomeCheck ? .outcomeCheck : usual, sharedTimeout: sharedTimeout)
    }

    private mutating func finish() -> WorkEnd {
        defer { pipeline = nil }
        return pipeline?.finish() ?? WorkEnd()
    }
}
