import Deadlines
import Offers
import Postgres

/// What came out of a round on a cluster.
struct ClusterReport: Sendable {
    let incident: Incident
    let seed: UInt64
    let evidence: Evidence
    /// When the harness's own writes were not confirmed.
    let outages: [Span]
    let samples: [HealthWatch.Sample]
    let unansweredMetrics: Int
    /// The harness's own writes that were confirmed, and those of them that the cluster has lost.
    let confirmed: Int
    let lost: Int
    /// How often an old primary came back by pg_rewind.
    let rewinds: Int

    /// Which reaction of a service to the return of the cluster.
    enum Reaction: String, CaseIterable, Sendable {
        case list = "first list"
        case verdict = "first verdict about an accept or a decline"
        case health = "health ok"

        /// What is promised.
        var promise: Duration { self == .health ? .seconds(5) : .seconds(1) }
    }

    /// The longest time from the return of the cluster to each reaction of each service. Nil: there was none.
    func times() -> [(reaction: Reaction, time: Duration?)] {
        Reaction.allCases.map { reaction in
            let times = outages.flatMap { outage in
                Set(evidence.calls.map(\.service)).map { time(of: reaction, service: $0, after: outage.ended) }
            }
            return (reaction, times.contains(nil) ? nil : times.compactMap(\.self).max() ?? .zero)
        }
    }

    private func time(of reaction: Reaction, service: Int, after moment: MonotonicTime) -> Duration? {
        let spans: [(span: Span, isRight: Bool)]
        switch reaction {
        case .health:
            spans = samples.filter { $0.service == service }.map { ($0.span, $0.status == .ok) }
        case .list:
            spans = evidence.calls.filter { $0.service == service }.map { ($0.span, $0.outcome.isList) }
        case .verdict:
            spans = evidence.calls.filter { $0.service == service }.map { ($0.span, $0.outcome.isVerdict) }
        }
        let after = spans.filter { $0.span.ended >= moment }
        // A service that was spared meanwhile is measured from when it is asked.
        guard let began = after.map(\.span.began).min(),
            let ended = after.filter(\.isRight).map(\.span.ended).min()
        else { return nil }
        return max(began, moment).duration(to: ended)
    }

    /// What was broken.
    ///
    /// - Parameter room: What a busy machine is given on top of each promise.
    func violations(room: Duration) -> [String] {
        var evidence = evidence
        evidence.terms.lateness = room
        evidence.terms.recovery = .seconds(1) + room
        var found = Checker.violations(in: evidence)
        // What the cluster itself loses is not the service's.
        if lost > 0 { found.removeAll { Self.restsOnConfirmedWrites($0.promise) } }
        return found.map(\.description) + slowReactions(room) + untrueHealth(room)
            + (unansweredMetrics > 0 ? ["metrics: \(unansweredMetrics) calls had no answer"] : [])
    }

    private static func restsOnConfirmedWrites(_ promise: Violation.Promise) -> Bool {
        switch promise {
        case .excused, .answered, .inTime: false
        default: true
        }
    }

    private func slowReactions(_ room: Duration) -> [String] {
        times().compactMap { reaction, time in
            guard let time else { return "recovery: no \(reaction.rawValue) after an outage" }
            return time > reaction.promise + room
                ? "recovery: \(reaction.rawValue) after \(time.wholeMilliseconds) ms" : nil
        }
    }

    /// Health that says "ok" for longer than five seconds while no commit comes through.
    private func untrueHealth(_ room: Duration) -> [String] {
        outages.flatMap { outage in
            let silent = Span(began: outage.began.advanced(by: .seconds(5) + room), ended: outage.ended)
            return samples.filter {
                $0.status == .ok && $0.span.began >= silent.began && $0.span.ended <= silent.ended
            }.prefix(1).map { sample in
                let time = outage.began.duration(to: sample.span.ended).wholeMilliseconds
                let length = outage.duration.wholeMilliseconds
                return "health of service \(sample.service) is ok \(time) ms into an outage of \(length) ms"
            }
        }
    }

    /// Some lines for people.
    var summary: String {
        let report = Report(evidence: evidence, endings: [])
        let outcomes = report.outcomes.sorted { $0.value > $1.value }.map { "\($0.key) \($0.value)" }
        var lines = [
            "\(evidence.calls.count) calls, \(report.accepts) accepts; " + outcomes.joined(separator: ", "),
            "\(confirmed) writes of the harness were confirmed, \(lost) of them are lost; pg_rewind ran \(rewinds) times",
            "outages of \(outages.map { "\($0.duration.wholeMilliseconds) ms" }.joined(separator: ", ")); "
                + times().map {
                    "\($0.reaction.rawValue) after \($0.time.map { "\($0.wholeMilliseconds) ms" } ?? "never")"
                }
                .joined(separator: ", "),
            "latest reply \((TimeRules.latest(evidence) ?? .zero).wholeMilliseconds) ms after its deadline",
        ]
        if lost > 0 {
            lines.append("NOT JUDGED: what rests on commits, as the cluster itself lost some that it had confirmed")
        }
        return lines.map { "  " + $0 }.joined(separator: "\n")
    }
}
