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
        let failures = await failures(inspection, pool)
        let isComplete = inspection.isComplete && failures.isEmpty
        return Report(
            verdict: isComplete ? .complete : .lacking,
            lines: inspection.report + failures + pool.status.notes
                + [isComplete ? "ok: nothing that the service needs is missing" : "not ok"])
    }

    /// What does not work although nothing that it needs is missing by name.
    private static func failures(_ inspection: Inspection, _ pool: PostgresPool) async -> [String] {
        let trials = Trials(pool: pool, milliseconds: 10_000)
        var lines: [String] = []
        var told: Set<String> = []
        func note(_ work: Work, _ outcome: Trials.Outcome, isCertain: Bool = true) {
            let line: String
            switch outcome {
            case .success: return
            case .failure(let obstacle):
                // Once for the forms of a statement.
                guard told.insert("\(work) \(obstacle.sqlState?.rawValue ?? obstacle.detail)").inserted else { return }
                line = "fails: \(work.name): \(obstacle.detail). \(obstacle.advice)"
            case nil where isCertain:
                line = "fails: \(work.name) could not be tried: no connection or no answer. Repeat the check."
            // Another program claimed the same pair in the same moment.
            case nil: return
            }
            if !lines.contains(line) { lines.append(line) }
        }
        // What is missing by name has a line already.
        let lacking = Set(inspection.shortcomings.flatMap(\.purposes))
        let statements = ServiceStatements.all(
            uniqueOpenPairs: inspection.hasUniqueOpenPairs, metricsTable: inspection.metricsTable)
        for statement in statements where lacking.isDisjoint(with: statement.work.purposes) {
            note(statement.work, await trials.explain(statement))
        }
        guard !inspection.isReadOnly, lines.isEmpty else { return lines }
        let pair = await trials.pair()
        if lacking.isDisjoint(with: Work.acceptOffer.purposes) {
            note(.acceptOffer, await trials.accept(nil))
            if let pair, lines.isEmpty { note(.acceptOffer, await trials.accept(pair), isCertain: false) }
        }
        if lacking.isDisjoint(with: Work.declineOffer.purposes) {
            note(.declineOffer, await trials.decline(nil))
            if let pair { note(.declineOffer, await trials.decline(pair), isCertain: false) }
        }
        note(.commit, await trials.commit())
        return lines
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
