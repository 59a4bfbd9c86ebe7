import Deadlines
import Postgres

/// One of the other programs that write to the same tables: scheduler, admin bot, watchdog, operators.
/// It writes a journal of what it did.
struct OtherWriter: Sendable {
    private let board: Board
    private let session: SQLSession
    private var generator: SeededGenerator

    init(_ board: Board, _ session: SQLSession, seed: UInt64, number: Int) {
        self.board = board
        self.session = session
        self.generator = SeededGenerator(seed: seed, participant: 1000 + number)
    }

    /// What is done, and whether it is rolled back at the end on purpose.
    struct Plan: Sendable {
        let name: String
        let sql: String
        var isRolledBack = false
        var entry: Board.Entry?
    }

    /// Goes on until the run is over.
    mutating func run() async {
        while !board.isOver {
            if let plan = choose() { await carryOut(plan) }
            try? await Task.sleep(for: .milliseconds(Double.random(in: 0...8, using: &generator)))
        }
    }

    /// Does it, and writes it down.
    func carryOut(_ plan: Plan) async {
        let number = board.nextAct()
        let began = MonotonicTime.now()
        let answer = await session.run(
            "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL torture.act = '\(number)'; \(plan.sql); "
                + (plan.isRolledBack ? "ROLLBACK" : "COMMIT"))
        let outcome: Act.Outcome
        switch answer {
        case .rows:
            outcome = plan.isRolledBack ? .rolledBack : .done
            if let entry = plan.entry { board.add(entry) }
        case .refused: outcome = .rolledBack
        case .lost:
            outcome = .unknown
            // As a program that connects again does.
            try? await Task.sleep(for: .milliseconds(20))
        }
        board.note(
            Act(number: number, name: plan.name, span: Span(began: began, ended: .now()), outcome: outcome))
    }

    private mutating func choose() -> Plan? {
        let die = Int.random(in: 0..<100, using: &generator)
        if die < 34 { return newOrder() }
        if die < 50 { return close() }
        guard let entry = board.entry(&generator), let master = board.masters.randomElement(using: &generator) else {
            return newOrder()
        }
        let order = entry.order
        switch die {
        case ..<56: return lookAt("orders", order)
        case ..<59: return lookAt("masters", board.focus)
        case ..<64: return assign(order, to: master)
        case ..<69: return withdraw("cancel", order, status: "CANCELED")
        case ..<77: return withdraw("return to search", order, status: "SEARCHING")
        case ..<87: return lateOffer(order, to: master)
        case ..<91: return Plan(name: "expiry", sql: Self.expiry)
        case ..<95: return Plan(name: "deferred wake-up", sql: Self.wakeUp + "; " + sleep(.milliseconds(5)))
        default: return view(order, by: entry.masters.randomElement(using: &generator) ?? master)
        }
    }

    // MARK: The writers

    private mutating func newOrder() -> Plan {
        let order = board.nextOrder()
        let count = Int.random(in: 1...5, using: &generator)
        let masters = Array(board.masters.shuffled(using: &generator).prefix(count))
        let status = ["SEARCHING", "SEARCHING", "SEARCHING", "CREATED", "GUARANTEE", "DEFERRED"]
        let offers = masters.map { master in "(\(order), \(master), 'SENT', clock_timestamp(), \(expiry()))" }
        return Plan(
            name: "new order",
            sql: """
                INSERT INTO orders (id, city_id, status, total_sum, no_district, type, category)
                VALUES (\(order), 1, '\(status.randomElement(using: &generator) ?? "CREATED")', 0, true, 'NORMAL', 'WINDOWS');
                INSERT INTO offers (order_id, master_id, state, sent_at, expires_at)
                VALUES \(offers.joined(separator: ", "))
                """,
            entry: Board.Entry(order: order, masters: masters))
    }

