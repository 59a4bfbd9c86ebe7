import Deadlines
import JSONRPC
import Offers
import Postgres
import TestDatabase

/// Accepts of 24 masters, one after the other for each, while another program has the orders that two more masters ask
/// for.
struct OverloadByLocks: Sendable {
    /// What those masters noticed whose orders are free.
    struct Measure: Sendable {
        let name: String
        /// Accepts; all were granted.
        let accepts: Int
        let median: Duration
        let p99: Duration
        let longest: Duration
    }

    /// How long each measure takes; the locks are held for as long.
    var duration: Duration
    /// Further arguments of `offersd serve`.
    var arguments: [String] = []

    /// What was not granted although its order is free.
    struct Refused: Error { let outcome: Call.Outcome }

    private static let crowd = 24
    private static let held = 2
    /// How many orders are made ready for each master and second.
    private static let ordersASecond: Int64 = 150

    /// Without locks, beside them, and without them again.
    func run() async throws -> [Measure] {
        try await Stage.run(Stage.Options(services: 1, writeDeadline: .seconds(5), arguments: arguments)) { stage in
            var measures: [Measure] = []
            for name in ["alone", "beside locks", "alone again"] {
                measures.append(try await measure(name, isBesideLocks: name == "beside locks", stage))
            }
            return measures
        }.value
    }

    private func measure(_ name: String, isBesideLocks: Bool, _ stage: Stage) async throws -> Measure {
        let masters = try await stage.database.insert(
            (0..<Self.crowd + Self.held).map { _ in MasterRow(maxActiveOrdersOverride: 30_000) })
        let orders = try await stage.database.insert(
            (0..<masters.count * Int(max(1, duration.wholeMilliseconds * Self.ordersASecond / 1000))).map { _ in
                OrderRow(cityID: 1)
            }
        )
        try await stage.database.insert(
            orders.enumerated().map { OfferRow(orderID: $1, masterID: masters[$0 % masters.count]) })
        let pairs = masters.indices.map { master in
            stride(from: master, to: orders.count, by: masters.count).map { (masters[master], orders[$0]) }
        }
        let heldOrders = (Self.crowd..<masters.count).map { orders[$0] }
        let lock =
            isBesideLocks
            ? "SELECT FROM orders WHERE id IN (\(heldOrders.map(String.init).joined(separator: ", "))) FOR UPDATE"
            : "SELECT"
        let times = try await HeldLock.hold(lock, in: stage.database) { lock in
            try await withThrowingTaskGroup(of: [Duration].self) { group in
                let socket = stage.services[0].socket
                for master in Self.crowd..<masters.count where isBesideLocks {
                    group.addTask {
                        let again = Array(repeating: pairs[master][0], count: 100)
                        _ = try await accept(again, on: socket, mayWait: true)
                        return []
                    }
                }
                if isBesideLocks { try await lock.isWaitedFor() }
                for master in 0..<Self.crowd {
                    group.addTask { try await accept(pairs[master], on: socket, mayWait: false) }
                }
                return try await group.reduce(into: [Duration]()) { $0 += $1 }.sorted()
            }
        }
        return Measure(
            name: name, accepts: times.count, median: times[times.count / 2], p99: times[times.count * 99 / 100],
            longest: times.last ?? .zero)
    }

    /// Accepts one after the other until the time is over, one at least. Returns how long each took.
    private func accept(_ pairs: [(Int, Int)], on socket: String, mayWait: Bool) async throws -> [Duration] {
        let end = MonotonicTime.now().advanced(by: duration)
        return try await Client.withConnection(to: socket) { client in
            var times: [Duration] = []
            for (master, order) in pairs where times.isEmpty || MonotonicTime.now() < end {
                let began = MonotonicTime.now()
                let outcome = await LoadClient.outcome(of: .accept(master: master, order: order), client)
                times.append(began.duration(to: .now()))
                if case .accepted = outcome { continue }
                guard mayWait else { throw Refused(outcome: outcome) }
            }
            return times
        }
    }
}
