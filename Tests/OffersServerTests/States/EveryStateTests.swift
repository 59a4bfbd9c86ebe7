import JSONRPC
import NIOCore
import TestDatabase
import Testing
import Turns

/// Every combination of master, order and offers, asked for by every method, against the precedences of the contract.
///
/// The database has neither unique index on open pairs, so that all histories of a pair can be made.
@Suite(.inTurn)
struct EveryStateTests {
    /// The states of one master, each with an order of its own.
    struct Ward: Sendable {
        let master: Int
        let states: [EveryState]
        let orders: [Int]
    }

    @Test("Cards and lists are those of the contract, and write nothing")
    func reads() async throws {
        try await withWards { (database, service, wards) async throws in
            let before = try await Self.contents(database)
            try await Self.forEach(wards) { ward in
                let answers = try await Self.ask(service, "getOffer", ward)
                var complaints = Complaints()
                for (index, state) in ward.states.enumerated() {
                    complaints.expect(answers[index]["error"]?["data"]?["reason"]?.stringValue, state.card, state)
                }
                complaints.report()
                let listed = try await Self.list(service, ward.master)
                let expected = zip(ward.orders, ward.states).filter(\.1.isListed).map(\.0)
                #expect(listed.sorted() == expected.sorted())
            }
            #expect(try await Self.contents(database) == before)
        }
    }

    @Test("Accepts are answered by the contract's precedence; a refusal writes nothing, a success everything")
    func accepts() async throws {
        try await withWards { (database, service, wards) async throws in
            let before = try await Self.contents(database)
            try await Self.forEach(wards) { ward in
                let answers = try await Self.ask(service, "acceptOffer", ward)
                var complaints = Complaints()
                for (index, state) in ward.states.enumerated() {
                    let reason = answers[index]["error"]?["data"]?["reason"]?.stringValue
                    let already = answers[index]["result"]?["alreadyAccepted"]?.boolValue
                    complaints.expect(reason, state.accept == "" ? nil : state.accept, state)
                    complaints.expect(already, state.accept == nil ? false : state.accept == "" ? true : nil, state)
                }
                complaints.report()
                // What could not be accepted for the master's own sake is still in their list, and nothing else is.
                let left = zip(ward.orders, ward.states).filter { $1.isListed && $1.accept != nil }.map(\.0)
                #expect(try await Self.list(service, ward.master).sorted() == left.sorted())
            }
            let after = try await Self.contents(database)
            let summaries = try await Self.summaries(database)
            var complaints = Complaints()
            for ward in wards {
                for (order, state) in zip(ward.orders, ward.states) {
                    if state.accept != nil {
                        complaints.expect(after[order], before[order], state)
                    } else {
                        complaints.expect(summaries[order], Self.summary(accepted: state, by: ward.master), state)
                    }
                }
            }
            complaints.report()
        }
    }

    @Test("Declines are answered by the contract's precedence, and touch open rows of the pair only")
    func declines() async throws {
        try await withWards { (database, service, wards) async throws in
            let before = try await Self.contents(database)
            try await Self.forEach(wards) { ward in
                let answers = try await Self.ask(service, "declineOffer", ward)
                var complaints = Complaints()
                for (index, state) in ward.states.enumerated() {
                    let reason = answers[index]["error"]?["data"]?["reason"]?.stringValue
                    let already = answers[index]["result"]?["alreadyDeclined"]?.boolValue
                    complaints.expect(reason, state.decline == "" ? nil : state.decline, state)
                    complaints.expect(already, state.decline == nil ? false : state.decline == "" ? true : nil, state)
                }
                complaints.report()
                #expect(try await Self.list(service, ward.master) == [])
            }
            let after = try await Self.contents(database)
            let summaries = try await Self.summaries(database)
            var complaints = Complaints()
            for ward in wards {
                for (order, state) in zip(ward.orders, ward.states) {
                    if state.decline != nil {
                        complaints.expect(after[order], before[order], state)
                    } else {
                        let offers = state.history.map { $0.isOpen ? "DECLINED+" : $0.state } + ["SENT"]
                        complaints.expect(summaries[order]?.offers, offers, state)
                        complaints.expect(after[order]?.order, before[order]?.order, state)
                        complaints.expect(after[order]?.history, before[order]?.history, state)
                    }
                }
            }
            complaints.report()
        }
    }
}

extension EveryStateTests {
    /// What was wrong in which states, reported as one issue with the first of them: one mistake shows in hundreds.
    struct Complaints {
        private var texts: [String] = []

        mutating func expect<Value: Equatable>(_ found: Value, _ wanted: Value, _ state: EveryState) {
            if found != wanted { texts.append("\(state): \(found) instead of \(wanted)") }
        }

        func report() {
            guard !texts.isEmpty else { return }
            let text = (["\(texts.count) states are wrong, such as"] + texts.prefix(10)).joined(separator: "\n")
            Issue.record(Comment(rawValue: text))
        }
    }

