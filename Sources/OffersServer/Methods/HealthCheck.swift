import Offers
import Postgres

/// Answers `health`: one round trip to the database, and what is known of its shape.
struct HealthCheck: Sendable {
    let pool: PostgresPool
    let monitor: DatabaseMonitor
    let started = MonotonicTime.now()

    /// Never fails: a database that cannot be asked is a result.
    func check(deadline: any Deadline) async -> HealthResult {
        let answer = try? await pool.read(HealthQuery.bound, deadline: deadline, decode: HealthQuery.decode)
        let inspection = monitor.inspection
        let status: HealthResult.Status =
            switch (answer, inspection?.status) {
            case (nil, _): .down
            case (.some(let answer), .some(let status)): status == .ok && answer.isReadOnly ? .degraded : status
            // Reached, but not looked at yet: for a moment after the start.
            case (.some, nil): .degraded
            }
        let missing = inspection.map { inspection in
            inspection.shortcomings.map(\.name)
        }
        return HealthResult(
            status: status,
            database: HealthResult.Database(
                reachable: answer != nil, readOnly: answer?.isReadOnly, serverVersion: answer?.serverVersion,
                generation: answer == nil ? nil : inspection?.generation,
                missing: answer == nil ? [] : missing ?? [], serverTime: answer?.serverTime),
            uptimeSeconds: started.milliseconds(until: .now()) / 1000,
            version: Contract.version)
    }
}
