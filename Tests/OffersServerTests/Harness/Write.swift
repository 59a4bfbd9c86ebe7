import TestDatabase
import Testing

/// Who writes what, and how the master is named.
struct Write: Sendable {
    let order: Int
    let master: Int
    var parameter = "masterId"
    var method = "acceptOffer"

    /// As it is sent.
    func line(id: Int) -> String {
        #"{"jsonrpc":"2.0","id":\#(id),"method":"\#(method)","params":{"\#(parameter)":\#(master),"orderId":\#(order)}}"#
    }
}

extension Scene {
    /// Accepts of orders that are offered to a new master each.
    func writes(_ count: Int) async throws -> [Write] {
        let masters = try await database.insert((0..<count).map { _ in MasterRow() })
        let orders = try await database.insert(masters.map { _ in OrderRow(cityID: city) })
        try await database.insert(zip(orders, masters).map { OfferRow(orderID: $0, masterID: $1) })
        return zip(orders, masters).map { Write(order: $0, master: $1) }
    }

    /// For each write the transaction that assigned its order to its master, nil if it is not so; everything must be of
    /// one transaction.
    func transactions(_ writes: [Write]) async throws -> [String?] {
        let rows = try await database.sql(
            """
            SELECT o.id, o.assigned_master_id, o.xmin FROM orders o
            JOIN offers f ON f.order_id = o.id AND f.state = 'ACCEPTED' AND f.master_id = o.assigned_master_id
                AND f.xmin = o.xmin
            JOIN order_status_history h ON h.order_id = o.id AND h.changed_by_master_id = o.assigned_master_id
                AND h.xmin = o.xmin
            WHERE o.status = 'ASSIGNED' AND o.version = 2
            """)
        var found: [String: String] = [:]
        for row in rows {
            let fields = row.split(separator: "|").map(String.init)
            #expect(found.updateValue(fields[2], forKey: fields[0] + "|" + fields[1]) == nil, "\(row)")
        }
        return writes.map { found["\($0.order)|\($0.master)"] }
    }
}
