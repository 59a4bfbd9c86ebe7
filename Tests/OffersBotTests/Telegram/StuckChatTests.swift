import Testing

@testable import offers_bot

/// The loop that polls, the row of a chat's calls and the pace, against Telegram's rules, in a time that is not the
/// machine's.
struct StuckChatTests {
    @Test(
        "Beside chats that are stuck in every way and 25 that tap 10 times a second, no other tap waits longer than 2 s"
    )
    func othersGoOn() {
        var world = World()
        // 429 for 60 s, an accept that waits 4 s for a lock, again and again, and an edit that takes 8 s.
        world.flooded = [1: .seconds(60)]
        world.slowCalls = [2: .seconds(4)]
        world.slowScreens = [3: .seconds(8)]
        for second in stride(from: 0, to: 15, by: 5) {
            for chat in 1...3 as ClosedRange<Int64> {
                world.taps(
                    chat == 2 ? .accept(.init(order: 2, page: 1)) : .list(page: 1), in: chat, at: .seconds(second))
            }
        }
        for tenth in 0..<150 {
            for chat in 100..<125 as Range<Int64> {
                world.taps(.list(page: 1), in: chat, at: .milliseconds(100 * tenth + 7))
            }
        }
        // Ten masters, each with an offer of 15 s, which they hear of at some moment in the middle.
        for chat in 200..<210 as Range<Int64> {
            let moment = Duration.milliseconds(5000 + 337 * Int(chat - 200))
            for (index, tap) in [
                Tap.list(page: 1), .card(.init(order: chat, page: 1)), .accept(.init(order: chat, page: 1)),
            ].enumerated() {
                world.taps(tap, in: chat, at: moment + .seconds(2 * index))
            }
        }
        world.run(for: .seconds(20))
        let waits = world.waits(in: 200..<210)
        #expect(waits.count == 30)
        #expect(waits.max() ?? .seconds(99) <= .seconds(2), "\(waits)")
        #expect(world.carriedOut.filter { $0 >= 200 }.count == 10)
        #expect(world.throttled == 0)
    }

    @Test("Alone in the way, an accept that waits holds up no tap longer than the pause of polling")
    func accept() {
        var world = World()
        world.slowCalls = [2: .seconds(4)]
        world.taps(.accept(.init(order: 2, page: 1)), in: 2, at: .zero)
        for chat in 200..<240 as Range<Int64> {
            world.taps(.list(page: 1), in: chat, at: .milliseconds(100 * Int(chat - 200)))
        }
        world.run(for: .seconds(10))
        #expect(world.waits(in: 200..<240).count == 40)
        #expect(world.waits(in: 200..<240).max() ?? .seconds(99) <= PollingState.pause + .milliseconds(400))
        #expect(world.throttled == 0)
    }
}

/// Telegram, masters and the bot as one list of events in the order of a virtual time.
private struct World {
    typealias Instant = ContinuousClock.Instant

    /// How long the network takes, one way and back, and a call to offersd.
    private static let way: Duration = .milliseconds(30)
    private static let call: Duration = .milliseconds(5)

    private struct TapInHand {
        let id: Int64
        let chat: Int64
        let tap: Tap
        let moment: Instant
        var answered: Instant?
        var shown: Instant?
    }

    var flooded: [Int64: Duration] = [:]
    var slowCalls: [Int64: Duration] = [:]
    var slowScreens: [Int64: Duration] = [:]
    /// The chats whose accepts were done.
    private(set) var carriedOut: Set<Int64> = []
    /// How often Telegram gave fewer updates than asked for.
    private(set) var throttled = 0

    private let start = ContinuousClock.now
    private var now: Instant
    private var events: [(moment: Instant, body: (inout World) -> Void)] = []
    private var number = 0
    // Telegram.
    private var rules = TelegramRules()
    private var updates: [Int64] = []
    private var poll: (offset: Int64, limit: Int, number: Int)?
    // The bot.
    private var polling = PollingState()
    private var isPolling = false
    private var isWaitingToLook = false
    private var nextPump: Instant?
    private var waiting = WaitingTaps()
    private var rows: [Int64: [Int64]] = [:]
    private var pace = Pace()
    private var calls: [Int: (kind: Pace.Kind, tap: Int64)] = [:]
    private var taps: [Int64: TapInHand] = [:]

    init() {
        now = start
        look()
    }

    mutating func taps(_ tap: Tap, in chat: Int64, at moment: Duration) {
        at(start + moment) { world in
            let id = Int64(world.taps.count + 1)
            world.taps[id] = TapInHand(id: id, chat: chat, tap: tap, moment: world.now)
            world.updates.append(id)
            world.answerPoll()
        }
    }

    mutating func run(for duration: Duration) {
        while let event = events.popLast(), event.moment <= start + duration {
            now = event.moment
            event.body(&self)
        }
    }

