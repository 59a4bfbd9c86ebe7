import Deadlines
import Offers
import Postgres

/// What came out of an ordeal.
struct Report: Sendable {
    let evidence: Evidence
    let endings: [ServiceProcess.Ending]

    /// What was broken, without what the machine alone may be to blame for when it is busy.
    ///
    /// - Parameters:
    ///   - lateness: How much later than its deadline a reply may come.
    ///   - recovery: How long after a disturbance its effects are excused.
    func violations(lateness: Duration = .milliseconds(200), recovery: Duration = .seconds(1)) -> [Violation] {
        var evidence = evidence
        evidence.terms.lateness = lateness
        evidence.terms.recovery = recovery
        return Checker.violations(in: evidence)
    }

    /// Accepts that were committed and acknowledged.
    var accepts: Int { evidence.calls.count(where: \.outcome.isAccept) }

    /// How often each outcome occurred.
    var outcomes: [String: Int] {
        Dictionary(grouping: evidence.calls, by: \.outcome.name).mapValues(\.count)
    }

    /// The time from the return of the database to the first list and the first verdict about a claim on each service,
    /// by the name of the disturbance; the longest of each.
    var recoveries: [String: Duration] {
        var longest: [String: Duration] = [:]
        let services = Set(evidence.calls.map(\.service))
        for disturbance in evidence.disturbances where Fault(rawValue: disturbance.name)?.isOutage == true {
            for service in disturbance.service.map({ [$0] }) ?? Array(services) {
                for isWanted in [\Call.Outcome.isList, \Call.Outcome.isVerdict] {
                    let first = evidence.calls.filter {
                        $0.service == service && $0.outcome[keyPath: isWanted]
                            && $0.span.ended >= disturbance.span.ended
                    }.map(\.span.ended).min()
                    let time = disturbance.span.ended.duration(to: first ?? Span.never)
                    longest[disturbance.name] = max(longest[disturbance.name] ?? .zero, time)
                }
            }
        }
        return longest
    }

    /// A few lines for people.
    var summary: String {
        let counts = outcomes.sorted { $0.value > $1.value }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        var lines = [
            "\(evidence.calls.count) calls, \(accepts) accepts, \(evidence.acts.count) acts of other writers, "
                + "\(evidence.changes.count) changes of rows",
            counts,
            "latest reply \((TimeRules.latest(evidence) ?? .zero).wholeMilliseconds) ms after its deadline",
        ]
        for (name, time) in recoveries.sorted(by: { $0.key < $1.key }) {
            lines.append("\(name): first success after \(time.wholeMilliseconds) ms")
        }
        return lines.joined(separator: "\n")
    }
}

extension Call.Outcome {
    fileprivate var name: String {
        switch self {
        case .listed: "listed"
        case .shown: "shown"
        case .accepted(_, _, let already): already ? "accepted before" : "accepted"
        case .declined(_, let already): already ? "declined before" : "declined"
        case .refused(let reason): reason.rawValue
        case .lost(let byClient): byClient ? "given up" : "lost"
        case .unanswered: "unanswered"
        case .malformed: "malformed"
        }
    }

    /// Whether the order was given to the caller now.
    var isAccept: Bool { if case .accepted(_, _, already: false) = self { true } else { false } }

    var isList: Bool { if case .listed = self { true } else { false } }

    /// Whether the database has decided about a claim.
    var isVerdict: Bool {
        switch self {
        case .accepted, .declined: true
        case .refused(let reason): reason.origin == .domain
        case .listed, .shown, .lost, .unanswered, .malformed: false
        }
    }
}
