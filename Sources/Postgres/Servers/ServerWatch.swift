import Deadlines
import Glibc
import Logging
import Synchronization

/// Knows which server the process talks to: opens connections to that one alone, says whether its answers count, and
/// looks for another one when it may have been replaced. I/O around `PrimaryState`.
///
/// A thread of its own searches, and keeps the state true while there are no requests. Threads of connections wait for
/// that one, each no longer than it can afford.
final class ServerWatch: Sendable {
    private struct Searches {
        var last: ServerSearch.Outcome?
        /// A search is wanted that begins at this moment or later; nil: none.
        var wanted: MonotonicTime?
    }

    /// What a connection is opened for.
    struct Purpose: Sendable {
        let workload: SessionSettings.Workload
        /// Whether the server must take writes.
        let needsPrimary: Bool
    }

    private let configuration: PostgresConfiguration
    private let logger: Logger
    private let state = Mutex(PrimaryState())
    private let searches = Mutex(Searches())
    private let notes = Mutex<Set<Session.Note>>([])
    private let isStopped = Atomic<Bool>(false)
    private let support = StartupOptions.Support()
    private let pipe = WakePipe()

    /// How old the findings may be that a new connection relies on.
    private static let findingsAge = Duration.milliseconds(300)
    /// How often waiting threads look whether their server was replaced.
    static let tick = Duration.milliseconds(50)
    /// How long a new connection waits for a search, or as long as its attempt may take. It is tried again.
    private static let leastWait = Duration.seconds(5)
    /// How often they look whether a search has ended.
    private static let searchTick = Duration.milliseconds(2)

