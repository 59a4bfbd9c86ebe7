import Deadlines
import Offers
import Postgres

/// Tries some kinds of work, one after the other, each as far as it can be tried now.
struct TrialRound: Sendable {
    let trials: Trials
    let inspection: Inspection
    /// What was known when the round began.
    let evidence: Evidence
    /// The list's statement that is explained.
    let list: ServiceStatement
    /// The connections for writes, as they are now.
    let writes: @Sendable () -> PoolStatus.Connections
    /// When it began: whether work goes all the way is decided once.
    let began = MonotonicTime.now()

    /// - Parameter told: Called with what came of each trial, as soon as it ended.
    func run(_ due: [Work], told: (Work, TrialOutcome) async -> Void) async {
        guard let locks = await trials.tableLocks() else { return }
        var pairs: [OrderParams]?
        for work in due where !Task.isCancelled {
            let tables = locks.against(work)
            guard tables.isEmpty else {
                await told(work, .blocked(.locked(tables)))
                continue
            }
            if pairs == nil, work == .acceptOffer || work == .declineOffer, goesWhole(work),
                locks.against(.acceptOffer).isEmpty
            {
                pairs = await trials.pairs()
            }
            await told(work, await outcome(of: work, pairs ?? [], mayReadCards: locks.against(.getOffer).isEmpty))
        }
    }

    private func outcome(of work: Work, _ pairs: [OrderParams], mayReadCards: Bool) async -> TrialOutcome {
        switch work {
        case .listOffers:
            guard has(.list) else { return .nothing }
            let planned = await trials.explain(list)
            guard planned.isSuccess, mayReadCards, evidence.needs(of: work) > .planned else { return planned }
            return await trials.card() ?? planned
        case .getOffer:
            guard has(.list) else { return .nothing }
            let planned = await trials.explain(ServiceStatements.card[0])
            guard planned.isSuccess else { return planned }
            return await trials.card() ?? planned
        case .acceptOffer:
            guard has(.accept) else { return .nothing }
            return await writing {
                let planned = await trials.accept()
                guard planned.isSuccess, goesWhole(work) else { return planned }
                if let whole = await trials.accept(anyOf: pairs) ?? Trials.untried(pairs, inspection) { return whole }
                return await trials.history() ?? planned
            }
        case .declineOffer:
            guard has(.decline) else { return .nothing }
            return await writing {
                let planned = await trials.decline()
                guard planned.isSuccess, goesWhole(work) else { return planned }
                return await trials.decline(anyOf: pairs) ?? Trials.untried(pairs, inspection) ?? planned
            }
        case .commit:
            guard inspection.canTryCommits else { return .nothing }
            return await writing { await trials.commit() }
        case .explainOffer, .distributionMetrics, .supervision:
            return .nothing
        }
    }

    private func goesWhole(_ work: Work) -> Bool { evidence.goesWhole(work, at: began) }

    private func has(_ purpose: Requirement.Purpose) -> Bool { inspection.missing(for: purpose).isEmpty }

    /// Tries something that needs a connection for writes, if there is one that requests do not use.
    private func writing(_ trial: () async -> TrialOutcome) async -> TrialOutcome {
        let writes = writes()
        guard !inspection.isReadOnly, writes.connected > 0 else { return .nothing }
        guard writes.busy < writes.connected else { return .blocked(.busy) }
        return await trial()
    }
}

extension TrialOutcome {
    /// Whether it worked as far as it was tried.
    var isSuccess: Bool { if case .success = self { true } else { false } }
}
