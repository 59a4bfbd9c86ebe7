import TestDatabase
import Testing
import Turns

/// That the generations are what their names promise, seen from inside a database.
@Suite(.inTurn)
struct GenerationTests {
    @Test("Every generation takes a row of every kind", arguments: Generation.allCases)
    func fixtures(generation: Generation) async throws {
        try await TestDatabase.withDatabase(generation) { database in
            let city = try await database.insert(CityRow())
            let district = try await database.insert(DistrictRow(cityID: city))
            let street = try await database.insert(StreetRow(cityID: city, districtID: district))
            let masters = try await database.insert([
                MasterRow(telegramUserID: 9_000_000_001), MasterRow(fullName: "O'Test", isBlocked: true),
            ])
            let order = try await database.insert(OrderRow(cityID: city, districtID: district, streetID: street))
            let offers = try await database.insert(masters.map { OfferRow(orderID: order, masterID: $0) })
            #expect(masters.count == 2)
            let found = try await database.sql(
                """
                SELECT f.id, m.full_name, o.status, s.name, f.expires_at > now(), o.no_district, m.is_blocked
                FROM offers f JOIN orders o ON o.id = order_id JOIN masters m ON m.id = f.master_id
                    JOIN streets s ON s.id = o.street_id ORDER BY f.id
                """)
            #expect(
                found == [
                    "\(offers[0])|Test Master|SEARCHING|Mill Lane|t|f|f",
                    "\(offers[1])|O'Test|SEARCHING|Mill Lane|t|f|t",
                ])
        }
    }

    @Test(
        "The open rows of a pair are limited as in the generation",
        arguments: [
            (Generation.g0, false, false), (.g1, false, false), (.g2, true, false), (.g3, true, false),
            (.g4, true, false), (.damaged, true, true),
        ])
    func pairs(generation: Generation, again: Bool, twice: Bool) async throws {
        try await TestDatabase.withDatabase(generation) { database in
            let order = try await database.insert(OrderRow(cityID: try await database.insert(CityRow())))
            let master = try await database.insert(MasterRow())
            try await database.insert(OfferRow(orderID: order, masterID: master, state: "EXPIRED"))
            let allowsAgain = await allows(OfferRow(orderID: order, masterID: master), in: database)
            let allowsTwice = await allows(OfferRow(orderID: order, masterID: master), in: database)
            #expect(allowsAgain == again)
            #expect(allowsTwice == twice)
        }
    }

    private func allows(_ row: OfferRow, in database: TestDatabase) async -> Bool {
        await (try? database.insert(row)) != nil
    }

    @Test(
        "History has an actor, with a default or without, as in the generation",
        arguments: [(Generation.g0, "0|"), (.g1, "1|SYSTEM"), (.g2, "1|"), (.g3, "1|SYSTEM"), (.g4, "1|")])
    func history(generation: Generation, expected: String) async throws {
        let found = try await TestDatabase.withDatabase(generation) { database in
            try await database.sql(
                """
                SELECT count(*), split_part(max(column_default), '''', 2) FROM information_schema.columns
                WHERE table_name = 'order_status_history' AND column_name = 'actor_type'
                """)
        }
        #expect(found == [expected])
    }

    @Test(
        "The metrics have the shape that was asked for",
        arguments: [
            (MetricsShape.absent, ""), (.enum, "category:ordercategory order_type:varchar"),
            (.varchar, "category:varchar order_type:varchar"), (.renamed, "category_name:varchar type_name:varchar"),
        ])
    func metrics(shape: MetricsShape, expected: String) async throws {
        let found = try await TestDatabase.withDatabase(.g3, metrics: shape) { database in
            try await database.sql(
                """
                SELECT string_agg(column_name || ':' || udt_name, ' ' ORDER BY ordinal_position)
                FROM information_schema.columns WHERE table_name = 'distribution_metrics'
                    AND column_name IN ('category', 'category_name', 'order_type', 'type_name')
                """)
        }
        #expect(found == [expected])
    }

    @Test("Databases are separate, and gone after use")
    func separate() async throws {
        let name = try await TestDatabase.withDatabase { first in
            try await TestDatabase.withDatabase { second in
                try await first.insert(CityRow())
                let seen = try await second.sql("SELECT count(*) FROM cities")
                #expect(seen == ["0"])
                return second.name
            }
        }
        try await TestDatabase.withDatabase { database in
            let left = try await database.sql("SELECT count(*) FROM pg_database WHERE datname = '\(name)'")
            #expect(left == ["0"])
        }
    }

    @Test("Statements can be counted with pg_stat_statements")
    func statements() async throws {
        try await TestDatabase.withDatabase { database in
            try await database.sql("CREATE EXTENSION pg_stat_statements")
            try await database.sql("SELECT 1 AS counted; SELECT 2 AS counted; SELECT 3 AS counted")
            let calls = try await database.sql(
                """
                SELECT calls FROM pg_stat_statements JOIN pg_database d ON d.oid = dbid
                WHERE d.datname = current_database() AND query LIKE '%AS counted'
                """)
            #expect(calls == ["3"])
        }
    }

    @Test("Settings are set and removed")
    func settings() async throws {
        try await TestDatabase.withDatabase { database in
            try await database.setSetting("max_active_orders", to: " 2 ")
            let set = try await database.sql("SELECT value || '.' FROM settings")
            try await database.setSetting("max_active_orders", to: nil)
            let removed = try await database.sql("SELECT value FROM settings")
            #expect(set == [" 2 ."])
            #expect(removed == [])
        }
    }
}
