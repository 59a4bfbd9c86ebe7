import Glibc

/// A look at all addresses of the settings, side by side: which servers are there, and what each of them is.
///
/// A silent address costs nothing but the time that the others need, and a little more.
struct ServerSearch {
    /// What a search found.
    struct Outcome: Sendable {
        let began: MonotonicTime
        let ended: MonotonicTime
        let found: [PrimaryState.Found]
        /// Why there is no report from an address, in libpq's words, for the log.
        let failures: [(address: ServerAddress, reason: String)]
    }

    private enum Candidate {
        case looking(ServerAddress, NameLookup)
        case trying(ServerAddress, ConnectAttempt)
        case found(PrimaryState.Found)
        case failed(ServerAddress, String)

        var isUnfinished: Bool {
            switch self {
            case .looking, .trying: true
            case .found, .failed: false
            }
        }
    }

    private let configuration: PostgresConfiguration
    private let target: ConnectionTarget
    private let options: String?
    private let began = MonotonicTime.now()
    private var candidates: [Candidate] = []
    /// When the first server reported.
    private var firstReport: MonotonicTime?

    /// How long the others have after the first report, at least, in milliseconds.
    private static let leastGrace: Int64 = 100
    /// How often a look-up of a name is asked for, in milliseconds.
    private static let tick: Int64 = 10

    /// Searches, which blocks the calling thread: until all addresses have reported or failed, or those that have not are
    /// late. Late is what takes longer than an attempt may, or three times as long as the first report took.
    ///
    /// - Parameters:
    ///   - options: The start-up options of the connections.
    ///   - lookups: Questions to the name service that have had no answer yet, by host; kept for the next search.
    static func run(
        _ configuration: PostgresConfiguration, _ target: ConnectionTarget, options: String?,
        lookups: inout [String: NameLookup]
    ) -> Outcome {
        var search = ServerSearch(configuration, target, options: options, &lookups)
        while search.isUnfinished, case let now = MonotonicTime.now(), now < search.limit {
            search.wait(at: now)
            search.advance(&lookups)
        }
        return search.outcome
    }

    private init(
        _ configuration: PostgresConfiguration, _ target: ConnectionTarget, options: String?,
        _ lookups: inout [String: NameLookup]
    ) {
        self.configuration = configuration
        self.target = target
        self.options = options
        for address in target.addresses {
            if address.needsLookup, let host = address.host {
                let lookup = lookups[host] ?? NameLookup(host)
                lookups[host] = lookup
                candidates.append(.looking(address, lookup))
            } else {
                candidates.append(attempt(address))
            }
        }
        advance(&lookups)
    }

    private func attempt(_ address: ServerAddress) -> Candidate {
        .trying(address, ConnectAttempt(configuration, address, options: options))
    }

    private var isUnfinished: Bool { candidates.contains(where: \.isUnfinished) }

    private var limit: MonotonicTime {
        let last = began.advanced(byMilliseconds: target.attemptMilliseconds)
        guard let firstReport else { return last }
        let grace = max(ServerSearch.leastGrace, 2 * began.milliseconds(until: firstReport))
        return min(last, firstReport.advanced(byMilliseconds: grace))
    }

    private func wait(at now: MonotonicTime) {
        var entries: [pollfd] = []
        var isLooking = false
        for candidate in candidates {
            switch candidate {
            case .looking: isLooking = true
            case .trying(_, let attempt): if let entry = attempt.waiting { entries.append(entry) }
            case .found, .failed: break
            }
        }
        let remaining = now.milliseconds(until: limit) + 1
        let milliseconds = isLooking ? min(remaining, ServerSearch.tick) : remaining
        _ = poll(&entries, nfds_t(entries.count), Int32(clamping: milliseconds))
    }

    /// Takes all candidates as far as they go without waiting.
    private mutating func advance(_ lookups: inout [String: NameLookup]) {
        var next: [Candidate] = []
        for candidate in candidates {
            switch candidate {
            case .looking(let address, let lookup):
                guard let result = lookup.result else {
                    next.append(candidate)
                    continue
                }
                if let host = address.host { lookups[host] = nil }
                switch result {
                case .success(let numericHosts):
                    next += numericHosts.map {
                        attempt(ServerAddress(host: address.host, numericHost: $0, port: address.port))
                    }
                case .failure(let error):
                    next.append(.failed(address, error.reason))
                }
            case .trying(let address, let attempt):
                if attempt.isReady() { attempt.advance() }
                next.append(Self.result(of: attempt, at: address) ?? candidate)
            case .found, .failed:
                next.append(candidate)
            }
        }
        candidates = next
        if firstReport == nil, candidates.contains(where: { if case .found = $0 { true } else { false } }) {
            firstReport = .now()
        }
    }

    private static func result(of attempt: ConnectAttempt, at address: ServerAddress) -> Candidate? {
        if let answer = attempt.answer { return .found(PrimaryState.Found(address: address, report: answer.report)) }
        return attempt.failure.map { .failed(address, $0) }
    }

    private var outcome: Outcome {
        var found: [PrimaryState.Found] = []
        var failures: [(ServerAddress, String)] = []
        for candidate in candidates {
            switch candidate {
            case .looking(let address, _): failures.append((address, "the name service does not answer"))
            case .trying(let address, _): failures.append((address, "timeout expired: the server does not answer"))
            case .found(let server): found.append(server)
            case .failed(let address, let reason): failures.append((address, reason))
            }
        }
        return Outcome(began: began, ended: .now(), found: found, failures: failures)
    }
}
