import JSONRPC
import Offers
import OffersServer
import TestDatabase
import Testing
import Turns

@testable import OffersServer

/// Tables that other programs lock: every request waits, so nothing may be called well.
@Suite(.inTurn)
struct TableLocksTests {
    @Test(
        "What a lock is in the way of",
        arguments: [
            (
                "offers", .everything,
                [.listOffers, .getOffer, .acceptOffer, .declineOffer, .explainOffer, .distributionMetrics]
            ),
            ("offers", .writes, [.acceptOffer, .declineOffer]),
            ("orders", .writes, [.acceptOffer]), ("orders", .rowLocks, [.acceptOffer, .declineOffer]),
            ("masters", .writes, []), ("masters", .rowLocks, [.acceptOffer, .declineOffer]),
            ("settings", .rowLocks, []), ("settings", .everything, [.acceptOffer, .explainOffer]),
            ("order_status_history", .writes, [.acceptOffer]),
            ("order_status_history", .everything, [.acceptOffer, .explainOffer]),
            ("streets", .everything, [.getOffer, .acceptOffer]),
            ("cities", .everything, [.listOffers, .getOffer, .acceptOffer]),
            ("distribution_metrics", .everything, [.distributionMetrics]), ("others", .everything, []),
        ] as [(String, TableLocks.Strength, [Work])])
    func uses(table: String, strength: TableLocks.Strength, hinders: [Work]) {
        #expect(Work.allCases.filter { TableLocks([table: strength]).against($0) == [table] } == hinders)
    }

    @Test(
        "Check and health name the tables and what waits for them, and the service heals",
        arguments: [
            ("offers", "ACCESS EXCLUSIVE", "listOffers", "down"), ("orders", "ACCESS EXCLUSIVE", "listOffers", "down"),
            ("masters", "EXCLUSIVE", "declineOffer", "degraded"),
            ("order_status_history", "SHARE", "acceptOffer", "degraded"),
        ])
    func locked(table: String, mode: String, work: String, status: String) async throws {
        try await TestDatabase.withDatabase { database in
            _ = try await Scene(database).offeredOrder()
            try await RunningService.run(on: database.connectionString, { $0.triesWork = true }) { service in
                #expect(try await service.waitUntilInspected()["status"]?.stringValue == "ok")
                try await HeldLock.hold("LOCK TABLE \(table) IN \(mode) MODE", in: database) { _ in
                    let report = await DatabaseCheck.report(on: database.connectionString)
                    #expect(report.verdict == .lacking)
                    let line = "not tried: \(work): timeout: \(table) locked by others."
                    #expect(report.lines.contains { $0.hasPrefix(line) }, "\(report.lines)")
                    #expect(report.lines.last == "not ok")
                    let note = "\(work) fails: timeout: \(table) locked by others"
                    let health = try await eventually(
                        { try await service.health() },
                        until: {
                            $0["status"]?.stringValue == status
                                && $0["database"]?["notes"]?.elements?.contains { $0.stringValue == note } == true
                        })
                    #expect(health["status"]?.stringValue == status)
                    #expect(try HealthResult(json: health).database.notes.contains(note), "\(health)")
                }
                let healed = try await eventually(
                    { try await service.health() }, until: { $0["status"]?.stringValue == "ok" })
                #expect(healed["status"]?.stringValue == "ok")
            }
        }
    }

    @Test("A lock that waits counts")
    func waiting() async throws {
        try await TestDatabase.withDatabase { database in
            try await HeldLock.hold("LOCK TABLE offers IN ACCESS SHARE MODE", in: database) { reader in
                async let locks = HeldLock.hold("LOCK TABLE offers IN ACCESS EXCLUSIVE MODE", in: database) { _ in }
                try await reader.isWaitedFor()
                let report = await DatabaseCheck.report(on: database.connectionString)
                #expect(report.verdict == .lacking, "\(report.lines)")
                #expect(report.lines.contains { $0.hasPrefix("not tried: listOffers: timeout: offers locked") })
                try await reader.release()
                try await locks
            }
            #expect(await DatabaseCheck.report(on: database.connectionString).verdict == .complete)
        }
    }
}
