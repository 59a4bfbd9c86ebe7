import JSONRPC
import Offers
import OffersServer
import TestDatabase
import Testing
import Turns

/// Commits that are not confirmed are told before an accept meets them.
@Suite(.inTurn)
struct CommitTrialTests {
    @Test("A standby that the server waits for and that is not there: degraded, with the reason, and no backend stays")
    func lostStandby() async throws {
        try await TestDatabase.withServer { database in
            try await RunningService.run(on: database.connectionString, { $0.triesWork = true }) { service in
                #expect(try await service.waitUntilInspected()["status"]?.stringValue == "ok")
                try await database.sql("ALTER SYSTEM SET synchronous_standby_names = 'lost'")
                try await database.sql("SELECT pg_reload_conf()")
                let health = try await eventually(
                    { try await service.health() }, until: { $0["status"]?.stringValue == "degraded" })
                #expect(health["status"]?.stringValue == "degraded")
                let notes = try HealthResult(json: health).database.notes
                #expect(notes.contains { $0.hasPrefix("commits are not confirmed") }, "\(notes)")
                let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
                #expect(try await eventually({ try await database.sql(waiting) }, until: { $0 == ["0"] }) == ["0"])
                #expect(
                    !service.log.texts.contains { $0.contains("unknown outcome") || $0.contains("OUTCOME_UNKNOWN (") })
                try await database.sql("ALTER SYSTEM RESET synchronous_standby_names")
                try await database.sql("SELECT pg_reload_conf()")
                let healed = try await eventually(
                    { try await service.health() }, until: { $0["status"]?.stringValue == "ok" })
                #expect(healed["status"]?.stringValue == "ok")
            }
        }
    }
}
