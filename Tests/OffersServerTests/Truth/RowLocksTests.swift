import EmbeddedPostgres
import JSONRPC
import Offers
import OffersServer
import Postgres
import TestDatabase
import Testing
import Turns

@testable import OffersServer

/// Rows that other programs lock.
@Suite(.inTurn)
struct RowLocksTests {
    @Test("The row of one order that can be accepted is passed over; if there is no other, that is a note")
    func one() async throws {
        try await TestDatabase.withDatabase { database in
            let scene = try await Scene(database)
            _ = try await scene.offeredOrder()
            try await HeldLock.hold("SELECT FROM orders FOR UPDATE", in: database) { _ in
                let report = await DatabaseCheck.report(on: database.connectionString)
                #expect(report.verdict == .complete, "\(report.lines)")
                #expect(report.lines.contains { $0.hasSuffix("the row of the only one is locked.") }, "\(report.lines)")
            }
            try await HeldLock.hold("SELECT FROM offers FOR UPDATE", in: database) { _ in
                let order = try await scene.order()
                _ = try await database.insert(OfferRow(orderID: order, masterID: scene.rival))
                let report = await DatabaseCheck.report(on: database.connectionString)
                #expect(report.verdict == .complete, "\(report.lines)")
                #expect(!report.lines.contains { $0.hasPrefix("note:") }, "\(report.lines)")
            }
        }
    }

    @Test("One transaction that locks them all is told, for every accept and decline waits for it")
    func all() async throws {
        try await TestDatabase.withDatabase { database in
            let scene = try await Scene(database)
            _ = try await scene.offeredOrder()
            let order = try await scene.order()
            _ = try await database.insert(OfferRow(orderID: order, masterID: scene.rival))
            try await RunningService.run(on: database.connectionString, { $0.triesWork = true }) { service in
                #expect(try await service.waitUntilInspected()["status"]?.stringValue == "ok")
                try await HeldLock.hold("UPDATE masters SET updated_at = now()", in: database) { _ in
                    let report = await DatabaseCheck.report(on: database.connectionString)
                    #expect(report.verdict == .lacking, "\(report.lines)")
                    let text = "timeout: the rows of all offers that were tried are locked by others"
                    #expect(
                        report.lines.contains { $0.hasPrefix("not tried: acceptOffer: \(text).") }, "\(report.lines)")
                    let health = try await eventually(
                        { try await service.health() }, until: { $0["status"]?.stringValue == "degraded" })
                    let notes = try HealthResult(json: health).database.notes
                    #expect(notes.contains("acceptOffer fails: \(text)"), "\(notes)")
                }
                let healed = try await eventually(
                    { try await service.health() }, until: { $0["status"]?.stringValue == "ok" })
                #expect(healed["status"]?.stringValue == "ok")
            }
        }
    }

    @Test(
        "Trials beside locks of rows and tables, and beside what cannot be accepted, leave no error in the server's log"
    )
    func quiet() async throws {
        try await TestDatabase.withServer { database in
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder()
            for lock in [
                "SELECT FROM orders FOR UPDATE", "SELECT FROM offers FOR UPDATE", "SELECT FROM masters FOR UPDATE",
                "LOCK TABLE offers IN ACCESS EXCLUSIVE MODE", "LOCK TABLE masters IN EXCLUSIVE MODE", "SELECT",
            ] {
                try await HeldLock.hold(lock, in: database) { _ in
                    _ = await DatabaseCheck.report(on: database.connectionString)
                }
            }
            try await database.sql("UPDATE orders SET status = 'CLOSED' WHERE id = \(order)")
            #expect(await DatabaseCheck.report(on: database.connectionString).verdict == .complete)
            let log = database.server.lastLinesOfLog(1000)
            #expect(!log.contains("ERROR:"), "\(log)")
        }
    }

    @Test("Connections for writes that are all taken for longer are told")
    func busy() async throws {
        try await TestDatabase.withDatabase { database in
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder()
            try await RunningService.run(
                on: database.connectionString,
                {
                    $0.triesWork = true
                    $0.postgres.writeConnections = 1
                }
            ) { service in
                #expect(try await service.waitUntilInspected()["status"]?.stringValue == "ok")
                try await HeldLock.hold("SELECT FROM orders FOR UPDATE", in: database) { lock in
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask {
                            try await service.withClient { (client) async throws in
                                #expect(try await client.accept(order, by: scene.master).error == nil)
                            }
                        }
                        let note = "acceptOffer fails: timeout: all connections for accepts and declines are busy for"
                        let health = try await eventually(
                            { try await service.health() }, until: { $0["status"]?.stringValue == "degraded" })
                        let notes = try HealthResult(json: health).database.notes
                        #expect(notes.contains { $0.hasPrefix(note) }, "\(notes)")
                        try await lock.release()
                        try await group.waitForAll()
                    }
                }
            }
        }
    }
}
