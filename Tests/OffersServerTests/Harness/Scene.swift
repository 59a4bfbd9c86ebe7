import TestDatabase

/// The rows that most tests begin with: a city, two masters, and orders offered to them.
struct Scene: Sendable {
    let database: TestDatabase
    let city: Int
    /// The master whom the test is about.
    let master: Int
    /// Another one.
    let rival: Int

    init(_ database: TestDatabase) async throws {
        self.database = database
        city = try await database.insert(CityRow())
        master = try await database.insert(MasterRow())
        rival = try await database.insert(MasterRow())
    }

    /// A free order with a live offer to `master` (and to `rival` if asked for).
    func offeredOrder(toRival: Bool = false, _ change: (inout OrderRow) -> Void = { _ in }) async throws -> Int {
        let order = try await self.order(change)
        _ = try await database.insert(OfferRow(orderID: order, masterID: master))
        if toRival { _ = try await database.insert(OfferRow(orderID: order, masterID: rival)) }
        return order
    }

    /// An order without offers.
    func order(_ change: (inout OrderRow) -> Void = { _ in }) async throws -> Int {
        var row = OrderRow(cityID: city)
        change(&row)
        return try await database.insert(row)
    }

    /// An offer of an order to `master`.
    @discardableResult
    func offer(_ order: Int, _ change: (inout OfferRow) -> Void = { _ in }) async throws -> Int {
        var row = OfferRow(orderID: order, masterID: master)
        change(&row)
        return try await database.insert(row)
    }

    /// Everything that an accept or decline could change, as text: to see that nothing did.
    func rows() async throws -> [String] {
        try await database.sql(
            """
            SELECT 'order', to_jsonb(o) FROM orders o UNION ALL SELECT 'offer', to_jsonb(f) FROM offers f
            UNION ALL SELECT 'history', to_jsonb(h) FROM order_status_history h
            UNION ALL SELECT 'master', to_jsonb(m) FROM masters m ORDER BY 1, 2
            """)
    }
}
