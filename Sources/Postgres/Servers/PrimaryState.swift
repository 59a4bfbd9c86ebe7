/// Which server a process talks to, and whether what it says counts: a value without I/O.
///
/// There is at most one server at a time. Searches tell which servers there are, answers tell that it lives. A connection
/// belongs to the term in which it was opened: when another server is chosen a new term begins, and connections of earlier
/// terms are retired.
///
/// An answer counts if its server has been heard of without a gap. A server that was silent for longer may have been
/// replaced meanwhile and not know it: its answers count when a search that began later has found no other.
package struct PrimaryState: Sendable {
    /// A server that a search has found, and where.
    package struct Found: Sendable, Equatable {
        package let address: ServerAddress
        package let report: ServerReport

        package init(address: ServerAddress, report: ServerReport) {
            self.address = address
            self.report = report
        }
    }

    /// What an answer is worth.
    package enum Worth: Sendable, Equatable {
        /// It counts.
        case counts
        /// It counts if a search that begins from now on finds no other server.
        case unproven
        /// Another server has been chosen since the connection was opened.
        case retired
    }

    /// What is to be done to keep the state true.
    package enum Duty: Sendable, Equatable {
        case nothing
        /// The server is to be asked anything at all.
        case ask
        /// All servers are to be looked for.
        case search
    }

    /// The server in use; nil until one is found.
    package private(set) var chosen: Found?
    /// The number of the present term.
    package private(set) var term: UInt64 = 0
    /// When the newest exchange was sent that belongs to the unbroken chain of exchanges with the server.
    private var heardOf = MonotonicTime(nanoseconds: 0)
    /// When the last search ended.
    private var searched = MonotonicTime(nanoseconds: 0)

    /// How long a server may say nothing until its next answer has to be proven, in milliseconds. It is shorter than any
    /// lease by which a cluster's manager decides who is primary.
    static let gap: Int64 = 300
    /// After what silence the server is asked something, in milliseconds.
    static let quiet: Int64 = 100
    /// The pause between two searches while no server takes writes, or the one in use is silent, in milliseconds.
    static let pause: Int64 = 150

    package init() {}

    /// Whether the server in use takes no writes.
    package var isReadOnly: Bool { chosen?.report.role == .readOnly }

    /// Whether the server has been heard of without a gap at `now`.
    package func isFresh(at now: MonotonicTime) -> Bool {
        chosen != nil && heardOf.milliseconds(until: now) <= PrimaryState.gap
    }

    // MARK: What was learnt

    /// A search that began at `began` and ended at `ended` found `servers`. Returns whether a new term begins.
    package mutating func found(_ servers: [Found], began: MonotonicTime, ended: MonotonicTime) -> Bool {
        searched = ended
        guard let best = best(of: servers) else { return false }
        heardOf = max(heardOf, began)
        let before = chosen
        chosen = best
        if let before, before.report.history == best.report.history, !isOtherUnknown(before, best) { return false }
        heardOf = began
        term += 1
        return true
    }

    /// Where the role may not ask for a server's history, another address or another role means another server.
    private func isOtherUnknown(_ before: Found, _ now: Found) -> Bool {
        now.report.history.systemIdentifier == nil
            && (before.address != now.address || before.report.role != now.report.role)
    }

    /// A server that takes writes comes before one that does not. Of one cluster's timelines the highest counts; of several
    /// clusters the one in use, else the first that is named. An earlier timeline than that in use never comes back.
    private func best(of servers: [Found]) -> Found? {
        for role in [ServerReport.Role.primary, .readOnly] {
            let candidates = servers.filter { server in
                server.report.role == role && chosen?.report.history.supersedes(server.report.history) != true
            }
            let inUse = chosen?.report.history.systemIdentifier
            guard
                let first = candidates.first(where: { $0.report.history.systemIdentifier == inUse }) ?? candidates.first
            else { continue }
            let cluster = first.report.history.systemIdentifier
            return candidates.filter { $0.report.history.systemIdentifier == cluster }
                .reduce(nil) { best, next in
                    guard let best, !next.report.history.supersedes(best.report.history) else { return next }
                    return best
                }
        }
        return nil
    }

    /// A connection of this term was opened at `sent` or later to what `report` says. Returns whether it may be used.
    package mutating func opened(_ report: ServerReport, term: UInt64) -> Bool {
        guard term == self.term, let chosen else { return false }
        return report.history == chosen.report.history && report.role == chosen.report.role
    }

    /// An answer that was asked for at `sent` was there at `now`, on a connection of `term`.
    ///
    /// - Parameter isReadOnly: Whether the server said by then that it takes no writes.
    package mutating func heard(
        term: UInt64, isReadOnly: Bool, sent: MonotonicTime, at now: MonotonicTime
    ) -> Worth {
        guard term == self.term, let chosen else { return .retired }
        if isReadOnly != (chosen.report.role == .readOnly) {
            self.chosen = Found(
                address: chosen.address,
                report: ServerReport(history: chosen.report.history, role: isReadOnly ? .readOnly : .primary))
        }
        guard heardOf.milliseconds(until: now) <= PrimaryState.gap else { return .unproven }
        heardOf = max(heardOf, sent)
        // Another server may take writes at any moment, and have accepted what this one still lists.
        return isReadOnly ? .unproven : .counts
    }

    /// A search that began after an answer, asked for at `sent`, has found no other server. Returns whether the answer counts.
    package mutating func proven(term: UInt64, sent: MonotonicTime) -> Bool {
        guard term == self.term else { return false }
        heardOf = max(heardOf, sent)
        return true
    }

    // MARK: What is to be done

    /// What is to be done at `now`.
    package func duty(at now: MonotonicTime) -> Duty {
        let sinceSearch = searched.milliseconds(until: now)
        guard chosen?.report.role == .primary else { return sinceSearch >= PrimaryState.pause ? .search : .nothing }
        let silence = heardOf.milliseconds(until: now)
        if silence > PrimaryState.gap, sinceSearch >= PrimaryState.pause { return .search }
        return silence >= PrimaryState.quiet ? .ask : .nothing
    }
}