    /// How long each tap of these chats waited until both its answer and its screen were there.
    func waits(in chats: Range<Int64>) -> [Duration] {
        taps.values.filter { chats.contains($0.chat) }.compactMap { tap in
            guard let answered = tap.answered, let shown = tap.shown else { return nil }
            return tap.moment.duration(to: max(answered, shown))
        }
    }

    private mutating func at(_ moment: Instant, _ body: @escaping (inout World) -> Void) {
        number += 1
        let moment = max(moment, now)
        // The last one is the next; among equals the first that came.
        var (low, high) = (0, events.count)
        while low < high {
            let middle = (low + high) / 2
            if events[middle].moment > moment { low = middle + 1 } else { high = middle }
        }
        events.insert((moment, body), at: low)
    }

    // MARK: Polling

    private mutating func look() {
        guard !isPolling else { return }
        switch polling.step(at: now) {
        case .poll(let offset):
            isPolling = true
            let (limit, timeout) = rules.poll(offset: offset ?? 0, limit: PollingState.batch, timeout: 6, at: now)
            if limit < PollingState.batch { throttled += 1 }
            updates.removeAll { $0 < offset ?? 0 }
            number += 1
            let number = number
            poll = (offset ?? 0, limit, number)
            at(now + .seconds(timeout)) { if $0.poll?.number == number { $0.deliver([]) } }
            answerPoll()
        case .wait(let duration):
            guard !isWaitingToLook else { return }
            isWaitingToLook = true
            at(now + duration) { world in
                world.isWaitingToLook = false
                world.look()
            }
        case .waitForRoom: break
        }
    }

    private mutating func answerPoll() {
        guard let poll, !updates.isEmpty else { return }
        deliver(Array(updates.prefix(poll.limit)))
    }

    private mutating func deliver(_ ids: [Int64]) {
        poll = nil
        at(now + Self.way) { world in
            world.isPolling = false
            let writes = Set(ids.filter { world.taps[$0]?.tap.isWrite == true })
            for id in world.polling.received(ids, writes: writes) { world.arrived(id) }
            world.look()
        }
    }

    // MARK: Handling

    private mutating func arrived(_ id: Int64) {
        guard let tap = taps[id] else { return }
        for old in waiting.add(tap.tap, update: id, in: tap.chat) { polling.finished(old) }
        rows[tap.chat, default: []].append(id)
        if rows[tap.chat]?.count == 1 { begin(id) }
    }

    private mutating func begin(_ id: Int64) {
        guard let tap = taps[id] else { return }
        let isWorth = waiting.begin(id, in: tap.chat)
        at(now + (isWorth ? slowCalls[tap.chat] ?? Self.call : .zero)) { world in
            if tap.tap.isWrite { world.carriedOut.insert(tap.chat) }
            world.polling.carriedOut(id)
            world.rows[tap.chat]?.removeFirst()
            if let next = world.rows[tap.chat]?.first { world.begin(next) }
            world.add(.answer(ofWrite: tap.tap.isWrite), id)
            if isWorth { world.add(tap.tap.isWrite ? .card : .screen(ofWrite: false), id) }
            world.look()
        }
    }

    private mutating func add(_ kind: Pace.Kind, _ id: Int64) {
        let call = calls.count
        calls[call] = (kind, id)
        for old in pace.add(.init(id: call, chat: taps[id]?.chat ?? 0, order: Int(id), kind: kind)) { done(old) }
        pump()
    }

    private mutating func done(_ call: Int) {
        guard let (kind, id) = calls[call] else { return }
        if kind != .answer(ofWrite: false) && kind != .answer(ofWrite: true) { polling.finished(id) }
    }

    private mutating func pump() {
        while true {
            switch pace.step(at: now) {
            case .idle: return
            case .wait(let moment):
                if let nextPump, nextPump <= moment { return }
                nextPump = moment
                return at(moment) { world in
                    world.nextPump = nil
                    world.pump()
                }
            case .make(let call): make(call)
            }
        }
    }

    private mutating func make(_ call: Int) {
        guard let (kind, id) = calls[call], let chat = taps[id]?.chat else { return }
        if kind == .answer(ofWrite: false) || kind == .answer(ofWrite: true) {
            at(now + Self.way) { world in
                world.taps[id]?.answered = world.now
                world.pace.ended(kind, of: chat, at: world.now)
                world.pump()
            }
        } else if let flood = flooded[chat], now < start + flood {
            at(now + Self.way) { world in
                world.pace.ended(kind, of: chat, flood: flood, at: world.now)
                world.add(kind, id)
            }
        } else {
            at(now + (slowScreens[chat] ?? Self.way)) { world in
                world.taps[id]?.shown = world.now
                world.polling.finished(id)
                world.pace.ended(kind, of: chat, at: world.now)
                world.pump()
                world.look()
            }
        }
    }
}
