import Deadlines
import Logging
import Offers
import Postgres
import TestDatabase
import Testing
import Turns

@testable import OffersServer

/// What a statement costs does not depend on what the planner believed when it made the plan, which then stays: a list
/// looks at the master's live offers and their orders, the others at the rows of their order and master.
///
/// Not with `g4`, which no server has: there an index on the offers' state alone may be taken for a way to the master's
/// offers. And it is not seen here which entries of an index are passed over: while it is small, a list may use one on
/// live offers that begins with the order.
@Suite(.inTurn)
struct PlanTests {
    /// What the database was like when the plan was made.
    enum Past: CaseIterable {
        /// Empty and never looked at.
        case new
        /// No order was free and no offer live when it was looked at.
        case night
        /// The same, and no offer was ever accepted.
        case start

        var sql: String {
            switch self {
            case .new: "SELECT"
            case .night, .start:
                """
                INSERT INTO orders (id, city_id, status, assigned_master_id)
                SELECT -i, 1, 'CLOSED', 1 + i % 250 FROM generate_series(1, 5000) i;
                INSERT INTO offers (order_id, master_id, round_number, state)
                SELECT -i, 1 + i % 250, 1, '\(self == .night ? "ACCEPTED" : "CANCELED")' FROM generate_series(1, 5000) i;
                INSERT INTO offers (order_id, master_id, round_number, state)
                SELECT -i, 1 + (i + 1) % 250, 1, 'EXPIRED' FROM generate_series(1, 5000) i;
                ANALYZE orders, offers
                """
            }
        }
    }

    /// Nothing else looks at it meanwhile.
    private static let people = """
        ALTER TABLE orders SET (autovacuum_enabled = false);
        ALTER TABLE offers SET (autovacuum_enabled = false);
        ALTER TABLE masters SET (autovacuum_enabled = false);
        ALTER TABLE orders ALTER total_sum SET DEFAULT 0, ALTER no_district SET DEFAULT false,
            ALTER type SET DEFAULT 'NORMAL', ALTER version SET DEFAULT 1;
        INSERT INTO cities (id, name, timezone) VALUES (1, 'Made-up Town', 'Europe/Moscow');
        ALTER TABLE order_status_history SET (autovacuum_enabled = false);
        INSERT INTO masters (id, tg_user_id, full_name, is_deleted, verified)
        SELECT i, 7000000000 + i, 'Test', false, true FROM generate_series(1, 250) i
        """
    /// The next day: 3000 free orders with live offers, five of them of master 1 too, and 3000 that others are at and
    /// that master 1 let go by.
    private static let day = """
        INSERT INTO orders (id, city_id, status)
        SELECT i, 1, 'SEARCHING' FROM generate_series(1, 3000) i;
        INSERT INTO orders (id, city_id, status, assigned_master_id)
        SELECT 3000 + i, 1, 'WORKING', 2 + i % 249 FROM generate_series(1, 3000) i;
        INSERT INTO offers (order_id, master_id, round_number, state)
        SELECT i, 2 + i % 249, 1, 'SENT' FROM generate_series(1, 3000) i;
        INSERT INTO offers (order_id, master_id, round_number, state)
        SELECT 3000 + i, 1, 1, 'EXPIRED' FROM generate_series(1, 3000) i;
        INSERT INTO offers (order_id, master_id, round_number, state)
        SELECT i * 500, 1, 1, 'SENT' FROM generate_series(1, 5) i
        """
    /// Two rows of the history of each free order.
    private static let history = """
        INSERT INTO order_status_history (order_id, to_status, actor_type)
        SELECT 1 + i % 3000, 'SEARCHING', 'SYSTEM' FROM generate_series(1, 6000) i
        """

    @Test(
        "The plan of a list does not go wrong when the database becomes another",
        arguments: [Generation.g0, .g1, .g2, .g3, .damaged], Past.allCases)
    func list(generation: Generation, past: Past) async throws {
        let isUnique = generation == .g2 || generation == .g3
        var calls: [Call] = []
        for form in ListOffersQuery.Form.allCases where form == .distinct || isUnique {
            for master in [MasterReference.id(1), .telegramUser(7_000_000_001)] {
                let bound = ListOffersQuery.bound(ListOffersParams(master: master), form)
                calls.append(
                    Call(past: bound, arguments: "\(master.number ?? 0), 20", shows: /actual rows=5(?:\.00)? loops/))
            }
        }
        try await expectGoodPlans(calls, generation, past)
    }

