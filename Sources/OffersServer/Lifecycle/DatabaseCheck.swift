import Logging
import Postgres
import Synchronization

/// Looks once at a database and says what it lacks: `offersd check`.
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

    /// Connects, looks, and disconnects.
    package static func run(connectionInfo: String) async -> Report {
        let reasons = ConnectionFailures()
        let pool = PostgresPool(
            PostgresConfiguration(connectionInfo: connectionInfo, readConnections: 1, writeConnections: 1),
            logger: Logger(label: "check") { _ in reasons })
        return await withTaskGroup(of: Void.self) { group in
            group.addTask { await pool.run() }
            defer { pool.shutDown() }
            do {
                let inspection = try await Inspection.inspect(pool, deadline: FixedDeadline(milliseconds: 5000))
                let isComplete = inspection.shortcomings.isEmpty
                return Report(
                    verdict: isComplete ? .complete : .lacking,
                    lines: inspection.report + [isComplete ? "ok: nothing that the service needs is missing" : "not ok"]
                )
            } catch {
                return Report(
                    verdict: .unreachable,
                    lines: ["the database cannot be asked: \(error)"] + reasons.texts)
            }
        }
    }
}

/// Keeps why no connection was made: the operator who runs the check is the one to be told.
private final class ConnectionFailures: LogHandler, Sendable {
    private let reasons = Mutex<[String]>([])

    var texts: [String] { reasons.withLock { $0 } }

    // One level for good, and no metadata of its own: this handler only collects.
    var logLevel: Logger.Level {
        get { .warning }
        set {}
    }
    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    func log(event: LogEvent) {
        guard let reason = event.metadata?["reason"] else { return }
        reasons.withLock { reasons in
            if !reasons.contains("\(reason)") { reasons.append("\(reason)") }
        }
    }
}
