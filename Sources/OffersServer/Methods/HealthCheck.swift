import Deadlines
import Glibc
import Offers
import Postgres

/// Answers `health`: one round trip to the database, and what is known of its shape and of the work that it did.
struct HealthCheck: Sendable {
    let postgres: PostgresClient
    let monitor: DatabaseMonitor
    /// A sentence for each socket that clients cannot reach.
    let socketNotes: @Sendable () -> [String]
    let started = MonotonicTime.now()

    /// Never fails: a database that cannot be asked is a result.
    func check(deadline: Deadline, trace: PoolTrace? = nil) async -> HealthResult {
        let answer = try? await postgres.read(
            HealthQuery.bound, for: .control, deadline: deadline, trace: trace, decode: HealthQuery.decode)
        var inspection = monitor.inspection
        // Reached, but not looked at yet: only the first question after the start takes more than one round trip.
        if answer != nil, inspection == nil { inspection = await monitor.inspect() }
        let (poolStatus, evidence) = (postgres.status, monitor.known)
        let missing = inspection.map { inspection in
            inspection.shortcomings.map(\.name)
        }
        let sockets = socketNotes()
        let notes =
            sockets + poolStatus.notes + poolStatus.sentences
            + (inspection.map { $0.rowSecurity.faults + $0.rowSecurity.notes } ?? []) + evidence.sentences
        return HealthResult(
            status: HealthCheck.status(answer, inspection, evidence, poolStatus, sockets),
            database: HealthResult.Database(
                reachable: answer != nil, readOnly: answer?.isReadOnly, serverVersion: answer?.serverVersion,
                generation: answer == nil ? nil : inspection?.generation,
                missing: answer == nil ? [] : missing ?? [], serverTime: answer?.serverTime,
                connections: Int64(
                    poolStatus.reads.connected + poolStatus.writes.connected + poolStatus.control.connected),
                lastError: poolStatus.lastError?.kind,
                lastErrorAt: poolStatus.lastError.map { Timestamp(ofThisMachine: $0.at) }, notes: notes),
            uptimeSeconds: started.duration(to: .now()).components.seconds,
            version: Release.version)
    }

    /// The status as far as it is known without asking the database. What it rests on is at most as old as the
    /// monitor's last look and the trials.
    var known: HealthResult.Status {
        guard let inspection = monitor.inspection else { return .down }
        return Self.worst(
            inspection, isReadOnly: inspection.isReadOnly, monitor.known, postgres.status, socketNotes())
    }

    /// The worst that is known of any of these.
    private static func status(
        _ answer: HealthQuery.Answer?, _ inspection: Inspection?, _ evidence: Evidence, _ pool: PoolStatus,
        _ sockets: [String]
    ) -> HealthResult.Status {
        // Nil: lost again in the same moment.
        guard let answer, let inspection else { return .down }
        return worst(inspection, isReadOnly: answer.isReadOnly, evidence, pool, sockets)
    }

    private static func worst(
        _ inspection: Inspection, isReadOnly: Bool, _ evidence: Evidence, _ pool: PoolStatus, _ sockets: [String]
    ) -> HealthResult.Status {
        [
            inspection.status, isReadOnly ? .degraded : .ok, evidence.status,
            pool.reads.isMissing ? .down : pool.writes.isMissing ? .degraded : .ok,
            sockets.isEmpty ? .ok : .degraded,
        ].max() ?? .down
    }
}

extension PoolStatus {
    /// Which kinds of connections cannot be had, in sentences for `health`.
    fileprivate var sentences: [String] {
        [("lists", reads), ("accepts and declines", writes)].compactMap { name, connections in
            connections.isMissing ? "the database gives no connection for \(name); the log has the reason" : nil
        }
    }
}

extension Timestamp {
    /// The moment by this machine's clock: as long ago by its monotonic one.
    fileprivate init(ofThisMachine moment: MonotonicTime) {
        var now = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &now)
        let secondsTo2000 = 946_684_800
        let ago = moment.duration(to: .now()).wholeMicroseconds
        self.init(microseconds: Int64((now.tv_sec - secondsTo2000) * 1_000_000 + now.tv_nsec / 1000) - ago)
    }
}
