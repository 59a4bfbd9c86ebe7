import Deadlines
import EmbeddedPostgres
import Glibc
import Offers
import Postgres
import TestDatabase

/// What is done to the database or to a service while clients are at work.
enum Fault: String, Sendable, CaseIterable {
    /// Backends of offersd are ended one after the other, at whatever they are doing.
    case terminatedBackends
    /// The database refuses statements and commits for the sake of other transactions (40001), a third of all.
    case conflicts
    /// Postgres is stopped as by a crash, and started again.
    case stopped
    /// The postmaster and all backends stand still for longer than every deadline.
    case frozen
    /// The database takes no writes.
    case readOnly
    /// The database takes no new connections of offersd's role and ends those that there are.
    case refusedConnections
    /// offersd is killed with SIGKILL, and started again.
    case serviceKilled
    /// offersd is ended with SIGTERM, and started again.
    case serviceStopped
    /// The primary crashes, and its standby takes over. Once in a run, and only where there is a standby.
    case failover

    /// The errors that are honest meanwhile.
    var excuses: Set<Reason> {
        switch self {
        case .terminatedBackends, .conflicts, .serviceKilled: []
        case .serviceStopped: [.shuttingDown]
        case .readOnly: [.databaseUnavailable]
        case .stopped, .frozen, .refusedConnections, .failover: [.databaseUnavailable, .timedOut, .outcomeUnknown]
        }
    }

    /// Whether the database is away for a time, so that its return can be told.
    var isOutage: Bool {
        switch self {
        case .stopped, .frozen, .readOnly, .refusedConnections, .serviceKilled, .serviceStopped, .failover: true
        case .terminatedBackends, .conflicts: false
        }
    }

    /// Makes it happen, and returns when the database accepts work again.
    func happen(on stage: Stage, _ generator: inout SeededGenerator) async throws -> Disturbance {
        var disturbance = Disturbance(name: rawValue, span: Span(began: .now(), ended: .now()), excuses: excuses)
        disturbance.exhaustsRetries = self == .conflicts
        disturbance.endsConnections = self != .conflicts && self != .readOnly
        let pause = Duration.milliseconds(Int64.random(in: 100...700, using: &generator))
        switch self {
        case .terminatedBackends: try await terminate(on: stage, &generator)
        case .conflicts:
            _ = try await stage.control.rows("UPDATE audit.mood SET conflicts = 0.2")
            try await Task.sleep(for: .milliseconds(1500))
            _ = try await stage.control.rows("UPDATE audit.mood SET conflicts = 0")
        case .stopped:
            try await stage.database.server.stop(.immediate)
            try await Task.sleep(for: pause)
            try await stage.database.server.start()
        case .frozen:
            try await stage.database.server.pause()
            try await Task.sleep(for: stage.options.writeDeadline + pause)
            try await stage.database.server.resume()
        case .readOnly:
            try await stage.database.sql("ALTER SYSTEM SET default_transaction_read_only = on")
            try await stage.database.sql("SELECT pg_reload_conf()")
            try await Task.sleep(for: pause)
            try await stage.database.sql("ALTER SYSTEM RESET default_transaction_read_only")
            try await stage.database.sql("SELECT pg_reload_conf()")
        case .refusedConnections:
            try await stage.database.sql("ALTER ROLE \(Audit.role) CONNECTION LIMIT 0")
            try await stage.database.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '\(Audit.role)'")
            try await Task.sleep(for: pause)
            try await stage.database.sql("ALTER ROLE \(Audit.role) CONNECTION LIMIT -1")
        case .serviceKilled, .serviceStopped:
            let number = Int.random(in: 0..<stage.services.count, using: &generator)
            let service = stage.services[number]
            let endings = service.endings
            disturbance.service = number
            disturbance.losesConnections = true
            disturbance.answersWhatItRead = self == .serviceStopped
            // Claims that wait when the signal comes, so that there is something to be answered.
            async let held = stage.control.run(
                "BEGIN; SELECT 1 FROM masters FOR UPDATE; SELECT pg_sleep(0.5); ROLLBACK")
            try await Task.sleep(for: .milliseconds(300))
            disturbance.span.began = .now()
            service.send(self == .serviceKilled ? SIGKILL : SIGTERM)
            _ = await held
            while service.endings == endings || service.processID == nil {
                try await Task.sleep(for: .milliseconds(2))
            }
            disturbance.span.ended = service.started
            return disturbance
        case .failover:
            guard let standby = stage.standby else { break }
            try await stage.database.server.stop(.immediate)
            try await standby.sql("SELECT pg_promote()")
        }
        disturbance.span.ended = .now()
        return disturbance
    }

    /// Spares connections that are being made: losing all of those of a kind is being unavailable.
    private func terminate(on stage: Stage, _ generator: inout SeededGenerator) async throws {
        let end = MonotonicTime.now().advanced(by: .seconds(2))
        while MonotonicTime.now() < end {
            _ = try await stage.control.rows(
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE application_name = 'offersd' AND state <> 'idle'
                    AND query NOT LIKE '%pg_control_system%' AND query NOT LIKE '%pg_postmaster_start_time%'
                ORDER BY random() LIMIT 1
                """)
            try await Task.sleep(for: .milliseconds(Double.random(in: 1...30, using: &generator)))
        }
    }
}
