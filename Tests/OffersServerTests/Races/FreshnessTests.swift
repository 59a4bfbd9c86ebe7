import JSONRPC
import NIOCore
import OffersServer
import TestDatabase
import Testing
import Turns

@Suite("Never stale", .inTurn)
struct FreshnessTests {
    @Test("accept and list in one write: the list does not have the order")
    func acceptThenList() async throws {
        try await TestDatabase.withDatabase(.g3) { database in
            let scene = try await Scene(database)
            try await RunningService.run(on: database.connectionString) { service in
                let order = try await scene.offeredOrder()
                let other = try await scene.offeredOrder()
                let replies = try await service.exchange(
                    #"{"jsonrpc":"2.0","id":1,"method":"listOffers","params":[\#(scene.master)]}"#,
                    #"{"jsonrpc":"2.0","id":2,"method":"acceptOffer","params":[\#(scene.master),\#(order)]}"#,
                    #"{"jsonrpc":"2.0","id":3,"method":"listOffers","params":[\#(scene.master)]}"#)
                let lists = replies.map { reply in
                    reply["result"]?["offers"]?.elements?.compactMap { $0["orderId"]?.int64Value }
                }
                #expect(replies.compactMap { $0["id"]?.int64Value } == [1, 2, 3])
                #expect(lists.first == [Int64(other), Int64(order)])
                #expect(lists.last == [Int64(other)])
            }
        }
    }

    @Test("a list on any connection that starts after an acknowledged accept does not have the order")
    func otherConnections() async throws {
        try await TestDatabase.withDatabase(.g3) { database in
            let scene = try await Scene(database)
            try await database.setSetting("max_active_orders", to: "0")
            try await RunningService.run(on: database.connectionString) { one in
                try await RunningService.run(on: database.connectionString) { other in
                    try await one.withClient { first in
                        try await other.withClient { second in
                            for _ in 0..<100 {
                                let order = try await scene.offeredOrder(toRival: true)
                                #expect(try await second.listedOrders(scene.rival).contains(order))
                                #expect(try await first.accept(order, by: scene.master).result != nil)
                                #expect(try await !second.listedOrders(scene.master).contains(order))
                                #expect(try await !second.listedOrders(scene.rival).contains(order))
                                #expect(try await !first.listedOrders(scene.rival).contains(order))
                            }
                        }
                    }
                }
            }
        }
    }

    @Test("every listOffers is exactly one list statement, however they arrive")
    func oneStatementPerList() async throws {
        try await TestDatabase.withDatabase(.g3) { database in
            let scene = try await Scene(database)
            try await database.sql("CREATE EXTENSION pg_stat_statements")
            for _ in 0..<3 { _ = try await scene.offeredOrder() }
            try await RunningService.run(on: database.connectionString) { service in
                try await service.withClient { client in
                    for _ in 0..<10 { _ = try await client.list(scene.master) }
                    try await withThrowingTaskGroup { group in
                        for _ in 0..<40 { group.addTask { _ = try await client.list(scene.master) } }
                        try await group.waitForAll()
                    }
                }
                // The same request many times in one batch and in one write.
                let list = #"{"jsonrpc":"2.0","id":1,"method":"listOffers","params":[\#(scene.master)]}"#
                _ = try await service.exchange("[" + Array(repeating: list, count: 20).joined(separator: ",") + "]")
                _ = try await service.exchange(list, list, list, list, list)
                // Neither of these is a list that was answered from the database.
                _ = try await service.exchange(#"{"jsonrpc":"2.0","id":1,"method":"listOffers","params":[1,1000]}"#)
            }
            let calls = try await database.sql(
                """
                SELECT sum(calls) FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
                WHERE d.datname = current_database() AND s.query LIKE '%count(*) OVER ()%FROM offers%'
                    AND s.query NOT LIKE '%pg_stat_statements%'
                """)
            #expect(calls == ["75"])
        }
    }
}
