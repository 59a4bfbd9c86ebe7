import Deadlines
import Postgres

/// What the service does for its callers, as far as it can succeed or fail by itself.
enum Work: Int, CaseIterable, Sendable {
    case listOffers, getOffer, acceptOffer, declineOffer
    /// What no master waits for: it is not tried, and says nothing of health.
    case explainOffer
    /// That what was written is confirmed: by the disk, and by a standby if the database is to wait for one.
    case commit
    /// The optional rows of `distribution_metrics`.
    case distributionMetrics
    /// Asking again after a connection was lost, and looking after the database.
    case supervision

    /// As a sentence begins with it.
    var name: String {
        switch self {
        case .listOffers: "listOffers"
        case .getOffer: "getOffer"
        case .acceptOffer: "acceptOffer"
        case .declineOffer: "declineOffer"
        case .explainOffer: "explainOffer"
        case .commit: "COMMIT"
        case .distributionMetrics: "distribution_metrics"
        case .supervision: "supervision"
        }
    }
}

/// Whether each kind of work succeeds, by what became of requests and of trials; and which kind should be tried. A
/// value: moments go in and come out.
///
/// A failure counts until a later success that goes as deep as the failure needs: a trial that decided nothing does not
/// show that what a request met is gone. A request is no evidence if it neither succeeded nor met an obstacle of the
/// database: refused by a rule of the business, timed out beside a lock, or without a connection.
struct Evidence: Sendable {
    /// What is known of one kind.
    private struct Known {
        /// The newest success of each depth.
        var successes: [ProofDepth: MonotonicTime] = [:]
        /// The newest failure of those that need each depth.
        var failures: [ProofDepth: (at: MonotonicTime, obstacle: Obstacle)] = [:]
        /// The last trial that went all the way, while the catalog was as it is.
        var wentWhole: MonotonicTime?
        /// The last trial, whatever came of it.
        var tried: MonotonicTime?
        /// Trials that failed or told nothing, one after the other.
        var failedTrials = 0
        /// Whether the last trial was not begun, or not finished.
        var isHindered = false

        /// The newest failure that no success belies.
        var failure: (needs: ProofDepth, obstacle: Obstacle)? {
            failures.filter { needs, failure in
                !successes.contains { $0.key >= needs && $0.value > failure.at }
            }.max { $0.value.at < $1.value.at }.map { ($0.key, $0.value.obstacle) }
        }

        mutating func succeeded(_ depth: ProofDepth, at moment: MonotonicTime) {
            successes[depth] = moment
            failedTrials = 0
            isHindered = false
        }
    }

    /// The kinds that are tried when nothing was heard of them.
    static let kinds: [Work] = [.listOffers, .getOffer, .acceptOffer, .declineOffer, .commit]
    /// How long what was heard is good for.
    static let period = Duration.seconds(5)
    /// The longest time between two trials, of what keeps failing, and between two that go all the
    /// way.
    static let longestPause = Duration.seconds(30)

    private var known = [Known](repeating: Known(), count: Work.allCases.count)

    /// A request succeeded.
    mutating func succeeded(_ work: Work, at moment: MonotonicTime) {
        known[work.rawValue].succeeded(.asked, at: moment)
    }

    /// A request met an obstacle.
    mutating func failed(_ work: Work, _ obstacle: Obstacle, at moment: MonotonicTime) {
        known[work.rawValue].failures[obstacle.needs] = (moment, obstacle)
    }

    /// A trial ended. What hinders it counts the second time: until then it is due again at once, as most locks of
    /// tables are gone in a second.
    mutating func tried(_ work: Work, _ outcome: TrialOutcome, at moment: MonotonicTime) {
        var known = self.known[work.rawValue]
        switch outcome {
        case .success(let depth):
            known.tried = moment
            known.succeeded(depth, at: moment)
            if depth == .whole { known.wentWhole = moment }
        case .failure(let obstacle, let needs):
            known.tried = moment
            known.failures[needs] = (moment, obstacle)
            known.failedTrials += 1
        case .unfinished(let obstacle), .blocked(let obstacle):
            if known.isHindered {
                known.tried = moment
                known.failures[.planned] = (moment, obstacle)
                // Looking for locks costs nothing, and the lock may go.
                if case .unfinished = outcome { known.failedTrials += 1 }
            }
            known.isHindered = true
        case .nothing:
            known.tried = moment
            known.failedTrials += 1
        }
        self.known[work.rawValue] = known
    }

    /// The database is another one than it was: everything that failed is due.
    mutating func forgetFailedTrials() {
        for work in Evidence.kinds {
            known[work.rawValue].failedTrials = 0
            if obstacle(to: work) != nil { known[work.rawValue].tried = nil }
        }
    }

    /// What writes meet may have changed: they are tried all the way again.
    mutating func catalogChanged() {
        for work in Evidence.kinds { known[work.rawValue].wentWhole = nil }
    }

    /// Whether a trial goes all the way. It locks rows for a moment, which another program may take for an order that
    /// is gone: so only when the catalog has changed, when something fails, and from time to time.
    func goesWhole(_ work: Work, at now: MonotonicTime) -> Bool {
        let known = known[work.rawValue]
        guard known.failure == nil, !known.isHindered, let last = known.wentWhole else { return true }
        return last.duration(to: now) >= Evidence.longestPause
    }

    /// Why this kind of work fails; nil: it does not, as far as is known.
    func obstacle(to work: Work) -> Obstacle? { known[work.rawValue].failure?.obstacle }

    /// How deep a success has to go to be news.
    func needs(of work: Work) -> ProofDepth { known[work.rawValue].failure?.needs ?? .planned }

    /// All that fails.
    var obstacles: [(work: Work, obstacle: Obstacle)] {
        Evidence.kinds.compactMap { work in obstacle(to: work).map { (work, $0) } }
    }

    /// What should be tried: of which nothing was heard for a while, longer each time that its trial failed.
    func due(at now: MonotonicTime) -> [Work] {
        Evidence.kinds.filter { work in
            let known = known[work.rawValue]
            if known.failure != nil, known.tried == nil { return true }
            let doublings = max(0, min(known.failedTrials, 4) - 1)
            let pause = min(Evidence.period * (1 << doublings), Evidence.longestPause)
            // An obstacle that requests keep meeting is no reason not to try.
            let heard = (known.successes.values + [known.tried].compactMap(\.self)).max()
            return heard.map { $0.duration(to: now) >= pause } ?? true
        }
    }
}

extension Evidence {
    /// What fails, in sentences without a word of the server.
    var sentences: [String] { obstacles.map { Evidence.sentence($0.work, $0.obstacle.summary) } }

    /// What fails, as it is logged.
    var details: [String] { obstacles.map { Evidence.sentence($0.work, $0.obstacle.detail) } }

    static func sentence(_ work: Work, _ text: String) -> String {
        text == Obstacle.unconfirmed.summary
            ? "commits are not confirmed, so acceptOffer and declineOffer end with OUTCOME_UNKNOWN: \(text)"
            : "\(work.name) fails: \(text)"
    }
}
