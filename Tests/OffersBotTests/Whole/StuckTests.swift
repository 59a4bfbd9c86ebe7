import TestDatabase
import Testing
import Turns

@testable import offers_bot

/// What time itself is the matter of: these have the machine for themselves, and their bounds are wide.
@Suite(.alone)
struct StuckTests {
    @Test("All connections die without a word while new ones work: the next tap is answered within 15 s")
    func silence() async throws {
        try await Stage.set { stage in
            let telegram = stage.telegram
            try await stage.withOffersd { _ in
                try await Front.run(to: telegram.port) { front in
                    _ = try await stage.withBot(through: front.base) { _ in
                        await telegram.presses("m:new", user: Stage.user)
                        _ = await telegram.screen(1, chat: Stage.user)
                        let polls = await telegram.calls.count { $0.method == "getUpdates" }
                        await telegram.until { $0.count { $0.method == "getUpdates" } > polls }
                        front.freeze()
                        let query = await telegram.presses("m:menu", user: Stage.user)
                        let answer = await telegram.answer(to: query)
                        #expect(await telegram.duration(from: query, to: answer) < .seconds(15))
                        let screen = await telegram.screen(2, chat: Stage.user)
                        #expect(await telegram.duration(from: query, to: screen) < .seconds(15))
                    }
                }
            }
        }
    }

    @Test(
        "Beside a flood wait, a lock, a slow edit and 25 masters who tap 10 times a second, ten masters get their orders"
    )
    func othersGoOn() async throws {
        try await Stage.set { stage in
            let telegram = stage.telegram
            let locked = try await stage.offer()
            var added: [(user: Int64, order: Int)] = []
            for number in 0..<10 as Range<Int64> {
                let user = 7_000_000_100 + number
                let master = try await stage.database.insert(MasterRow(telegramUserID: Int(user)))
                let order = try await stage.database.insert(OrderRow(cityID: stage.city))
                _ = try await stage.database.insert(OfferRow(orderID: order, masterID: master))
                added.append((user, order))
            }
            let offers = added
            try await stage.withOffersd { _ in
                try await stage.withLocked(locked) { _ in
                    _ = try await stage.withBot { _ in
                        await telegram.fails(
                            "editMessageText", chat: 1, .error(429, "Too Many Requests: retry after 60", retryAfter: 60)
                        )
                        await telegram.fails("editMessageText", chat: 2, .slow(.seconds(8)))
                        for chat in 1...2 as ClosedRange<Int64> { await telegram.presses("m:menu", user: chat) }
                        await telegram.presses("m:new:acc:\(locked):1", user: Stage.user)
                        let flood = Task {
                            while !Task.isCancelled {
                                for chat in 100..<125 as Range<Int64> { await telegram.presses("m:menu", user: chat) }
                                try await Task.sleep(for: .milliseconds(100))
                            }
                        }
                        defer { flood.cancel() }
                        await telegram.until { $0.count { (100..<125).contains($0.chat ?? 0) } > 25 }
                        var waits: [Duration] = []
                        for offer in offers {
                            let query = await telegram.presses("m:new:acc:\(offer.order):1", user: offer.user)
                            let card = await telegram.screen(1, chat: offer.user)
                            #expect(card.text?.contains("Активный заказ #\(offer.order)") == true)
                            waits.append(await telegram.duration(from: query, to: card))
                        }
                        // Far less than what is stuck takes.
                        #expect(waits.max() ?? .seconds(99) < .seconds(8), "\(waits)")
                        #expect(await telegram.calls.contains { $0.isScreen && $0.chat == 1 } == false)
                        let calls = await telegram.calls.count
                        #expect(await telegram.floods * 20 <= calls)
                    }
                }
            }
        }
    }

    @Test("A backlog of hundreds of chats neither comes at once nor is refused more than a few times in a hundred")
    func backlog() async throws {
        try await Stage.set { stage in
            let telegram = stage.telegram
            for chat in 1...300 as ClosedRange<Int64> { await telegram.presses("m:menu", user: chat) }
            try await stage.withOffersd { _ in
                _ = try await stage.withBot { _ in
                    await telegram.until { calls in Set(calls.filter(\.isScreen).compactMap(\.chat)).count == 300 }
                    #expect(await telegram.floods <= 18)
                }
            }
        }
    }
}
