import EmbeddedPostgres
import Foundation
import JSONRPC
import NIOPosix
import Offers
import TestDatabase
import Testing
import Turns

@testable import torture

/// A real PgBouncer, of which the service is not told.
@Suite("Through PgBouncer", .inTurn)
struct PoolerTests {
    /// What an ordinary session says of settings that the service makes for itself.
    private static let settings = [
        "statement_timeout", "lock_timeout", "search_path", "enable_seqscan", "jit", "plan_cache_mode", "TimeZone",
        "default_transaction_isolation", "client_min_messages", "synchronous_commit",
    ]

    @Test("It is noticed, everything works, and no setting or statement is left for other programs")
    func leavesNothing() async throws {
        try await TestDatabase.withServer(.g3) { (database) async throws in
            let city = try await database.insert(CityRow())
            let master = try await database.insert(MasterRow())
            var orders: [Int] = []
            for _ in 0..<6 {
                orders.append(try await database.insert(OrderRow(cityID: city)))
                _ = try await database.insert(OfferRow(orderID: orders.last ?? 0, masterID: master))
            }
            try await database.setSetting("max_active_orders", to: "0")
            let (all, expected) = (orders, try await values(of: database.connectionString))
            try await Programs.withFolder { folder in
                try await Pooler.run(before: database.server, database: database.name, role: "postgres", in: folder) {
                    pooler in
                    _ = try await ServiceProcess.run(socket: "\(folder)/o.sock", database: pooler) { service in
                        try await Client.withConnection(to: service.socket) { client in
                            let offers = OffersClient(client, deadline: .seconds(60))
                            for order in all {
                                let pair = OrderParams(master: .id(Int64(master)), order: Int64(order))
                                #expect(try await offers.getOffer(pair).offer.entry.orderId == Int64(order))
                                #expect(try await !offers.acceptOffer(pair).alreadyAccepted)
                            }
                            let health = try await offers.health()
                            #expect(health.status == .ok)
                            #expect(health.database.notes.contains { $0.contains("A pooler is in between") })
                        }
                        // PgBouncer hands out the server connections that the service has used.
                        for _ in 0..<10 { #expect(try await values(of: pooler) == expected) }
                    }
                    // It does not know the keyword `options`, and writes down each connection that has it.
                    let log = try String(contentsOfFile: Pooler.logFile(in: folder), encoding: .utf8)
                    #expect(
                        log.split(separator: "\n").count {
                            $0.contains("closing because: unsupported startup parameter")
                        } == 1, "\(log)")
                }
            }
        }
    }

    private func values(of connectionString: String) async throws -> [[String]] {
        let session = SQLSession(connectionString, on: MultiThreadedEventLoopGroup.singleton.next())
        let columns =
            Self.settings.map { "current_setting('\($0)')" } + ["(SELECT count(*)::text FROM pg_prepared_statements)"]
        return try await session.rows("SELECT \(columns.joined(separator: ", "))").map { $0.map { $0 ?? "NULL" } }
    }
}
