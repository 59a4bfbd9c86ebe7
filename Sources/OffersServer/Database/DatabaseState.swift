import Offers
import Postgres

/// How the database is, as an operator is told: in a line of the log whenever it changes, and in systemd's status.
/// A value; the requests themselves ask the database and never this.
enum DatabaseState: Sendable, Equatable {
    /// It has not been reached yet, and no attempt has failed.
    case unknown
    /// No connection can be had, for the reason that libpq gives.
    case unreachable(reason: String)
    /// Some kinds of connections cannot be had, such as those for writes.
    case partly(pools: [String], reason: String)
    /// It was reached and looked at.
    case reached(
        status: HealthResult.Status, generation: String?, readOnly: Bool, missing: [String], failing: String? = nil)

    /// The state that follows from what the pool is doing and what was found last; nil while connections are being
    /// made or replaced, and it is not yet clear what becomes of them.
    init?(_ pool: PoolStatus, _ inspection: Inspection?, _ evidence: Evidence = Evidence()) {
        let pools = [("reads", pool.reads), ("writes", pool.writes)]
        let failing = pools.filter(\.1.isMissing)
        let reason = failing.compactMap(\.1.lastFailure).first ?? "no reason was given"
        if failing.count == pools.count {
            self = .unreachable(reason: reason)
        } else if pools.contains(where: { $0.1.connected == 0 && !$0.1.isFailing }) {
            return nil
        } else if !failing.isEmpty {
            self = .partly(pools: failing.map(\.0), reason: reason)
        } else if let inspection {
            self = .reached(
                status: max(inspection.status, evidence.status), generation: inspection.generation,
                readOnly: inspection.isReadOnly,
                missing: inspection.shortcomings.filter { $0.purposes != [.metrics] }.map(\.name),
                failing: inspection.rowSecurity.faults.first ?? evidence.sentences.first)
        } else {
            return nil
        }
    }

    /// The state that neither of two pictures of the pool shows: no connection could be had, and all are there again.
    /// Nil if it was not so.
    init?(between earlier: PoolStatus, and later: PoolStatus) {
        let pools = [(earlier.reads, later.reads), (earlier.writes, later.writes)]
        guard pools.allSatisfy({ $0.isMissing || $1.isMissing || $1.outages > $0.outages }) else { return nil }
        self = .unreachable(reason: pools.compactMap { $1.lastFailure }.first ?? "no reason was given")
    }

    /// One sentence without its full stop.
    var text: String {
        switch self {
        case .unknown: "the database has not been reached yet"
        case .unreachable: "the database cannot be reached"
        case .partly(let pools, _): "the database gives no connection for \(pools.joined(separator: " and "))"
        case .reached(let status, let generation, let readOnly, let missing, let failing):
            "the database (generation \(generation ?? "unknown")) "
                + Self.text(status, readOnly: readOnly, missing: missing, failing: failing)
        }
    }

    private static func text(
        _ status: HealthResult.Status, readOnly: Bool, missing: [String], failing: String?
    ) -> String {
        // A whole list would not fit into a line; health and `offersd check` have it.
        let names = missing.first.map { $0 + (missing.count > 1 ? " and \(missing.count - 1) more" : "") }
        return switch (status, names) {
        case (.ok, _): "is complete"
        case (_, let names?): "lacks \(names): see offersd check"
        case (_, nil) where readOnly: "is read-only: lists are served, writes are not"
        case (_, nil): failing.map { "does not do everything: \($0)" } ?? "is not complete"
        }
    }

    /// Why it is so, for the log; nil when there is nothing to add.
    var reason: String? {
        switch self {
        case .unreachable(let reason), .partly(_, let reason): reason
        case .unknown, .reached: nil
        }
    }

    /// Whether everything works.
    var isWell: Bool {
        if case .reached(.ok, _, _, _, _) = self { true } else { false }
    }

    /// Whether the two are the same to an operator: the reason may be put in other words at every attempt.
    func isSame(as other: DatabaseState) -> Bool { text == other.text }
}

extension PoolStatus.Connections {
    /// Whether there is none, and the last attempt to open one failed.
    var isMissing: Bool { connected == 0 && isFailing }
}

extension Evidence {
    /// Down without lists, degraded without anything else.
    var status: HealthResult.Status {
        if obstacle(to: .listOffers) != nil { return .down }
        return obstacles.isEmpty ? .ok : .degraded
    }
}
