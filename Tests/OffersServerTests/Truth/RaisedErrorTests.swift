import JSONRPC
import Offers
import Postgres
import TestDatabase
import Testing
import Turns

@testable import OffersServer

/// A trigger that raises a code of the server's own.
@Suite(.inTurn)
struct RaisedErrorTests {
    /// A trigger that refuses each update of an order. A sequence is not rolled back: it counts the attempts.
    private static func refusal(_ code: String) -> String {
        """
        CREATE SEQUENCE attempts;
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            PERFORM nextval('attempts');
            RAISE 'Mill Lane' USING ERRCODE = '\(code)';
        END $$;
        CREATE TRIGGER refuse BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION refuse()
        """
    }

    @Test(
        "The code is not taken for the server's: refused at once, named by health, logged, and the connection stays",
        arguments: ["57014", "55P03", "57P01", "57P03", "25006", "08006", "53300", "26000", "42P01"])
    func raised(code: String) async throws {
        try await TestDatabase.withDatabase { database in
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder()
            try await database.sql(Self.refusal(code))
            try await RunningService.run(on: database.connectionString, { $0.postgres.writeConnections = 1 }) {
                service in
                try await service.waitUntilInspected()
                try await service.withClient { (client) async throws in
                    let answer = try await client.accept(order, by: scene.master)
                    #expect(answer.reason == "DATABASE_UNAVAILABLE", "\(answer)")
                }
                #expect(try await database.sql("SELECT last_value FROM attempts") == ["1"])
                // The only one, whenever it was opened.
                #expect(try await service.metrics()["pool"]?["writes"]?["opened"]?.int64Value == 1)
                let health = try await service.health()
                #expect(health["status"]?.stringValue == "degraded")
                let text = "\(code) in offersd_accept (raised by a function or trigger of the database)"
                #expect(try HealthResult(json: health).database.notes.contains("acceptOffer fails: \(text)"))
                #expect(service.log.texts.contains { $0.hasPrefix("unforeseen failure") && $0.contains(text) })
                #expect(!service.log.texts.contains { $0.contains("Mill Lane") })
            }
        }
    }

    @Test(
        "A conflict that is raised is tried again ten times; one that never ends is named by health",
        arguments: ["40001", "40P01"])
    func conflict(code: String) async throws {
        try await TestDatabase.withDatabase { database in
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder()
            try await database.sql(Self.refusal(code))
            try await RunningService.run(
                on: database.connectionString,
                {
                    $0.writeDeadline = .seconds(60)
                    $0.triesWork = true
                }
            ) { service in
                try await service.withClient { (client) async throws in
                    let answer = try await client.accept(order, by: scene.master)
                    #expect(answer.reason == "TIMED_OUT", "\(answer)")
                }
                // Trials count, too.
                #expect(try await database.sql("SELECT last_value >= 10 FROM attempts") == ["t"])
                let note = "acceptOffer fails: \(Obstacle.conflicts.summary)"
                let health = try await eventually(
                    { try await service.health() },
                    until: { $0["database"]?["notes"]?.elements?.contains { $0.stringValue == note } == true })
                #expect(health["status"]?.stringValue == "degraded", "\(health)")
            }
        }
    }
}
