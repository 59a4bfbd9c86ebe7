import Deadlines
import Offers
import Postgres

/// Who is behind each committed transaction, and therefore when it was committed.
struct Attribution: Sendable {
    /// A committed accept of offersd.
    struct Claim: Sendable {
        let order: Int
        let master: Int
        let before: OrderState
        let after: OrderState
        let transaction: Int
        let changes: [Change]

        /// The offer that was accepted.
        var offer: Int? {
            changes.lazy.compactMap { change in
                if case .offer(let id, _, _, _, let to) = change.content, to.state == "ACCEPTED" { id } else { nil }
            }.first
        }
    }

    private struct Pair: Hashable {
        let order: Int
        let master: Int
    }

    /// When each transaction was committed, as closely as can be told.
    private(set) var spans: [Int: Span] = [:]
    /// The accepts of offersd in the order of their changes.
    private(set) var claims: [Claim] = []
    private(set) var violations: [Violation] = []
    private let disturbances: [Disturbance]
    private let terms: Terms
    private let calls: [Call]

    /// The calls that may have written without a word of it, each the explanation of one transaction.
    private var unheardAccepts: [Pair: [Call]] = [:]
    private var unheardDeclines: [Pair: [Call]] = [:]

    init(_ evidence: Evidence) {
        terms = evidence.terms
        calls = evidence.calls
        // What was begun in a disturbance has its effects a little later.
        disturbances = evidence.disturbances.map { disturbance in
            var longer = disturbance
            longer.span = longer.span.lengthened(by: evidence.terms.recovery)
            return longer
        }
        let acts = Dictionary(uniqueKeysWithValues: evidence.acts.map { ($0.number, $0) })
        var accepts: [Pair: [Int: [Call]]] = [:]
        var declines: [Pair: [Int: [Call]]] = [:]
        for call in evidence.calls {
            switch (call.request, call.outcome) {
            case (.accept(let master, let order), .accepted(let offer, _, already: false)):
                accepts[Pair(order: order, master: master), default: [:]][offer ?? 0, default: []].append(call)
            case (.decline(let master, let order), .declined(let offer, already: false)):
                let pair = Pair(order: order, master: master)
                declines[pair, default: [:]][offer, default: []].append(call)
                // Its own first attempt may have declined the offer before that one.
                if mayHaveAskedAgain(call) { unheardDeclines[pair, default: []].append(call) }
            case (.decline(let master, let order), .declined(_, already: true)) where mayHaveAskedAgain(call):
                unheardDeclines[Pair(order: order, master: master), default: []].append(call)
            // Its own first attempt may have been withdrawn by others before it asked again: then it is refused.
            case (.accept(let master, let order), .refused(let reason))
            where reason.origin == .domain && mayHaveAskedAgain(call):
                unheardAccepts[Pair(order: order, master: master), default: []].append(call)
            case (.decline(let master, let order), .refused(let reason))
            where reason.origin == .domain && mayHaveAskedAgain(call):
                unheardDeclines[Pair(order: order, master: master), default: []].append(call)
            case (.accept(let master, let order), _) where call.mayHaveWritten:
                unheardAccepts[Pair(order: order, master: master), default: []].append(call)
            case (.decline(let master, let order), _) where call.mayHaveWritten:
                unheardDeclines[Pair(order: order, master: master), default: []].append(call)
            default: break
            }
        }
        let groups = Dictionary(grouping: evidence.changes, by: \.transaction).values
            .map { $0.sorted { $0.sequence < $1.sequence } }
            .sorted { $0[0].sequence < $1[0].sequence }
        for changes in groups {
            let transaction = changes[0].transaction
            switch changes[0].writer {
            case .setup:
                let start = MonotonicTime(nanoseconds: 0)
                spans[transaction] = Span(began: start, ended: start)
            case .act(let number):
                spans[transaction] = span(of: acts[number], number)
            case .offersd:
                let calls = Self.byOrder(changes).compactMap { explain($0, accepts: &accepts, declines: &declines) }
                spans[transaction] = span(of: calls, transaction)
            }
        }
        // What was acknowledged and is not there.
        for (pair, calls) in accepts {
            for call in calls.values.joined() {
                note(.acknowledgedIsThere, "order \(pair.order) was not assigned to master \(pair.master): \(call)")
            }
        }
        for (pair, calls) in declines {
            for call in calls.values.joined() {
                note(.acknowledgedIsThere, "order \(pair.order) was not declined by master \(pair.master): \(call)")
            }
        }
    }

    private mutating func note(_ promise: Violation.Promise, _ what: String) {
        violations.append(Violation(promise: promise, what: what))
    }

    /// The changes of each order by themselves: accepts of different orders share transactions.
    private static func byOrder(_ changes: [Change]) -> [[Change]] {
        Dictionary(grouping: changes, by: \.order).values.sorted { $0[0].sequence < $1[0].sequence }
    }

    /// The span of the call that one of offersd's changes are explained by.
    private mutating func explain(
        _ changes: [Change], accepts: inout [Pair: [Int: [Call]]], declines: inout [Pair: [Int: [Call]]]
    ) -> Span? {
        if let claim = Self.claim(changes) {
            claims.append(claim)
            return explain(claim, by: &accepts)
        }
        if let (pair, offer) = Self.decline(changes) {
            return explain(pair, offer, at: changes.first?.at, by: &declines)
        }
        note(.explained, "changes of offersd that are no accept and no decline: \(changes)")
        return nil
    }

    /// When a transaction was committed that all these calls had part in: while all of them ran.
    private mutating func span(of calls: [Span], _ transaction: Int) -> Span? {
        guard let began = calls.map(\.began).max(), let ended = calls.map(\.ended).min() else { return nil }
        if began > ended { note(.explained, "calls in transaction \(transaction), not at one time: \(calls)") }
        return Span(began: began, ended: max(began, ended))
    }

