import Logging
import Postgres

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

    /// Connects, looks, and disconnects. Through a transaction pooler nothing may be prepared.
    package static func run(
        connectionInfo: String, schema: String = "public", preparesStatements: Bool = true
    ) async -> Report {
        let pool = PostgresPool(
            PostgresConfiguration(
                connectionInfo: connectionInfo, schema: schema, readConnections: 1, writeConnections: 1,
                preparesStatements: preparesStatements),
            logger: Logger(label: "check") { _ in SwiftLogNoOpLogHandler() })
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
                // The operator who runs the check is the one to be told why.
                return Report(
                    verdict: .unreachable,
                    lines: ["the database cannot be asked: \(error)"]
                        + [pool.status.control.lastFailure].compactMap(\.self))
            }
        }
    }
}