    @Test(
        "The plans of a card, an accept and a decline do not go wrong when the database becomes another",
        arguments: [Generation.g1, .g2, .g3, .damaged], Past.allCases)
    func writes(generation: Generation, past: Past) async throws {
        let master = MasterReference.id(1)
        try await expectGoodPlans(
            [
                Call(
                    past: GetOfferQuery.statement(master, .int8(0)), arguments: "1, 500",
                    shows: /on offers f.* \(actual rows=2(?:\.00)? loops/),
                Call(
                    past: BoundStatement(
                        AcceptOfferStatement.statement.form(for: master), [.int8Array([1]), .int8Array([0])]),
                    arguments: "ARRAY[1], ARRAY[500]", shows: /Update on orders o.* \(actual rows=1(?:\.00)? loops/),
                Call(
                    past: DeclineOfferStatement.statement(master, .int8(0)), arguments: "1, 1000",
                    shows: /Update on offers f.* \(actual rows=1(?:\.00)? loops/),
            ], generation, past)
    }

    @Test(
        "The plans of explanations do not go wrong when the database becomes another",
        arguments: [Generation.g1, .g2, .g3, .damaged], Past.allCases)
    func explanations(generation: Generation, past: Past) async throws {
        let master = MasterReference.id(1)
        try await expectGoodPlans(
            [
                Call(
                    past: ExplainOfferQuery.bound(master, 0, .complete), arguments: "1, 500",
                    shows: /on order_status_history p.* \(actual rows=2(?:\.00)? loops/),
                Call(
                    past: ExplainListQuery.statement(master), arguments: "1",
                    shows: /on offers f.* \(actual rows=5(?:\.00)? loops/),
            ], generation, past, day: Self.day + ";" + Self.history)
    }

    /// A statement as it was run in the past, for its plan, and how it is run the next day.
    private struct Call {
        let past: BoundStatement
        let arguments: String
        /// What must be seen of it.
        let shows: Regex<Substring>
    }

    private func expectGoodPlans(
        _ calls: [Call], _ generation: Generation, _ past: Past, day: String = Self.day
    ) async throws {
        try await TestDatabase.withDatabase(generation) { database in
            try await database.sql(Self.people + ";" + past.sql)
            try await database.withPool({ $0.readDeadline = .seconds(100) }) { pool in
                // As if the locks of a master and an order were held.
                let locked = Statement("test_locked", sql: "SELECT set_config('offersd.locked', '1 1', false)")
                _ = try await rows(of: BoundStatement(locked), on: pool)
                for call in calls { _ = try await rows(of: call.past, on: pool) }
                try await database.sql(day)
                for call in calls {
                    let name = call.past.statement.name
                    let plan = try await rows(
                        of: BoundStatement(
                            Statement(
                                "explain_\(name)", parameters: [],
                                sql: """
                                    EXPLAIN (ANALYZE, BUFFERS OFF, COSTS OFF, TIMING OFF, SUMMARY OFF)
                                    EXECUTE \(name)(\(call.arguments))
                                    """), []), on: pool)
                    let text = plan.joined(separator: "\n")
                    #expect(text.contains(call.shows), "\(text)")
                    let counts = text.matches(of: /(?:rows=|loops=|Filter: )(\d+)/).compactMap { Int($0.1) }
                    #expect(counts.allSatisfy { $0 <= 40 }, "\(text)")
                }
            }
        }
    }

    private func rows(of bound: BoundStatement, on pool: PostgresClient) async throws -> [String] {
        try await pool.read(bound, deadline: Deadline(in: .seconds(100))) { rows throws(ResultMismatch) in
            (0..<rows.rowCount).map { rows.text(row: $0, column: 0) ?? "" }
        }
    }
}
