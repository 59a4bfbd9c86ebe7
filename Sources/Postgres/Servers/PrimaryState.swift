package import Deadlines

/// Which server a process talks to, and whether what it says counts: a value without I/O.
///
/// There is at most one server at a time. Searches tell which servers there are, answers tell that it lives. A
/// connection belongs to the term in which it was opened: when another server is chosen a new term begins, and
/// connections of earlier terms are retired.
///
/// The exchanges with the server form a chain: it breaks where the server was silent for longer than `gap`, for then
/// it may have been replaced and not know it. An answer counts if a search that began after its chain did has found no
/// other server, at any address.
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
    /// When the newest exchange was sent that has been answered.
    private var heardOf = MonotonicTime(nanoseconds: 0)
    /// When the present chain of exchanges began.
    private var chainBegan = MonotonicTime(nanoseconds: 0)
    /// When the newest search began that looked everywhere and found no other server.
    private var provenFrom = MonotonicTime(nanoseconds: 0)
    /// About the least time from a question to its answer of late, in nanoseconds: each answer reckons with it, and a
    /// division of a `Duration` is one of 128 bits.
    private var roundTrip: UInt64 = 0
    /// When the last search ended.
    private var searched = MonotonicTime(nanoseconds: 0)

    /// How long a server may say nothing until its answers have to be proven, besides the round trip.
    /// It is shorter than any lease by which a cluster's manager decides which server is the primary.
    static let shortestGap = Duration.milliseconds(300)
    /// After what silence the server is asked something.
    static let quiet = Duration.milliseconds(100)
    /// The pause between two searches while no server takes writes, or the one in use is silent.
    static let pause = Duration.milliseconds(250)
    /// The same while all is well: two servers may take writes, and neither know of the other.
    static let longPause = Duration.seconds(2)

    private var gap: Duration { PrimaryState.shortestGap + .nanoseconds(Int64(roundTrip * 2)) }

    package init() {}

    /// Whether the server in use takes no writes.
    package var isReadOnly: Bool { chosen?.report.role == .readOnly }

    /// Whether the server has been heard of without a gap at `now`, and is proven.
    package func isFresh(at now: MonotonicTime) -> Bool {
        chosen != nil && heardOf.duration(to: now) <= gap && provenFrom >= chainBegan
    }

    /// When a search must have begun at least that proves the present chain.
    package var toBeProvenFrom: MonotonicTime { chainBegan }

    // MARK: What was learnt

    /// A search that began at `began` has found `servers` by `now`. Returns whether a new term begins.
    ///
    /// - Parameter isComplete: Whether every address has answered, or had its time.
    package mutating func found(
        _ servers: [Found], isComplete: Bool = true, began: MonotonicTime, now: MonotonicTime
    ) -> Bool {
        searched = now
        let before = chosen
        let best = best(of: servers)
        chosen = best ?? chosen
        guard let best, before?.report.history != best.report.history || isOtherUnknown(before, best) else {
            if isComplete { provenFrom = max(provenFrom, began) }
            return false
        }
        (heardOf, chainBegan, provenFrom) = (now, began, began)
        roundTrip = 0
        term += 1
        return true
    }

    /// Where the role may not ask for a server's history, another address or another role means another server.
    private func isOtherUnknown(_ before: Found?, _ now: Found) -> Bool {
        guard let before else { return true }
        return now.report.history.systemIdentifier == nil
            && (before.address != now.address || before.report.role != now.report.role)
    }

    /// A server that takes writes comes before one that does not. Of one cluster's timelines the highest counts; of
    /// several clusters the one in use, else the first that is named. An earlier timeline than that in use never comes
    /// back.
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

    /// Whether a connection may be used that was opened in `term` to a server that says `report`.
    package func admits(_ report: ServerReport, term: UInt64) -> Bool {
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
        if heardOf.duration(to: now) > gap { chainBegan = now }
        heardOf = max(heardOf, sent)
        roundTrip = min(now.nanoseconds - min(sent, now).nanoseconds, roundTrip + roundTrip / 4 + 1_000_000)
        // Beside a read-only server another may take writes at any moment, and have accepted what this one still lists.
        return isReadOnly || provenFrom < chainBegan ? .unproven : .counts
    }

    /// Whether a search that began at `moment` or later has looked everywhere and left the server of `term` in use.
    package func isProven(term: UInt64, since moment: MonotonicTime) -> Bool {
        term == self.term && provenFrom >= moment
    }

    // MARK: What is to be done

    /// What is to be done at `now`.
    package func duty(at now: MonotonicTime) -> Duty {
        let sinceSearch = searched.duration(to: now)
        guard chosen?.report.role == .primary else { return sinceSearch >= PrimaryState.pause ? .search : .nothing }
        let silence = heardOf.duration(to: now)
        let isDoubtful = silence > gap || provenFrom < chainBegan
        if sinceSearch >= (isDoubtful ? PrimaryState.pause : PrimaryState.longPause) { return .search }
        return silence >= PrimaryState.quiet ? .ask : .nothing
    }
}