    private mutating func expiry() -> String {
        switch Int.random(in: 0..<8, using: &generator) {
        case 0: "clock_timestamp() + interval '\(Int.random(in: 5...300, using: &generator)) ms'"
        case 1: "NULL"
        default: "clock_timestamp() + interval '120 s'"
        }
    }

    /// A lock that ends in nothing: no caller may be told that the order is taken.
    private mutating func lookAt(_ table: String, _ id: Int) -> Plan {
        Plan(
            name: "look at \(table)",
            sql: "SELECT 1 FROM \(table) WHERE id = \(id) FOR UPDATE; "
                + sleep(.milliseconds(Int.random(in: 1...60, using: &generator))),
            isRolledBack: true)
    }

    private mutating func assign(_ order: Int, to master: Int) -> Plan {
        Plan(
            name: "manual assignment",
            sql: """
                SELECT 1 FROM orders WHERE id = \(order) FOR UPDATE;
                \(sleep(.milliseconds(Int.random(in: 0...20, using: &generator))));
                UPDATE orders SET assigned_master_id = \(master), status = 'ASSIGNED', version = version + 1,
                    updated_at = clock_timestamp() WHERE id = \(order);
                UPDATE offers SET state = 'CANCELED', responded_at = clock_timestamp()
                    WHERE order_id = \(order) AND state IN ('SENT', 'VIEWED');
                INSERT INTO order_status_history (order_id, to_status, reason, actor_type)
                    VALUES (\(order), 'ASSIGNED', 'manual_assign', 'ADMIN')
                """)
    }

    private mutating func withdraw(_ name: String, _ order: Int, status: String) -> Plan {
        Plan(
            name: name,
            sql: """
                UPDATE orders SET assigned_master_id = NULL, status = '\(status)', version = version + 1,
                    updated_at = clock_timestamp() WHERE id = \(order);
                \(sleep(.milliseconds(Int.random(in: 0...10, using: &generator))));
                UPDATE offers SET state = 'CANCELED', responded_at = clock_timestamp()
                    WHERE order_id = \(order) AND state IN ('SENT', 'VIEWED', 'ACCEPTED')
                """)
    }

    /// As the scheduler does it: without a look at the order, which a master may have accepted meanwhile.
    private mutating func lateOffer(_ order: Int, to master: Int) -> Plan {
        Plan(
            name: "late offer",
            sql: """
                INSERT INTO offers (order_id, master_id, round_number, state, sent_at, expires_at)
                SELECT \(order), \(master), coalesce(max(round_number), 0) + 1, 'SENT', clock_timestamp(), \(expiry())
                FROM offers WHERE order_id = \(order)
                """)
    }

    /// A master has done an order: room below the limit.
    private mutating func close() -> Plan {
        Plan(
            name: "close",
            sql: """
                UPDATE orders SET status = 'CLOSED', version = version + 1, updated_at = clock_timestamp()
                WHERE id IN (SELECT id FROM orders WHERE status = 'ASSIGNED'
                    ORDER BY random() LIMIT \(Int.random(in: 1...6, using: &generator)) FOR UPDATE)
                """)
    }

    private func view(_ order: Int, by master: Int) -> Plan {
        Plan(
            name: "view",
            sql: """
                UPDATE offers SET state = 'VIEWED'
                WHERE order_id = \(order) AND master_id = \(master) AND state = 'SENT'
                """)
    }

    private func sleep(_ duration: Duration) -> String { "SELECT pg_sleep(\(duration / .seconds(1)))" }

    private static let expiry = """
        UPDATE offers SET state = 'EXPIRED', responded_at = now()
        WHERE state = 'SENT' AND expires_at <= clock_timestamp()
        """

    private static let wakeUp = """
        UPDATE orders SET status = 'SEARCHING', updated_at = clock_timestamp()
        WHERE id IN (SELECT id FROM orders WHERE status = 'DEFERRED' AND assigned_master_id IS NULL
            ORDER BY random() LIMIT 2)
        """
}