    init(_ configuration: PostgresConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    /// Sentences for an operator: what works and should be known, and why no server can be used.
    var sentences: [String] {
        let notes = notes.withLock { Session.Note.allCases.filter($0.contains).map(\.text) }
        let (last, chosen) = (searches.withLock { $0.last }, state.withLock { $0.chosen })
        return notes + [last?.situation(chosen)].compactMap(\.self)
    }

    /// Sentences about each server that the last search looked at, for an operator; empty before the first one.
    var sightings: [String] { searches.withLock { $0.last?.sightings } ?? [] }

    // MARK: Connections

    /// Opens a connection to the server in use; if there is none, or it is silent, that is looked for first.
    ///
    /// - Throws: Why there is none, in libpq's words where there are some.
    func open(_ purpose: Purpose) throws(LibPQConnection.Broken) -> Session {
        let target = try ConnectionTarget(configuration.connectionInfo)
        let asked = MonotonicTime.now()
        if !state.withLock({ $0.isFresh(at: asked) }) {
            let since = asked.advanced(by: -ServerWatch.findingsAge)
            awaitSearch(since: since, until: asked.advanced(by: max(ServerWatch.leastWait, target.attemptTimeout)))
        }
        let began = MonotonicTime.now()
        let (chosen, term) = state.withLock { ($0.chosen, $0.term) }
        guard let chosen, !(purpose.needsPrimary && chosen.report.role != .primary) else { throw unusable() }
        do throws(LibPQConnection.Broken) {
            let settings = SessionSettings(
                schema: configuration.schema, workload: purpose.workload,
                statementTimeout: configuration.readDeadline)
            let options = StartupOptions(settings.options(after: target.options), support)
            let attempt = ConnectAttempt(configuration, chosen.address, options: options)
            let limit = began.advanced(by: target.attemptTimeout)
            try finish(attempt, until: limit, term: term)
            let opened = try attempt.take()
            guard state.withLock({ $0.admits(opened.answer.report, term: term) }) else {
                throw LibPQConnection.Broken(reason: "\(chosen.address.description) has become another server")
            }
            let session = try Session(opened, settings, watch: self, term: term, until: limit)
            note(session.notes)
            return session
        } catch {
            // What was believed of the server may be wrong.
            demandSearch(since: began)
            throw error
        }
    }

    /// Keeps what is to be known of the way to the server, and says what is new.
    private func note(_ new: Set<Session.Note>) {
        let before = notes.withLock { notes in
            defer { notes = new }
            return notes
        }
        for note in Session.Note.allCases where new.contains(note) && !before.contains(note) {
            logger.notice("\(note.text)")
        }
    }

    private func finish(
        _ attempt: ConnectAttempt, until limit: MonotonicTime, term: UInt64
    ) throws(LibPQConnection.Broken) {
        while attempt.waiting != nil {
            let now = MonotonicTime.now()
            guard now < limit else { throw .init(reason: "timeout expired: the server does not answer") }
            guard isCurrent(term) else { throw ServerWatch.retired }
            if attempt.isReady(within: min(ServerWatch.tick, now.duration(to: limit))) { attempt.advance() }
        }
    }

    /// Whether a connection for `purpose` can be opened to the server in use, as far as is known. True while there is
    /// none.
    func canServe(_ purpose: Purpose) -> Bool {
        !purpose.needsPrimary || state.withLock { !$0.isReadOnly }
    }

    /// Whether connections that were opened in `term` are those to the server in use.
    func isCurrent(_ term: UInt64) -> Bool { state.withLock { $0.term } == term }

    /// The reason of what ends because its connection is one to a server that is not in use.
    static let retired = LibPQConnection.Broken(reason: "another server takes the writes")

    // MARK: Answers

    /// Returns if an answer counts that was asked for at `sent` and has just arrived: it was given by the server in
    /// use, and no other is known to have taken its place meanwhile. It may take a search to know that.
    ///
    /// - Parameters:
    ///   - needsProof: Whether the answer says anything of offers. Without that it belongs to the chain, and counts.
    ///   - limit: Until when a search is waited for; nil: for the time of a read's proof.
    ///   - meanwhile: Called every few milliseconds while the search is waited for.
    /// - Throws: When it does not count; the connection is of no further use.
    func confirmServer(
        term: UInt64, isInRecovery: Bool, isReadOnly: Bool, timeline: UInt32?, sent: MonotonicTime,
        needsProof: Bool, until limit: MonotonicTime?, meanwhile: () -> Void
    ) throws(LibPQConnection.Broken) {
        if isInRecovery { throw .init(reason: "the server is in recovery") }
        let now = MonotonicTime.now()
        let (worth, known) = state.withLock { state in
            let worth = state.heard(term: term, isReadOnly: isReadOnly, sent: sent, at: now)
            return (worth, state.chosen?.report.history.timeline)
        }
        // Behind a pooler the server may be another one each time.
        let isOther = timeline != nil && known != nil && timeline != known
        switch worth {
        case .counts where !isOther: return
        case .retired: throw ServerWatch.retired
        case .unproven where !needsProof: return
        case .counts, .unproven:
            let since = isReadOnly || isOther ? now : state.withLock { $0.toBeProvenFrom }
            let limit = limit ?? now.advanced(by: configuration.proofTime)
            try prove(term: term, since: since, until: limit, meanwhile: meanwhile)
            if isOther { throw ServerWatch.retired }
        }
    }

    /// Returns when a search that began at `moment` or later has looked everywhere and found no other server than that
    /// of `term`.
    private func prove(
        term: UInt64, since moment: MonotonicTime, until limit: MonotonicTime, meanwhile: () -> Void = {}
    ) throws(LibPQConnection.Broken) {
        demandSearch(since: moment)
        while !state.withLock({ $0.isProven(term: term, since: moment) }) {
            guard isCurrent(term) else { throw ServerWatch.retired }
            guard MonotonicTime.now() < limit, !isStopped.load(ordering: .relaxed) else {
                throw .init(reason: "the server was silent, and another may have taken its place")
            }
            _ = poll(nil, 0, ServerWatch.searchTick.pollTimeout)
            meanwhile()
        }
    }

    /// Returns if a transaction may be sent on a connection of `term`: its server was heard of a moment ago, or no
    /// other is found.
    ///
    /// - Throws: Also when that is not known by `limit`.
    func confirmServerBeforeSending(term: UInt64, until limit: MonotonicTime) throws(LibPQConnection.Broken) {
        let now = MonotonicTime.now()
        if !state.withLock({ $0.isFresh(at: now) }) { try prove(term: term, since: now, until: limit) }
        guard isCurrent(term) else { throw ServerWatch.retired }
    }

    /// Whether `confirmServerBeforeSending` returns at once.
    func isFresh(term: UInt64) -> Bool {
        let now = MonotonicTime.now()
        return state.withLock { $0.term == term && $0.isFresh(at: now) }
    }

    // MARK: Searches

    /// Has all addresses looked at soon, unless that is done by a search that began at `moment` or later.
    private func demandSearch(since moment: MonotonicTime) {
        searches.withLock { searches in
            if let last = searches.last, last.began >= moment { return }
            searches.wanted = max(searches.wanted ?? moment, moment)
        }
        pipe?.wake()
    }

    /// Waits until a search that began at `moment` or later has something to tell, at the longest until `limit`.
    private func awaitSearch(since moment: MonotonicTime, until limit: MonotonicTime) {
        demandSearch(since: moment)
        while !searches.withLock({ ($0.last?.began).map { $0 >= moment } ?? false }) {
            if MonotonicTime.now() >= limit || isStopped.load(ordering: .relaxed) { return }
            _ = poll(nil, 0, ServerWatch.searchTick.pollTimeout)
        }
    }

    /// Looks at all addresses. Called on the thread of the watch only.
    private func search(
        _ silent: inout Set<ServerAddress>, _ lookups: inout [String: NameLookup], onNewTerm: () -> Void
    ) {
        do throws(LibPQConnection.Broken) {
            let target = try ConnectionTarget(configuration.connectionInfo)
            let settings = SessionSettings(
                schema: configuration.schema, workload: .mixed,
                statementTimeout: configuration.readDeadline)
            ServerSearch.run(
                configuration, target, options: StartupOptions(settings.options(after: target.options), support),
                silent: &silent, lookups: &lookups, tell: { conclude($0, onNewTerm) })
        } catch {
            let failures = [(address: ServerAddress(host: nil), reason: error.reason)]
            conclude(ServerSearch.Outcome(began: .now(), isComplete: true, found: [], failures: failures), onNewTerm)
        }
    }

    /// A search has told something.
    func conclude(_ outcome: ServerSearch.Outcome, _ onNewTerm: () -> Void) {
        let (isNewTerm, chosen) = state.withLock {
            ($0.found(outcome.found, isComplete: outcome.isComplete, began: outcome.began, now: .now()), $0.chosen)
        }
        searches.withLock { searches in
            searches.last = outcome
            if let wanted = searches.wanted, wanted <= outcome.began { searches.wanted = nil }
        }
        guard isNewTerm, let chosen else { return }
        logger.notice(
            "connections go to the server that was found",
            metadata: [
                "server": "\(chosen.address.description)",
                "timeline": "\(chosen.report.history.timeline.map(String.init) ?? "unknown")",
                "takesWrites": "\(chosen.report.role == .primary)",
            ])
        onNewTerm()
    }

    private func unusable() -> LibPQConnection.Broken {
        let last = searches.withLock { $0.last }
        return .init(reason: last?.reason ?? "no server was found")
    }

    // MARK: The thread

    /// Starts the thread that keeps the state true.
    ///
    /// - Parameters:
    ///   - ask: Has the server asked something; its answer is told by `confirmServer`. It must not wait.
    ///   - onNewTerm: Called when another server has been chosen; connections to others are to be closed. It must not
    ///     wait.
    func start(ask: @escaping @Sendable () -> Void, onNewTerm: @escaping @Sendable () -> Void) {
        let started = BlockingThread.start { [self] in
            var silent: Set<ServerAddress> = []
            var lookups: [String: NameLookup] = [:]
            while !isStopped.load(ordering: .relaxed) {
                let now = MonotonicTime.now()
                let isWanted = searches.withLock { $0.wanted != nil }
                switch state.withLock({ $0.duty(at: now) }) {
                case _ where isWanted: search(&silent, &lookups, onNewTerm: onNewTerm)
                case .search: search(&silent, &lookups, onNewTerm: onNewTerm)
                case .ask: ask()
                case .nothing: break
                }
                // A demand that came meanwhile has left a wake-up.
                pipe?.sleep(until: now.advanced(by: PrimaryState.quiet))
            }
        }
        if !started || pipe == nil { logger.error("no thread to watch the database server") }
    }

    /// Ends the thread soon.
    func stop() {
        isStopped.store(true, ordering: .relaxed)
        pipe?.wake()
    }
}

extension ServerSearch.Outcome {
    /// Why no server can be used, for the log.
    fileprivate var reason: String {
        let reports = found.map { server in
            switch server.report.role {
            case .primary: (server.address, "it is on an earlier timeline")
            case .readOnly: (server.address, "it is read-only")
            case .standby: (server.address, "it is in recovery")
            }
        }
        let all = reports + failures.map { ($0.address, $0.reason) }
        if all.count == 1, let only = all.first { return only.1 }
        return all.map { "\($0.0.description): \($0.1)" }.joined(separator: "; ")
    }

    /// A sentence about each address.
    fileprivate var sightings: [String] {
        let reports = found.map { server in
            let timeline = server.report.history.timeline.map { ", on timeline \($0)" } ?? ""
            let text =
                switch server.report.role {
                case .primary: "it is a primary and takes writes\(timeline)"
                case .readOnly: "it is a primary and takes no writes\(timeline)"
                case .standby: "it is in recovery"
                }
            return "server \(server.address.description): \(text)"
        }
        return reports + failures.map { "server \($0.address.description): \($0.reason)" }
    }

    /// Why the server in use is not as it should be, in a sentence that clients may see; nil if it is.
    fileprivate func situation(_ chosen: PrimaryState.Found?) -> String? {
        if let chosen, found.contains(where: { $0.report == chosen.report }) {
            guard chosen.report.role == .readOnly else { return nil }
            return "The server is read-only: lists are served, accept and decline are not."
        }
        if found.contains(where: { $0.report.role == .standby }) {
            return "No server takes writes: one that is in recovery serves nothing, because its lists may be stale."
        }
        if !found.isEmpty { return "The server that takes writes is on an earlier timeline than the one used last." }
        return nil
    }
}
