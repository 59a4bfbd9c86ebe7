import Deadlines
import Offers
import Postgres

/// Whether every request was answered, in time, and with an error of the service's own only when there was a cause.
enum TimeRules {
    static func violations(_ evidence: Evidence) -> [Violation] {
        evidence.calls.flatMap { violations($0, evidence) }
    }

    /// The pauses between ten attempts take so long at least: a call that is given up earlier was not tried.
    private static let leastTimeOfRetries = Duration.milliseconds(150)

    /// How much later than its deadline the latest reply came; negative when all came before.
    static func latest(_ evidence: Evidence) -> Duration? {
        evidence.calls.compactMap { lateness($0, evidence.terms) }.max()
    }

    private static func lateness(_ call: Call, _ terms: Terms) -> Duration? {
        switch call.outcome {
        case .lost(byClient: true), .unanswered: nil
        default: call.span.duration - deadline(call, terms)
        }
    }

    private static func deadline(_ call: Call, _ terms: Terms) -> Duration {
        switch call.request {
        case .list, .card: terms.readDeadline
        case .accept, .decline: terms.writeDeadline
        }
    }

    private static func excusesLoss(_ disturbance: Disturbance, of call: Call) -> Bool {
        guard disturbance.losesConnections else { return false }
        // What was written in the moment of the signal may or may not have arrived.
        return !disturbance.answersWhatItRead
            || call.span.began.advanced(by: .milliseconds(100)) >= disturbance.span.began
    }

    /// What disturbed others within seconds of the call, in milliseconds from its beginning.
    private static func surroundings(of call: Call, _ evidence: Evidence) -> String {
        let near = Span(began: call.span.began.advanced(by: .seconds(-5)), ended: call.span.ended)
        func offset(_ moment: MonotonicTime) -> Int64 {
            call.span.began.duration(to: moment).wholeMilliseconds
        }
        let names = evidence.disturbances.filter { $0.span.overlaps(near) && $0.span.ended != Span.never }.map {
            "\($0.name) \(offset($0.span.began))...\(offset($0.span.ended))"
        }
        return names.isEmpty ? "nothing happened near it" : names.joined(separator: ", ")
    }

    private static func violations(_ call: Call, _ evidence: Evidence) -> [Violation] {
        let terms = evidence.terms
        var found: [Violation] = []
        if let late = lateness(call, terms), late > terms.lateness {
            found.append(Violation(promise: .inTime, what: "\(late.wholeMilliseconds) ms after its deadline: \(call)"))
        }
        // A disturbance has its effects until the service has recovered.
        let causes = evidence.disturbances.filter { disturbance in
            guard disturbance.service == nil || disturbance.service == call.service else { return false }
            return disturbance.span.overlaps(call.span)
                || disturbance.span.lengthened(by: terms.recovery)
                    .overlaps(Span(began: call.span.ended, ended: call.span.ended))
        }
        switch call.outcome {
        case .unanswered:
            found.append(Violation(promise: .answered, what: "no reply: \(call)"))
        case .malformed(let what):
            found.append(Violation(promise: .answered, what: "\(what): \(call)"))
        case .lost(byClient: false) where !causes.contains(where: { excusesLoss($0, of: call) }):
            found.append(Violation(promise: .answered, what: "the connection was closed: \(call)"))
        case .refused(let reason) where reason.origin != .domain:
            // Behind a pooler nothing tells whether a backend is gone, and a refusal after a lost COMMIT is no
            // answer.
            let isHidden =
                reason == .outcomeUnknown && causes.contains(where: \.hidesBackends)
                && causes.contains(where: \.endsConnections)
            let isExhausted =
                reason == .timedOut && causes.contains(where: \.exhaustsRetries)
                && call.span.duration >= leastTimeOfRetries
            if !isHidden, !isExhausted, !causes.contains(where: { $0.excuses.contains(reason) }) {
                let near = surroundings(of: call, evidence)
                found.append(
                    Violation(promise: .excused, what: "\(reason.rawValue) without a cause: \(call); \(near)"))
            } else if reason == .outcomeUnknown, !causes.contains(where: \.hidesBackends),
                call.span.duration < terms.writeDeadline - .milliseconds(700)
            {
                found.append(Violation(promise: .excused, what: "there was time to ask again: \(call)"))
            }
        default: break
        }
        return found
    }
}
