import Glibc
import Offers
import Postgres

/// Answers `health`: one round trip to the database, and what is known of its shape.
struct HealthCheck: Sendable {
    let pool: PostgresPool
    let monitor: DatabaseMonitor
    let started = MonotonicTime.now()

    /// Never fails: a database that cannot be asked is a result.
    func check(deadline: any Deadline) async -> HealthResult {
        let answer = try? await pool.read(
            HealthQuery.bound, for: .control, deadline: deadline, decode: HealthQuery.decode)
        var inspection = monitor.inspection
        // Reached, but not looked at yet: only the first question after the start takes more than one round trip.
        if answer != nil, inspection == nil { inspection = await monitor.inspect() }
        let status: HealthResult.Status =
            switch (answer, inspection?.status) {
            case (nil, _): .down
            case (.some(let answer), .some(let status)): status == .ok && answer.isReadOnly ? .degraded : status
            // Lost again in the same moment.
            case (.some, nil): .down
            }
        let poolStatus = pool.status
        let missing = inspection.map { inspection in
            inspection.shortcomings.map(\.name)
        }
        return HealthResult(
            status: status,
            database: HealthResult.Database(
                reachable: answer != nil, readOnly: answer?.isReadOnly, serverVersion: answer?.serverVersion,
                generation: answer == nil ? nil : inspection?.generation,
                missing: answer == nil ? [] : missing ?? [], serverTime: answer?.serverTime,
                connections: Int64(
                    poolStatus.reads.connected + poolStatus.writes.connected + poolStatus.control.connected),
                lastError: poolStatus.lastError?.kind,
                lastErrorAt: poolStatus.lastError.map { Timestamp(ofThisMachine: $0.at) }),
            uptimeSeconds: started.milliseconds(until: .now()) / 1000,
            version: Release.version)
    }
}

extension Timestamp {
    /// The moment by this machine's clock: as long ago by its monotonic one.
    fileprivate init(ofThisMachine moment: MonotonicTime) {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let secondsTo2000 = 946_684_800
        let ago = Int64((MonotonicTime.now().nanoseconds - moment.nanoseconds) / 1000)
        self.init(microseconds: Int64((now.tv_sec - secondsTo2000) * 1_000_000 + now.tv_nsec / 1000) - ago)
    }
}
