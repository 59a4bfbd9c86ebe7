import Deadlines
import Glibc

/// A look at all addresses of the settings, side by side: which servers are there, and what each of them is.
///
/// What is found is told while the search goes on, so that a silent address costs nothing. The search ends when every
/// address has answered or had its time; until then a server that takes no writes is asked again and again, for it may
/// be promoted meanwhile.
struct ServerSearch {
    /// What a search found.
    struct Outcome: Sendable {
        let began: MonotonicTime
        /// Whether every address has answered, or had its time.
        let isComplete: Bool
        let found: [PrimaryState.Found]
        /// Why there is no report from an address, in libpq's words, for the log.
        let failures: [(address: ServerAddress, reason: String)]
    }

    private enum Candidate {
        case looking(ServerAddress, NameLookup)
        /// Attempts at one address, each begun a while after the one before, which hangs.
        case trying(ServerAddress, [ConnectAttempt], latest: MonotonicTime)
        case found(PrimaryState.Found, at: MonotonicTime)
        /// A server that took no writes, which is asked once more.
        case repeating(PrimaryState.Found, ConnectAttempt)
        case failed(ServerAddress, String, at: MonotonicTime)

        var isUnfinished: Bool {
            switch self {
            case .looking, .trying: true
            case .found, .repeating, .failed: false
            }
        }

        var isPrimary: Bool {
            if case .found(let server, _) = self { server.report.role == .primary } else { false }
        }
    }

    private let configuration: PostgresConfiguration
    private let target: ConnectionTarget
    private let options: StartupOptions
    private let began = MonotonicTime.now()
    private var candidates: [Candidate] = []
    private var isFirst = true
    /// When the first server reported that takes writes.
    private var firstPrimary: MonotonicTime?
    /// Addresses that said nothing in the last search.
    private let silent: Set<ServerAddress>

    /// How long the others have after the first server that takes writes, until that is told.
    private static let grace = Duration.milliseconds(100)
    /// What an address has that said nothing in the last search either.
    private static let timeOfSilent = Duration.milliseconds(300)
    /// When an address is tried once more: after an attempt that hangs, and after one that failed or found a server
    /// that takes no writes.
    private static let hanging = Duration.milliseconds(400)
    private static let failed = Duration.milliseconds(150)
    /// How often candidates are looked at.
    private static let tick = Duration.milliseconds(10)

    /// Searches, which blocks the calling thread until the search ends.
    ///
    /// - Parameters:
    ///   - options: The start-up options of the connections.
    ///   - silent: Addresses that said nothing in the last search; those of this one at its end.
    ///   - lookups: Questions to the name service that have had no answer yet, by host; kept for the next search.
    ///   - tell: Called with what is found, once a server that takes writes is known and the others had a moment, and
    ///     at the end.
    static func run(
        _ configuration: PostgresConfiguration, _ target: ConnectionTarget, options: StartupOptions,
        silent: inout Set<ServerAddress>, lookups: inout [String: NameLookup], tell: (Outcome) -> Void
    ) {
        var search = ServerSearch(configuration, target, options: options, silent, &lookups)
        var isTold = false
        while search.isUnfinished, case let now = MonotonicTime.now(), now < search.limit {
            search.wait(at: now)
            search.advance(&lookups)
            if !isTold, let first = search.firstPrimary, first.duration(to: .now()) >= grace {
                isTold = true
                tell(search.outcome(isComplete: false))
            }
        }
        silent = search.silentAddresses
        tell(search.outcome(isComplete: true))
    }

