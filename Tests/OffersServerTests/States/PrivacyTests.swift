import JSONRPC
import TestDatabase
import Testing
import Turns

/// What is known of the client is given to the master who has the order, in the reply to the accept, and nowhere else.
@Suite(.inTurn)
struct PrivacyTests {
    /// Whatever must not appear: each stands in one column only.
    static let secrets = ["Quibbleton", "+79990001122", "flat-77c", "knock thrice", "house-15z", "Elderberry Walk"]

    private static func makeSecret(_ row: inout OrderRow, street: Int) {
        row.clientName = "Q. Quibbleton"
        row.clientPhone = "+79990001122"
        row.apartment = "flat-77c"
        row.addressComment = "knock thrice"
        row.house = "house-15z"
        row.streetID = street
        row.description = "Says Wobblethorpe"
    }

    @Test("Only accept's reply has the client's data, and no log has anything of it")
    func client() async throws {
        try await TestDatabase.withDatabase { database in
            let scene = try await Scene(database)
            let blocked = try await database.insert(MasterRow(isBlocked: true, blockedReason: "Reason Snorkel"))
            let street = try await database.insert(StreetRow(cityID: scene.city, name: "Elderberry Walk"))
            let order = try await scene.offeredOrder(toRival: true) { Self.makeSecret(&$0, street: street) }
            let closed = try await scene.offeredOrder { row in
                Self.makeSecret(&row, street: street)
                row.status = "CLOSED"
            }
            try await database.insert(OfferRow(orderID: order, masterID: blocked))
            try await RunningService.run(on: database.connectionString) { service in
                try await service.waitUntilInspected()
                func ask(_ method: String, _ master: Int, _ order: Int? = nil, ops: Bool = false) async throws -> String
                {
                    let params = ([master] + (order.map { [$0] } ?? [])).map(String.init).joined(separator: ",")
                    let line = #"{"jsonrpc":"2.0","id":1,"method":"\#(method)","params":[\#(params)]}"# + "\n"
                    return String(decoding: try await service.exchange(Array(line.utf8), ops: ops), as: UTF8.self)
                }
                let silent = [
                    try await ask("listOffers", scene.master), try await ask("listOffers", blocked, ops: true),
                    try await ask("getOffer", scene.master, closed), try await ask("acceptOffer", blocked, order),
                    try await ask("acceptOffer", scene.master, closed), try await ask("acceptOffer", scene.master, 0),
                    try await ask("acceptOffer", scene.master, order, ops: true),
                    try await ask("explainOffer", scene.master, order), try await ask("explainOffer", scene.master),
                    try await ask("explainOffer", blocked, order, ops: true),
                ]
                for reply in silent {
                    for secret in Self.secrets + ["Wobblethorpe"] {
                        #expect(!reply.contains(secret), "\(secret) in \(reply)")
                    }
                }
                // The card has the address down to the house, and no more.
                let card = try await ask("getOffer", scene.master, order)
                #expect(Self.secrets.filter(card.contains) == ["house-15z", "Elderberry Walk"])

                let accepted = try await ask("acceptOffer", scene.master, order)
                #expect(Self.secrets.filter(accepted.contains) == Self.secrets)
                #expect(try await ask("acceptOffer", scene.master, order).contains("Quibbleton"))

                let late = [
                    try await ask("acceptOffer", scene.rival, order), try await ask("getOffer", scene.rival, order),
                    try await ask("getOffer", scene.master, order), try await ask("declineOffer", scene.master, order),
                    try await ask("declineOffer", scene.rival, order), try await ask("listOffers", scene.rival),
                    try await ask("explainOffer", scene.master, order),
                ]
                for reply in late {
                    for secret in Self.secrets { #expect(!reply.contains(secret), "\(secret) in \(reply)") }
                }

                // A failure that Postgres explains with the row itself: the explanation is for no client.
                let failing = try await scene.offeredOrder { Self.makeSecret(&$0, street: street) }
                try await database.sql(
                    "ALTER TABLE orders ADD CONSTRAINT c CHECK (version < 2 OR client_name IS NULL) NOT VALID")
                let failed = try await ask("acceptOffer", scene.master, failing)
                #expect(failed.contains("INTERNAL_ERROR"))
                #expect(!failed.contains("Quibbleton") && !failed.contains("constraint"))

                let log = service.log.texts
                #expect(log.contains { $0.hasPrefix("acceptOffer ") && $0.contains("outcome=ok") })
                #expect(log.contains { $0.contains("unforeseen failure") })
                for secret in Self.secrets + ["Wobblethorpe", "Snorkel"] {
                    #expect(!log.contains { $0.contains(secret) }, "\(secret) in the log")
                }
            }
        }
    }

    @Test("Every write is logged once, with who asked, for whom, what became of it and how long it took")
    func writes() async throws {
        try await TestDatabase.withDatabase { database in
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder(toRival: true)
            try await RunningService.run(on: database.connectionString) { service in
                try await service.withClient { (client) async throws in
                    _ = try await client.list(scene.master)
                    _ = try await client.accept(order, by: scene.master)
                    _ = try await client.accept(order, by: scene.rival)
                    _ = try await client.call("declineOffer", ("telegramUserId", 7), ("orderId", order))
                }
                let writes = service.log.texts.filter { $0.hasPrefix("acceptOffer ") || $0.hasPrefix("declineOffer ") }
                #expect(writes.count == 3)
                for (line, expected) in zip(
                    writes,
                    [
                        "master=\(scene.master) order=\(order) outcome=ok",
                        "master=\(scene.rival) order=\(order) outcome=ORDER_TAKEN",
                        "master=telegram:7 order=\(order) outcome=MASTER_NOT_FOUND",
                    ])
                {
                    #expect(line.contains(expected), "\(line)")
                    #expect(line.contains(/durationMs=\d+\.\d+ .* pid=\d+ socket=offers uid=\d+/), "\(line)")
                }
            }
        }
    }
}