    /// A database with all states, each order offered to the rival, too; and the service on it.
    func withWards(
        _ body: (TestDatabase, RunningService, [Ward]) async throws -> Void
    ) async throws {
        try await TestDatabase.withDatabase(.damaged) { database in
            let city = try await database.insert(CityRow())
            let rival = try await database.insert(MasterRow(maxActiveOrdersOverride: 32000))
            let standings = EveryState.Standing.all
            let masters = try await database.insert(
                standings.map {
                    MasterRow(
                        isActive: !$0.isInactive, isBlocked: $0.isBlocked,
                        maxActiveOrdersOverride: $0.isFull ? 1 : 32000)
                })
            let master = Dictionary(uniqueKeysWithValues: zip(standings, masters))
            try await database.insert(
                standings.filter(\.isFull).map {
                    OrderRow(cityID: city, status: "PAYMENT", assignedMasterID: master[$0])
                })
            let states = EveryState.all
            let orders = try await database.insert(
                states.map { state in
                    OrderRow(
                        cityID: city, status: state.status,
                        assignedMasterID: state.holder == .nobody
                            ? nil : state.holder == .master ? master[state.standing] : rival)
                })
            try await database.insert(
                zip(orders, states).flatMap { order, state in
                    let ours = state.history.map { row in
                        OfferRow(
                            orderID: order, masterID: master[state.standing] ?? 0, state: row.state,
                            expiresAt: row.rawValue.hasSuffix("overdue")
                                ? "now() - interval '1 second'"
                                : row == .endless ? "NULL" : "now() + interval '1 day'")
                    }
                    return ours + [OfferRow(orderID: order, masterID: rival, expiresAt: "now() + interval '1 day'")]
                })
            let wards = standings.map { standing in
                let chosen = states.indices.filter { states[$0].standing == standing }
                return Ward(
                    master: master[standing] ?? 0, states: chosen.map { states[$0] }, orders: chosen.map { orders[$0] })
            }
            try await RunningService.run(on: database.connectionString) { service in
                try await body(database, service, wards)
            }
        }
    }

    /// All masters at the same time, as in life.
    static func forEach(_ wards: [Ward], _ body: @escaping @Sendable (Ward) async throws -> Void) async throws {
        try await withThrowingTaskGroup { group in
            for ward in wards { group.addTask { try await body(ward) } }
            try await group.waitForAll()
        }
    }

    /// The replies of one method for all orders of a ward, asked in one go.
    static func ask(_ service: RunningService, _ method: String, _ ward: Ward) async throws -> [JSONValue] {
        let lines = ward.orders.map {
            #"{"jsonrpc":"2.0","id":\#($0),"method":"\#(method)","params":[\#(ward.master),\#($0)]}"# + "\n"
        }
        let replies = try await service.exchange(Array(lines.joined().utf8)).split(separator: UInt8(ascii: "\n"))
            .map { try JSONValue(parsing: ByteBuffer(bytes: $0)) }
        #expect(replies.map { $0["id"]?.int64Value } == ward.orders.map(Int64.init))
        return replies
    }

    /// The whole list, page by page.
    static func list(_ service: RunningService, _ master: Int) async throws -> [Int] {
        try await service.withClient { client in
            var orders: [Int] = []
            while true {
                let page = try await client.call(
                    "listOffers", ("masterId", master), ("limit", 37), ("offset", orders.count))
                let found = page["offers"]?.elements?.compactMap { $0["orderId"]?.int64Value.map(Int.init) } ?? []
                orders += found
                if found.isEmpty {
                    #expect(page["total"]?.int64Value == Int64(orders.count))
                    return orders
                }
            }
        }
    }

    struct Contents: Equatable {
        var order = ""
        var offers = ""
        var history = ""
    }

    /// Everything that is stored about each order.
    static func contents(_ database: TestDatabase) async throws -> [Int: Contents] {
        var contents: [Int: Contents] = [:]
        let rows = try await database.sql(
            """
            SELECT o.id, md5(to_jsonb(o)::text), (SELECT md5(string_agg(to_jsonb(f)::text, ' ' ORDER BY f.id))
                FROM offers f WHERE f.order_id = o.id),
                (SELECT md5(string_agg(to_jsonb(h)::text, ' ' ORDER BY h.id))
                    FROM order_status_history h WHERE h.order_id = o.id)
            FROM orders o
            """)
        for row in rows {
            let fields = row.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
            contents[Int(fields[0]) ?? 0] = Contents(order: fields[1], offers: fields[2], history: fields[3])
        }
        return contents
    }

    private struct Summary: Equatable {
        let order: String
        /// The states by id, with a plus where `responded_at` is set.
        let offers: [String]
        let history: String
    }

    private static func summaries(_ database: TestDatabase) async throws -> [Int: Summary] {
        var summaries: [Int: Summary] = [:]
        let rows = try await database.sql(
            """
            SELECT o.id, concat_ws(' ', o.assigned_master_id, o.status, o.version), (SELECT string_agg(
                    f.state::text || CASE WHEN f.responded_at IS NULL THEN '' ELSE '+' END, ',' ORDER BY f.id)
                FROM offers f WHERE f.order_id = o.id),
                (SELECT string_agg(concat_ws(' ', h.from_status, h.to_status, h.changed_by_master_id), ',')
                    FROM order_status_history h WHERE h.order_id = o.id)
            FROM orders o
            """)
        for row in rows {
            let fields = row.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
            summaries[Int(fields[0]) ?? 0] = Summary(
                order: fields[1], offers: fields[2].split(separator: ",").map(String.init), history: fields[3])
        }
        return summaries
    }

    private static func summary(accepted state: EveryState, by master: Int) -> Summary {
        let ours = state.history.enumerated().map { index, row in
            if index == state.liveIndex { return "ACCEPTED+" }
            return row.isOpen || row == .accepted ? "CANCELED+" : row.state
        }
        return Summary(
            order: "\(master) ASSIGNED 2", offers: ours + ["CANCELED+"], history: "\(state.status) ASSIGNED \(master)")
    }
}
