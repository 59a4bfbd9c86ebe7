import Deadlines
import JSONRPC
import Offers
import Postgres
import TestDatabase

/// Clients and other writers at work on a stage, and faults while they are; afterwards everything is judged.
struct Ordeal: Sendable {
    /// The choices of all participants.
    var seed: UInt64
    /// How long they work when there are no faults, and before and after each fault otherwise.
    var phase: Duration
    /// What happens meanwhile, in this order.
    var faults: [Fault] = []
    var stage = Stage.Options()
    /// Work goes on until there are so many accepts, however slow the machine is; but no longer than a minute.
    var accepts = 0
    var clients = 12
    var writers = 3

    /// Goes through it.
    func run() async throws -> Report {
        let (evidence, endings) = try await Stage.run(stage) { stage in
            let board = Board(masters: stage.masters)
            for service in stage.services { try await untilConnected(service.socket) }
            try await work(on: stage, board)
            return try await stage.evidence(board)
        }
        return Report(evidence: evidence, endings: endings)
    }

    /// Waits for the first connections of a service, which through a proxy in a process under load may take longer than
    /// it tries; then it rightly refuses. How it begins is judged where it is killed and started again.
    private func untilConnected(_ socket: String) async throws {
        try await Client.withConnection(to: socket) { client in
            let offers = OffersClient(client, deadline: .seconds(60))
            // Two for reads, eight for writes, one for control.
            _ = try await eventually {
                try await offers.health().database.connections
            } until: {
                $0 >= 11
            }
        }
    }

    private func work(on stage: Stage, _ board: Board) async throws {
        if let standing = standing { board.note(standing) }
        let crew = Crew(
            seed: seed, sockets: stage.services.map(\.socket), duelists: stage.duelists, clients: clients,
            writers: writers, makeSession: stage.makeSession)
        try await crew.work(board) {
            var generator = SeededGenerator(seed: seed)
            try await Task.sleep(for: phase)
            for fault in faults {
                board.note(try await fault.happen(on: stage, &generator))
                try await Task.sleep(for: phase)
            }
            let limit = MonotonicTime.now().advanced(by: .seconds(60))
            while board.calls.count(where: \.outcome.isAccept) < accepts, MonotonicTime.now() < limit {
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    /// What lasts as long as the run and is no fault of the moment.
    private var standing: Disturbance? {
        let always = Span(began: MonotonicTime(nanoseconds: 0), ended: Span.never)
        return switch stage.way {
        case .direct, .standby, .serializable: nil
        case .pooler: Disturbance(name: "pooler", span: always, hidesBackends: true)
        case .orphans: Disturbance(name: "orphans", span: always, endsConnections: true)
        case .rolledBackCommits: Disturbance(name: "rolled back", span: always, excuses: [.internalError])
        }
    }
}
