import Logging
import Postgres

/// Looks once at a database and says what it lacks: `offersd check`. What it has is proven by doing, without a trace but for
/// one number of the sequence behind `order_status_history.id`.
package enum DatabaseCheck {
    /// How it is.
    package enum Verdict: Sendable {
        /// Everything works.
        case complete
        /// Something does not.
        case lacking
        /// It could not be asked.
        case unreachable
    }

    /// What was found, in lines for an operator.
    package struct Report: Sendable {
        package let verdict: Verdict
        package let lines: [String]
    }

    /// Connects, looks, tries, and disconnects. Through a transaction pooler nothing may be prepared.
    package static func run(
        connectionInfo: String, schema: String = "public", preparesStatements: Bool = true
    ) async -> Report {
        let pool = PostgresPool(
            PostgresConfiguration(
                connectionInfo: connectionInfo, schema: schema, readConnections: 1, writeConnections: 1,
                preparesStatements: preparesStatements),
            logger: Logger(label: "check") { _ in SwiftLogNoOpLogHandler() })
        return await withTaskGroup(of: Void.self) { group in
            group.addTask { await pool.run() }
            defer { pool.shutDown() }
            do {
                return await report(
                    try await Inspection.inspect(pool, deadline: FixedDeadline(milliseconds: 5000)), pool)
            } catch {
                // The operator who runs the check is the one to be told why.
                return Report(
                    verdict: .unreachable,
                    lines: ["the database cannot be asked: \(error)"]
                        + [pool.status.control.lastFailure].compactMap(\.self))
            }
        }
    }

    private static func report(_ inspection: Inspection, _ pool: PostgresPool) async -> Report {
        let tried = await Proof(inspection, pool).lines()
        let isComplete = inspection.isComplete && !tried.contains { $0.hasPrefix("fails:") }
        return Report(
            verdict: isComplete ? .complete : .lacking,
            lines: inspection.report + tried + pool.status.notes
                + [isComplete ? "ok: nothing that the service needs is missing" : "not ok"])
    }
}

/// What does not work although nothing that it needs is missing by name, found by trying.
private struct Proof {
    private let inspection: Inspection
    private let pool: PostgresPool
    private let trials: Trials
    /// The purposes that lack something: that has lines of its own.
    private let lacking: Set<Requirement.Purpose>

    init(_ inspection: Inspection, _ pool: PostgresPool) {
        self.inspection = inspection
        self.pool = pool
        trials = Trials(pool: pool, milliseconds: 3000)
        lacking = Set(inspection.shortcomings.flatMap(\.purposes))
    }

    /// Lines for an operator. Those that begin with "fails:" are faults.
    func lines() async -> [String] {
        var obstacles: [(work: Work, obstacle: Obstacle)] = []
        var isAnswered = true
        func note(_ work: Work, _ outcome: Trials.Outcome) {
            switch outcome {
            case .success: break
            case .failure(let obstacle):
                // Once for all forms of a statement.
                let isNews = !obstacles.contains {
                    $0.work == work && $0.obstacle.sqlState == obstacle.sqlState
                }
                if isNews { obstacles.append((work, obstacle)) }
            case nil: isAnswered = false
            }
        }
        let statements = ServiceStatements.all(
            uniqueOpenPairs: inspection.hasUniqueOpenPairs, metricsTable: inspection.metricsTable)
        for statement in statements where isAnswered && has(statement.work) {
            note(statement.work, await trials.explain(statement))
        }
        if isAnswered, obstacles.isEmpty, !inspection.isReadOnly {
            if has(.acceptOffer) { note(.acceptOffer, await trials.accept(nil)) }
            if has(.declineOffer) { note(.declineOffer, await trials.decline(nil)) }
            if inspection.canTryCommits { note(.commit, await trials.commit()) }
            // Another program may claim the same pair: then it tells nothing.
            if obstacles.isEmpty, isAnswered, let pair = await trials.pair() {
                if has(.acceptOffer), let outcome = await trials.accept(pair) { note(.acceptOffer, outcome) }
                if has(.declineOffer), let outcome = await trials.decline(pair) { note(.declineOffer, outcome) }
            }
        }
        return obstacles.map { "fails: \($0.work.name): \($0.obstacle.detail). \($0.obstacle.advice)" }
            + gaps(isAnswered)
    }

    private func has(_ work: Work) -> Bool { lacking.isDisjoint(with: work.purposes) }

    /// Why not everything was tried.
    private func gaps(_ isAnswered: Bool) -> [String] {
        if isAnswered { return [] }
        let missing = [("lists", pool.status.reads), ("accepts and declines", pool.status.writes)].filter {
            $0.1.connected == 0 && $0.1.isFailing
        }
        if missing.isEmpty {
            return ["not all was tried: the database did not answer in time. Is a table locked? Repeat the check."]
        }
        return missing.map { name, lane in
            "fails: the database gives no connection for \(name): \(lane.lastFailure ?? "no reason was given")"
        }
    }
}

extension Work {
    /// What it needs of a database, by name.
    fileprivate var purposes: Set<Requirement.Purpose> {
        switch self {
        case .listOffers, .getOffer: [.list]
        case .acceptOffer: [.accept]
        case .declineOffer: [.decline]
        case .distributionMetrics: [.metrics]
        case .commit, .supervision: []
        }
    }
}
