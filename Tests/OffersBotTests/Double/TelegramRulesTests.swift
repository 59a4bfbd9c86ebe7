import JSONRPC
import NIOCore
import Testing

/// The double is as strict as Telegram.
struct TelegramRulesTests {
    private static let start = ContinuousClock.now

    @Test(
        "The same offset within 0.5 s gets one update, within 3 s it waits for 3 s",
        arguments: [
            (0, 7, 7, 1, 3), (499, 7, 7, 1, 3), (500, 7, 7, 100, 3), (2999, 7, 7, 100, 3), (3000, 7, 7, 100, 0),
            (0, 7, 8, 100, 0),
        ])
    func poll(milliseconds: Int, before: Int64, after: Int64, limit: Int, timeout: Int) {
        var rules = TelegramRules()
        #expect(rules.poll(offset: before, limit: 100, timeout: 0, at: Self.start) == (100, 0))
        let now = Self.start + .milliseconds(milliseconds)
        #expect(rules.poll(offset: after, limit: 100, timeout: 0, at: now) == (limit, timeout))
    }

    @Test("A chat has a few messages at once and then one a second, all together thirty")
    func floods() {
        var rules = TelegramRules()
        let chat = (0..<TelegramRules.chatBurst + 1).map { _ in rules.call(chat: 1, at: Self.start) }
        #expect(chat == Array(repeating: nil, count: TelegramRules.chatBurst) + [3])
        #expect(rules.call(chat: 1, at: Self.start + .seconds(1)) == nil)
        rules = TelegramRules()
        let all = (0..<31).map { rules.call(chat: Int64($0), at: Self.start) }
        #expect(all == Array(repeating: nil, count: 30) + [1])
    }

    @Test(
        "Entities stand in the text, between whole characters, and do not cross",
        arguments: [
            ([(0, 2)], true), ([(0, 5), (2, 3)], true), ([(0, 3), (2, 3)], false), ([(4, 2)], false),
            ([(-1, 1)], false),
            ([(0, 0)], false), ([(1, 2)], false),
        ])
    func entities(ranges: [(Int, Int)], areRight: Bool) throws {
        let entities = ranges.map { #"{"type":"bold","offset":\#($0.0),"length":\#($0.1)}"# }
        let json = try JSONValue(parsing: ByteBuffer(string: "[\(entities.joined(separator: ","))]"))
        #expect(Documented.areRight(json, in: "🆕abc") == areRight)
    }
}