    private mutating func span(of act: Act?, _ number: Int) -> Span? {
        guard let act else {
            note(.explained, "no act has the number \(number)")
            return nil
        }
        switch act.outcome {
        case .done: return act.span
        case .unknown: return Span(began: act.span.began, ended: Span.never)
        case .rolledBack:
            note(.explained, "\(act.name) \(number) was rolled back, and yet it wrote")
            return act.span
        }
    }

    private mutating func explain(_ claim: Claim, by accepts: inout [Pair: [Int: [Call]]]) -> Span? {
        let pair = Pair(order: claim.order, master: claim.master)
        // An offer is accepted once in its life.
        let offer = claim.offer ?? accepts[pair]?.keys.first ?? 0
        if let calls = accepts[pair]?.removeValue(forKey: offer), let call = calls.first {
            // Of several taps that lost their connections and found the order theirs, none can tell who committed.
            if calls.count(where: { !mayHaveAskedAgain($0) }) > 1 {
                note(.acknowledgedOnce, "order \(pair.order), master \(pair.master), one accept for all of: \(calls)")
            }
            for call in calls where !hasVersion(of: claim, call) {
                note(.acknowledgedIsThere, "version \(claim.after.version) of order \(pair.order): \(call)")
            }
            return call.span
        }
        if let span = Self.take(&unheardAccepts, pair) {
            noteIfBehindHisBack(pair, claim.changes.first?.at, span)
            return span
        }
        note(
            .explained,
            "no call asked to accept order \(pair.order) for master \(pair.master): \(claim.after); \(whatWasAsked(pair))"
        )
        return nil
    }

    /// Whether the version that was told is that of the accept; or a later one, if it was found by asking again.
    private func hasVersion(of claim: Claim, _ call: Call) -> Bool {
        guard case .accepted(_, let version, _) = call.outcome else { return true }
        return version == claim.after.version
            || version > claim.after.version && mayHaveAskedAgain(call)
    }

    /// Whether connections may have been lost with a COMMIT on its way while the call ran.
    private func mayHaveAskedAgain(_ call: Call) -> Bool {
        disturbances.contains { $0.endsConnections && $0.span.overlaps(call.span) }
    }

    private mutating func explain(
        _ pair: Pair, _ offer: Int, at moment: Timestamp?, by declines: inout [Pair: [Int: [Call]]]
    ) -> Span? {
        if let calls = declines[pair]?.removeValue(forKey: offer), let call = calls.first {
            if calls.count > 1 { note(.acknowledgedOnce, "offer \(offer), one decline for all of: \(calls)") }
            return call.span
        }
        if let span = Self.take(&unheardDeclines, pair) {
            noteIfBehindHisBack(pair, moment, span)
            return span
        }
        note(
            .explained,
            "no call asked to decline order \(pair.order) for master \(pair.master), offer \(offer); \(whatWasAsked(pair))"
        )
        return nil
    }

    /// Told that it was refused, and carried out behind the master's back.
    private mutating func noteIfBehindHisBack(_ pair: Pair, _ moment: Timestamp?, _ calls: Span) {
        guard let moment, moment > terms.clock(at: calls.ended) else { return }
        note(
            .explained,
            "order \(pair.order) was changed for master \(pair.master) after the last of their calls had ended")
    }

    /// The calls that could have, for people: what became of each tells why it is no explanation.
    private func whatWasAsked(_ pair: Pair) -> String {
        let asked = calls.filter {
            $0.request == .accept(master: pair.master, order: pair.order)
                || $0.request == .decline(master: pair.master, order: pair.order)
        }
        return asked.isEmpty
            ? "nothing was asked of them" : "asked was: " + asked.map { "\($0)" }.joined(separator: "; ")
    }

    /// When what a call began must be over at the latest: when it was refused, nothing of it may be left.
    private static func end(of call: Call) -> MonotonicTime {
        call.mayHaveWritten ? Span.never : call.span.ended
    }

    /// Uses up one of the calls of the pair. Which one it was is not known: any time after the first began.
    private static func take(_ calls: inout [Pair: [Call]], _ pair: Pair) -> Span? {
        guard let possible = calls[pair], let began = possible.map(\.span.began).min(),
            let ended = possible.map(end(of:)).max(),
            let first = possible.indices.min(by: { end(of: possible[$0]) < end(of: possible[$1]) })
        else { return nil }
        calls[pair]?.remove(at: first)
        // Those that are left keep the earliest beginning, for they might be the ones that were not used.
        calls[pair] = calls[pair]?.map { call in
            Call(
                request: call.request, connection: call.connection, service: call.service,
                span: Span(began: began, ended: call.span.ended), outcome: call.outcome)
        }
        return Span(began: began, ended: ended)
    }

    private static func claim(_ changes: [Change]) -> Claim? {
        for change in changes {
            guard case .order(let id, let before?, let after) = change.content, let master = after.owner else {
                continue
            }
            return Claim(
                order: id, master: master, before: before, after: after, transaction: change.transaction,
                changes: changes)
        }
        return nil
    }

    /// The pair and the highest offer, if all changes are declined offers of one pair.
    private static func decline(_ changes: [Change]) -> (pair: Pair, offer: Int)? {
        var found: (pair: Pair, offer: Int)?
        for change in changes {
            guard case .offer(let id, let order, let master, let from?, let to) = change.content,
                from.isOpen, to.state == "DECLINED", change.columns == ["state", "responded_at"]
            else { return nil }
            let pair = Pair(order: order, master: master)
            guard found == nil || found?.pair == pair else { return nil }
            found = (pair, max(id, found?.offer ?? id))
        }
        return found
    }
}
