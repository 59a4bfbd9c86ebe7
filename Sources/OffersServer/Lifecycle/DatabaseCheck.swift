import Deadlines
import Logging
import Postgres

/// Looks once at a database and says what it lacks: `offersd check`. What it has is proven by doing, without a trace
/// but for one number of the sequence behind `order_status_history.id`.
package enum DatabaseCheck {
    /// How it is.
    package enum Verdict: Sendable {
        /// Everything works.
        case complete
        /// Something does not.
        case lacking
        /// It could not be asked.
        case unreachable
    }

    /// What was found, in lines for an operator.
    package struct Report: Sendable {
        package let verdict: Verdict
        package let lines: [String]
    }

    /// Connects, looks, tries, and disconnects, with one connection of each kind.
    ///
    /// - Parameter settings: Those of the service. What takes longer than its deadlines does not work.
    package static func run(_ settings: Settings) async -> Report {
        var configuration = settings.postgres
        (configuration.readConnections, configuration.writeConnections) = (1, 1)
        let postgres = PostgresClient(
            configuration, logger: Logger(label: "check") { _ in SwiftLogNoOpLogHandler() })
        return await withTaskGroup(of: Void.self) { group in
            group.addTask { await postgres.run() }
            defer { postgres.shutDown() }
            do {
                return await report(
                    try await Inspection.inspect(postgres, deadline: Deadline(in: settings.questionLimit)), postgres,
                    settings)
            } catch {
                // The operator who runs the check is the one to be told why.
                return Report(
                    verdict: .unreachable,
                    lines: ["the database cannot be asked: \(error)"]
                        + [postgres.status.reads.lastFailure].compactMap(\.self))
            }
        }
    }

    private static func report(
        _ inspection: Inspection, _ postgres: PostgresClient, _ settings: Settings
    ) async -> Report {
        let proof = Proof(inspection, postgres, settings)
        let found = await proof.found()
        let isComplete = inspection.isComplete && found.allSatisfy(\.isNote)
        return Report(
            verdict: isComplete ? .complete : .lacking,
            lines: await servers(postgres, settings) + inspection.report + found.map(\.text) + postgres.status.notes
                + [isComplete ? "ok: nothing that the service needs is missing" : "not ok"])
    }

    /// Where several servers are named: what each of them is, and what survives the loss of the primary.
    private static func servers(_ postgres: PostgresClient, _ settings: Settings) async -> [String] {
        let sightings = postgres.sightings
        guard sightings.count > 1 else { return [] }
        let durability = try? await postgres.read(
            BoundStatement(Durability.query), for: .control, deadline: Deadline(in: settings.questionLimit)
        ) { rows throws(ResultMismatch) in
            try Durability(rows)
        }
        return sightings + (durability?.notes ?? ["note: whether accepts wait for a standby could not be asked"])
    }
}

extension Settings {
    /// How long a question of a check may take that the service itself does not ask.
    fileprivate var questionLimit: Duration { max(.seconds(5), postgres.readDeadline) }
}