    private init(
        _ configuration: PostgresConfiguration, _ target: ConnectionTarget, options: StartupOptions,
        _ silent: Set<ServerAddress>, _ lookups: inout [String: NameLookup]
    ) {
        self.configuration = configuration
        self.target = target
        self.options = options
        self.silent = silent
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

    private func attempt(_ address: ServerAddress, beside others: [ConnectAttempt] = []) -> Candidate {
        .trying(address, others + [ConnectAttempt(configuration, address, options: options)], latest: .now())
    }

    private var isUnfinished: Bool { candidates.contains(where: \.isUnfinished) }

    /// The end. Where a server that takes writes is known, those that were silent before have a short time.
    private var limit: MonotonicTime {
        let unfinished = candidates.compactMap { candidate -> ServerAddress? in
            switch candidate {
            case .looking(let address, _), .trying(let address, _, _): address
            case .found, .repeating, .failed: nil
            }
        }
        let isShort = firstPrimary != nil && unfinished.allSatisfy(silent.contains)
        return began.advanced(
            by: isShort ? min(target.attemptTimeout, ServerSearch.timeOfSilent) : target.attemptTimeout)
    }

    private var silentAddresses: Set<ServerAddress> {
        Set(
            candidates.compactMap { candidate in
                switch candidate {
                case .looking(let address, _), .trying(let address, _, _): address
                case .found, .repeating, .failed: nil
                }
            })
    }

    private func wait(at now: MonotonicTime) {
        var entries: [pollfd] = []
        for candidate in candidates {
            switch candidate {
            case .trying(_, let attempts, _): entries += attempts.compactMap(\.waiting)
            case .repeating(_, let attempt): entries += [attempt.waiting].compactMap(\.self)
            case .looking, .found, .failed: break
            }
        }
        let timeout = min(now.duration(to: limit), ServerSearch.tick).pollTimeout
        _ = unsafe poll(&entries, nfds_t(entries.count), timeout)
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
                    next.append(.failed(address, error.reason, at: .now()))
                }
            case .trying(let address, let attempts, let latest):
                for attempt in attempts where attempt.isReady() { attempt.advance() }
                next.append(Self.result(of: attempts, at: address) ?? repeated(candidate, address, attempts, latest))
            case .failed(let address, _, let at) where !isFirst && firstPrimary == nil && isUnfinished:
                next.append(at.duration(to: .now()) >= ServerSearch.failed ? attempt(address) : candidate)
            case .found(let server, let at) where server.report.role != .primary && firstPrimary == nil && isUnfinished:
                // Others are silent: it may be promoted before the search ends.
                next.append(
                    at.duration(to: .now()) >= ServerSearch.failed
                        ? .repeating(server, ConnectAttempt(configuration, server.address, options: options))
                        : candidate)
            case .repeating(let server, let attempt):
                if attempt.isReady() { attempt.advance() }
                next.append(Self.result(of: [attempt], at: server.address) ?? candidate)
            case .found, .failed:
                next.append(candidate)
            }
        }
        isFirst = false
        candidates = next
        if firstPrimary == nil, candidates.contains(where: \.isPrimary) { firstPrimary = .now() }
    }

    /// With another attempt, if the last one hangs while no server is known that takes writes: an address may lead to
    /// another server meanwhile.
    private func repeated(
        _ candidate: Candidate, _ address: ServerAddress, _ attempts: [ConnectAttempt], _ latest: MonotonicTime
    ) -> Candidate {
        guard firstPrimary == nil, attempts.count < 4, latest.duration(to: .now()) >= ServerSearch.hanging else {
            return candidate
        }
        return attempt(address, beside: attempts)
    }

    /// The first answer, or the failure if all attempts have failed.
    private static func result(of attempts: [ConnectAttempt], at address: ServerAddress) -> Candidate? {
        if let answer = attempts.lazy.compactMap(\.answer).first {
            return .found(PrimaryState.Found(address: address, report: answer.report), at: .now())
        }
        let failures = attempts.compactMap(\.failure)
        return failures.count == attempts.count ? failures.last.map { .failed(address, $0, at: .now()) } : nil
    }

    private func outcome(isComplete: Bool) -> Outcome {
        var found: [PrimaryState.Found] = []
        var failures: [(ServerAddress, String)] = []
        for candidate in candidates {
            switch candidate {
            case .looking(let address, _): failures.append((address, "the name service does not answer"))
            case .trying(let address, _, _): failures.append((address, "timeout expired: the server does not answer"))
            case .found(let server, _), .repeating(let server, _): found.append(server)
            case .failed(let address, let reason, _): failures.append((address, reason))
            }
        }
        return Outcome(began: began, isComplete: isComplete, found: found, failures: failures)
    }
}
