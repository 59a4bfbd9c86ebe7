import Offers
import Postgres

/// What does not work although nothing that it needs is missing by name, and what could not be tried; found by trying.
struct Proof: Sendable {
    /// A line for an operator.
    struct Line: Sendable {
        let text: String
        /// Whether the service works all the same.
        let isNote: Bool
    }

    private let inspection: Inspection
    private let postgres: PostgresClient
    private let trials: Trials
    /// The purposes that lack something: that has lines of its own.
    private let lacking: Set<Requirement.Purpose>

    init(_ inspection: Inspection, _ postgres: PostgresClient, _ settings: Settings) {
        self.inspection = inspection
        self.postgres = postgres
        // The server ends what takes longer than the deadline of a read, and says so a moment later.
        trials = Trials(
            postgres: postgres, readLimit: settings.postgres.readDeadline + .seconds(1),
            writeLimit: settings.writeDeadline)
        lacking = Set(inspection.shortcomings.flatMap(\.purposes))
    }

    /// Tries everything that can be tried.
    func found() async -> [Line] {
        guard let locks = await trials.tableLocks() else {
            return [Line(text: "not tried: anything: \(Proof.silence)", isNote: false)]
        }
        var findings = Findings()
        for statement in ServiceStatements.all(
            uniqueOpenPairs: inspection.hasUniqueOpenPairs, readsHistory: inspection.canReadHistory,
            metricsTable: inspection.metricsTable)
        where has(statement.work) && findings.mayGoOn(with: statement.work) {
            let tables = locks.against(statement.work)
            findings.note(
                statement.work, tables.isEmpty ? await trials.explain(statement) : .blocked(.locked(tables)))
        }
        if has(.getOffer), findings.isEmpty(of: .getOffer), let card = await trials.card() {
            findings.note(.getOffer, card)
        }
        let notes = inspection.isReadOnly ? [Proof.readOnly] : await tryWrites(&findings)
        return findings.lines { gap(of: $0) } + notes
    }

    /// Returns what could not be tried because nothing of its kind is there.
    private func tryWrites(_ findings: inout Findings) async -> [Line] {
        let works = [Work.acceptOffer, .declineOffer].filter { has($0) && findings.isEmpty(of: $0) }
        for work in works {
            findings.note(work, work == .acceptOffer ? await trials.accept() : await trials.decline())
        }
        if inspection.canTryCommits { findings.note(.commit, await trials.commit()) }
        guard works.allSatisfy(findings.isEmpty(of:)), !works.isEmpty else { return [] }
        guard let pairs = await trials.pairs() else {
            findings.note(works[0], .unfinished(.unfinished))
            return []
        }
        var untried: [Work] = []
        for work in works {
            let outcome =
                work == .acceptOffer
                ? await trials.accept(anyOf: pairs) : await trials.decline(anyOf: pairs)
            if let outcome = outcome ?? Trials.untried(pairs, inspection) {
                findings.note(work, outcome)
            } else {
                untried.append(work)
                if work == .acceptOffer, let history = await trials.history() { findings.note(work, history) }
            }
        }
        if untried.isEmpty { return [] }
        let reason = pairs.isEmpty ? "no offer can be accepted at present" : "the row of the only one is locked"
        let names = untried.map(\.name).joined(separator: " and ")
        return [Line(text: "note: the rows that \(names) writes were not tried: \(reason).", isNote: true)]
    }

    private static let readOnly = Line(
        text: "not tried: acceptOffer and declineOffer: the database is read-only.", isNote: false)

    private func has(_ work: Work) -> Bool { lacking.isDisjoint(with: work.purposes) }

    private static let silence = "the database did not answer in time. Repeat the check."

    /// Why work was not tried about which the database said nothing.
    private func gap(of work: Work) -> String {
        let connections =
            [.listOffers, .getOffer, .explainOffer, .supervision].contains(work)
            ? postgres.status.reads : postgres.status.writes
        guard connections.isMissing else { return Proof.silence }
        return "the database gives no connection: \(connections.lastFailure ?? "no reason was given")"
    }
}

/// What trials told, one obstacle for all forms of a statement.
private struct Findings {
    private var found: [(work: Work, outcome: TrialOutcome)] = []

    /// Whether more can be told of this kind: each form of a statement may fail for a reason of its own.
    func mayGoOn(with work: Work) -> Bool {
        !found.contains {
            if case .failure = $0.outcome { false } else { $0.work == work }
        }
    }

    func isEmpty(of work: Work) -> Bool { !found.contains { $0.work == work } }

    mutating func note(_ work: Work, _ outcome: TrialOutcome) {
        if case .success = outcome { return }
        if case .failure(let obstacle, _) = outcome,
            obstacles(to: work).contains(where: { $0.sqlState == obstacle.sqlState })
        {
            return
        }
        found.append((work, outcome))
    }

    private func obstacles(to work: Work) -> [Obstacle] {
        found.compactMap {
            if case .failure(let obstacle, _) = $0.outcome, $0.work == work { obstacle } else { nil }
        }
    }

    /// - Parameter gap: Why the database said nothing about this.
    func lines(gap: (Work) -> String) -> [Proof.Line] {
        found.map { work, outcome in
            let text =
                switch outcome {
                case .failure(let obstacle, _): "fails: \(work.name): \(obstacle.detail). \(obstacle.advice)"
                case .unfinished(let obstacle), .blocked(let obstacle):
                    "not tried: \(work.name): \(obstacle.detail). \(obstacle.advice)"
                case .nothing, .success: "not tried: \(work.name): \(gap(work))"
                }
            return Proof.Line(text: text, isNote: work == .distributionMetrics)
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
        case .explainOffer: [.explain]
        case .distributionMetrics: [.metrics]
        case .commit, .supervision: []
        }
    }
}
