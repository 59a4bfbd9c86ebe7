import JSONRPC
import Offers
import TestDatabase
import Testing

/// What explainOffer foresees, in every state.
extension EveryStateTests {
    /// The reasons for the master's own sake, which cards do not mind.
    private static let own: Set = ["MASTER_BLOCKED", "MASTER_NOT_ACTIVE", "LIMIT_REACHED"]

    @Test("explainOffer foresees what acceptOffer then answers, tells what cards and lists show, and writes nothing")
    func explanations() async throws {
        try await withWards { (database, service, wards) async throws in
            let before = try await Self.contents(database)
            var explained: [[ExplainOfferResult]] = []
            for ward in wards {
                let answers = try await Self.ask(service, "explainOffer", ward)
                let results = try answers.map { try ExplainOfferResult(json: #require($0["result"])) }
                let cards = try await Self.ask(service, "getOffer", ward)
                let listed = try await Set(Self.list(service, ward.master))
                var complaints = Complaints()
                for (index, state) in ward.states.enumerated() {
                    let result = results[index]
                    complaints.expect(result.listed, listed.contains(ward.orders[index]), state)
                    if let reason = result.accept?.reason, Self.own.contains(reason) {
                        complaints.expect(result.accept?.possible, false, state)
                    } else {
                        let card = cards[index]["error"]?["data"]?["reason"]?.stringValue
                        complaints.expect(result.accept?.reason, card, state)
                    }
                    complaints.expect(result.offers.map(\.state), state.history.reversed().map(\.state), state)
                    complaints.expect(result.offers.map(\.expired), state.history.reversed().map(\.isOver), state)
                    complaints.expect(result.order?.status, state.status, state)
                    complaints.expect(result.order?.deferred, state.status == "DEFERRED", state)
                    complaints.expect(result.order?.assignedMasterId != nil, state.holder != .nobody, state)
                    complaints.expect(result.master?.masterId, Int64(ward.master), state)
                    complaints.expect(result.notListed, nil, state)
                }
                complaints.report()
                explained.append(results)
            }
            #expect(try await Self.contents(database) == before)
            for (ward, results) in zip(wards, explained) {
                let answers = try await Self.ask(service, "acceptOffer", ward)
                var complaints = Complaints()
                for (index, state) in ward.states.enumerated() {
                    let already = answers[index]["result"]?["alreadyAccepted"]?.boolValue
                    let reason = answers[index]["error"]?["data"]?["reason"]?.stringValue
                    complaints.expect(results[index].accept?.possible, already != nil, state)
                    complaints.expect(results[index].accept?.reason, already == true ? "ALREADY_YOURS" : reason, state)
                }
                complaints.report()
            }
        }
    }

    @Test("Every open offer is either listed, or counted with the reason why it is not")
    func explainedLists() async throws {
        try await withWards { (database, service, wards) async throws in
            for ward in wards {
                let result = try await service.withClient { client in
                    let answer = try await client.explain(nil, for: ward.master)
                    return try ExplainOfferResult(json: #require(answer.result))
                }
                let reasons = ward.states.flatMap(\.reasonsOfUnlisted)
                let counts = Dictionary(grouping: reasons, by: \.self).mapValues { Int64($0.count) }
                let notListed = try #require(result.notListed)
                #expect(notListed == counts)
                let open = ward.states.flatMap(\.history).count { $0.isOpen }
                let listed = try await Self.list(service, ward.master).count
                #expect(Int(notListed.values.reduce(0, +)) + listed == open)
                #expect(counts.count == 6)
                #expect(result.accept == nil && result.listed == nil && result.order == nil && result.history == nil)
                #expect(result.offers == [])
            }
        }
    }
}
