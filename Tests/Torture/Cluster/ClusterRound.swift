import Deadlines
import Offers
import Postgres

/// Clients and other writers at work on a cluster, one incident, and everything judged afterwards.
struct ClusterRound: Sendable {
    let incident: Incident
    let seed: UInt64
    /// How long they work before the incident, and after the cluster is whole again.
    var phase = Duration.milliseconds(1500)

    func run(on stage: ClusterStage) async throws -> ClusterReport {
        let cluster = stage.cluster
        try await stage.clear()
        let (board, witness, watch) = (Board(masters: stage.cast.masters), Witness(), HealthWatch())
        let sockets = stage.services.map(\.socket)
        let crew = Crew(
            seed: seed, sockets: sockets, duelists: stage.cast.duelists, clients: 6, writers: 3, loyalClients: 3,
            makeSession: { cluster.session() })
        let rewinds = cluster.rewinds
        let span = try await withThrowingTaskGroup(of: Void.self) { group in
            for node in cluster.nodes {
                let session = cluster.session(on: node)
                group.addTask { await witness.write(to: node, through: session) }
            }
            for (number, socket) in sockets.enumerated() {
                group.addTask { await watch.watch(number, at: socket, board) }
            }
            defer { group.cancelAll() }
            var span = Span(began: .now(), ended: .now())
            try await crew.work(board) {
                var generator = SeededGenerator(seed: seed)
                try await Task.sleep(for: phase)
                span.began = .now()
                try await incident.happen(to: cluster, witness, board, &generator)
                span.ended = .now()
                try await cluster.waitUntilWhole()
                try await Task.sleep(for: phase)
            }
            return span
        }
        let outages = witness.outages().filter { $0.ended >= span.began }
        board.note(Self.disturbance(incident, span, outages))
        var evidence = try await Audit.evidence(board, stage.control)
        evidence.terms.limits = stage.cast.limits
        return ClusterReport(
            incident: incident, seed: seed, evidence: evidence, outages: outages, samples: watch.all,
            unansweredMetrics: watch.unansweredMetrics, confirmed: witness.writes.count,
            lost: try await witness.lost(stage.control).count, rewinds: cluster.rewinds - rewinds)
    }

    /// Errors are honest until the cluster takes writes for good; the shortest outage is one that no write met.
    private static func disturbance(_ incident: Incident, _ span: Span, _ outages: [Span]) -> Disturbance {
        let least = span.began.advanced(by: .seconds(1))
        let ended = max(least, outages.map(\.ended).max() ?? least)
        return Disturbance(
            name: incident.rawValue, span: Span(began: span.began, ended: ended),
            excuses: [.databaseUnavailable, .timedOut, .outcomeUnknown], endsConnections: true)
    }
}
