import Deadlines
import JSONRPC
import Postgres

/// The closest of races, again and again: a master with room for one accepts two orders in the same moment on two
/// services, a rival accepts one of them, and another program changes its status.
struct Duel: Sendable {
    let board: Board
    let sockets: [String]
    let writer: OtherWriter
    /// A master that nothing else makes offers to, with a limit of 1.
    let master: Int
    let rival: Int
    private var generator: SeededGenerator

    init(_ board: Board, sockets: [String], writer: OtherWriter, masters: (Int, Int), seed: UInt64) {
        self.board = board
        self.sockets = sockets
        self.writer = writer
        (master, rival) = masters
        generator = SeededGenerator(seed: seed, participant: 2000 + masters.0)
    }

    /// Goes on until the run is over.
    mutating func run() async {
        while !board.isOver {
            if sockets.indices.contains(where: board.isSpared) {
                try? await Task.sleep(for: .milliseconds(5))
                continue
            }
            do {
                try await Client.withConnection(to: sockets[0]) { one in
                    try await Client.withConnection(to: sockets[sockets.count - 1]) { other in
                        // A connection each: on one connection a write waits for the one before it.
                        try await Client.withConnection(to: sockets[sockets.count - 1]) { third in
                            await fight(one, other, third)
                        }
                    }
                }
            } catch {
                try? await Task.sleep(for: .milliseconds(5))
            }
        }
    }

    private mutating func fight(_ one: Client, _ other: Client, _ third: Client) async {
        let connection = board.nextConnection()
        for _ in 0..<50 where !board.isOver && !sockets.indices.contains(where: board.isSpared) {
            let orders = [board.nextOrder(), board.nextOrder()]
            let isDeferred = generator.oneIn(2)
            await writer.carryOut(offer(orders, isDeferred: isDeferred))
            let (board, writer, master, rival, last) = (board, writer, master, rival, sockets.count - 1)
            let isAlive = await withTaskGroup(of: Bool.self) { group in
                let calls = [
                    (one, 0, Call.Request.accept(master: master, order: orders[0])),
                    (other, last, .accept(master: master, order: orders[1])),
                    (third, last, .accept(master: rival, order: orders[0])),
                ]
                for (client, service, request) in calls {
                    group.addTask {
                        let began = MonotonicTime.now()
                        let outcome = await LoadClient.outcome(of: request, client)
                        board.note(
                            Call(
                                request: request, connection: connection, service: service,
                                span: Span(began: began, ended: .now()), outcome: outcome))
                        return outcome != .lost(byClient: false)
                    }
                }
                if isDeferred {
                    group.addTask {
                        await writer.carryOut(Self.wakeUp(orders[0]))
                        return true
                    }
                }
                return await group.reduce(true) { $0 && $1 }
            }
            await writer.carryOut(Self.close(master))
            await writer.carryOut(Self.close(rival))
            if !isAlive { return }
        }
    }

    private func offer(_ orders: [Int], isDeferred: Bool) -> OtherWriter.Plan {
        let rows = orders.map { "(\($0), 1, '\(isDeferred ? "DEFERRED" : "SEARCHING")', 0, true, 'NORMAL')" }
        let offers = orders.flatMap { order in [master, rival].map { "(\(order), \($0), 'SENT', clock_timestamp())" } }
        return OtherWriter.Plan(
            name: "orders for a duel",
            sql: """
                INSERT INTO orders (id, city_id, status, total_sum, no_district, type) VALUES \(rows.joined(separator: ", "));
                INSERT INTO offers (order_id, master_id, state, sent_at) VALUES \(offers.joined(separator: ", "))
                """)
    }

    private static func wakeUp(_ order: Int) -> OtherWriter.Plan {
        OtherWriter.Plan(
            name: "wake-up in a duel",
            sql: """
                UPDATE orders SET status = 'SEARCHING', updated_at = clock_timestamp()
                WHERE id = \(order) AND status = 'DEFERRED' AND assigned_master_id IS NULL;
                SELECT pg_sleep(0.003)
                """)
    }

    private static func close(_ master: Int) -> OtherWriter.Plan {
        OtherWriter.Plan(
            name: "close",
            sql: """
                UPDATE orders SET status = 'CLOSED', version = version + 1, updated_at = clock_timestamp()
                WHERE status = 'ASSIGNED' AND assigned_master_id = \(master)
                """)
    }
}
