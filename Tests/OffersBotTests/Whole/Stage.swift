import FoundationEssentials
import TestDatabase
import Testing

@testable import offers_bot

/// The whole way, for the time of a test: a database, offersd, a Bot API, and the bot between them.
struct Stage: Sendable {
    let database: TestDatabase
    let telegram: BotAPIDouble
    let folder: String
    let city: Int
    /// `masters.id` of the master with ``user``, and of the rival.
    let master: Int
    let rival: Int

    static let user: Int64 = 7_000_000_001
    static let rivalUser: Int64 = 7_000_000_002

    var socket: String { folder + "/offers.sock" }

    /// Makes everything but the processes.
    ///
    /// - Parameter hasOwnServer: Whether the test may stop the database's server.
    static func set<Value: Sendable>(
        hasOwnServer: Bool = false, _ body: @Sendable (Stage) async throws -> Value
    ) async throws -> Value {
        let folder = "/tmp/offers-bot-\(UInt32.random(in: 0...UInt32.max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        @Sendable func play(on database: TestDatabase) async throws -> Value {
            let city = try await database.insert(CityRow(name: "Примерск"))
            let master = try await database.insert(MasterRow(telegramUserID: Int(user)))
            let rival = try await database.insert(MasterRow(telegramUserID: Int(rivalUser)))
            return try await BotAPIDouble.run { telegram in
                try "  \(BotAPIDouble.token)\n".write(toFile: folder + "/token", atomically: true, encoding: .utf8)
                return try await body(
                    Stage(
                        database: database, telegram: telegram, folder: folder, city: city, master: master,
                        rival: rival))
            }
        }
        return hasOwnServer
            ? try await TestDatabase.withServer { try await play(on: $0) }
            : try await TestDatabase.withDatabase { try await play(on: $0) }
    }

    /// The same with both processes running; returns how the bot ended.
    @discardableResult
    static func play(_ body: @Sendable (Stage) async throws -> Void) async throws -> Program.Ending {
        try await set { stage in
            try await stage.withOffersd { _ in
                try await stage.withBot { _ in try await body(stage) }
            }
        }
    }

    /// offersd as a process.
    func withOffersd<Value: Sendable>(_ body: @Sendable (Program) async throws -> Value) async throws -> Value {
        try await withOffersd(on: database.connectionString, body)
    }

    /// offersd as a process, on another database.
    func withOffersd<Value: Sendable>(
        on database: String, _ body: @Sendable (Program) async throws -> Value
    ) async throws -> Value {
        try await Program.run(
            "offersd", ["serve", "--socket", socket, "--database", database], ready: "listening on", body
        ).value
    }

    /// The bot as a process.
    ///
    /// - Parameter base: Where it finds the Bot API, if that is not the double itself.
    func withBot(
        through base: String? = nil, _ body: @Sendable (Program) async throws -> Void
    ) async throws -> Program.Ending {
        let standard = await telegram.base
        let api = base ?? standard
        return try await Program.run(
            "offers-bot",
            [
                "telegram", "--socket", socket, "--token-file", folder + "/token", "--api-base", api,
                "--log-level", "debug",
            ], ready: "polling", body
        ).ending
    }

    /// Until when an order's offer can be taken, as masters read it, if that is not far away.
    func until(_ order: Int) async throws -> String {
        let zone = "(SELECT COALESCE(NULLIF(btrim(timezone), ''), 'Europe/Moscow') FROM cities WHERE id = \(city))"
        let rows = try await database.sql(
            "SELECT '⏳ до ' || to_char(expires_at AT TIME ZONE \(zone), 'HH24:MI') || CASE "
                + "(expires_at AT TIME ZONE \(zone))::date - (now() AT TIME ZONE \(zone))::date "
                + "WHEN 0 THEN '' WHEN 1 THEN ', завтра' ELSE to_char(expires_at AT TIME ZONE \(zone), ', DD.MM') END "
                + "FROM offers WHERE order_id = \(order) AND master_id = \(master)")
        return rows.first ?? ""
    }

    /// A free order with a live offer to the master, and to the rival if asked for.
    func offer(toRival: Bool = false, _ change: (inout OrderRow) -> Void = { _ in }) async throws -> Int {
        var row = OrderRow(cityID: city)
        change(&row)
        let order = try await database.insert(row)
        _ = try await database.insert(OfferRow(orderID: order, masterID: master))
        if toRival { _ = try await database.insert(OfferRow(orderID: order, masterID: rival)) }
        return order
    }
}

extension Stage {
    /// Locks an order's row from another session until `body` has ended or calls what it is given.
    func withLocked(_ order: Int, _ body: @Sendable (@escaping @Sendable () -> Void) async throws -> Void) async throws
    {
        let release = Gate()
        try await withThrowingTaskGroup(of: Void.self) { group in
            let name = "lock-\(order)"
            group.addTask {
                // Ended by pg_terminate_backend below, which psql calls an error.
                _ = try? await database.sql(
                    "SET application_name = '\(name)'; BEGIN; SELECT id FROM orders WHERE id = \(order) FOR UPDATE; SELECT pg_sleep(60);"
                )
            }
            group.addTask {
                try await release.wait()
                try await database.sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                        + "AND application_name = '\(name)'")
            }
            while try await database.sql(
                "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = '\(name)' AND query LIKE '%pg_sleep%' AND wait_event = 'PgSleep'"
            ).isEmpty {}
            let outcome: Result<Void, any Error>
            do { outcome = .success(try await body { release.open() }) } catch { outcome = .failure(error) }
            release.open()
            try await group.waitForAll()
            try outcome.get()
        }
    }
}
