import Testing

@testable import offers_bot

struct PaceTests {
    private static let start = ContinuousClock.now

    /// A pace whose time goes on by itself as far as it must.
    private struct Run {
        var pace = Pace()
        var now = PaceTests.start
        var lastID = 0

        mutating func add(_ kind: Pace.Kind, _ chat: Int64, order: Int) -> (id: Int, superseded: [Int]) {
            lastID += 1
            return (lastID, pace.add(.init(id: lastID, chat: chat, order: order, kind: kind)))
        }

        /// The next call, and after how long it is made.
        mutating func next() throws -> (id: Int, wait: Duration) {
            try #require(tryNext())
        }

        /// The same; nil if none ever is made.
        mutating func tryNext() -> (id: Int, wait: Duration)? {
            let begin = now
            while true {
                switch pace.step(at: now) {
                case .make(let id): return (id, begin.duration(to: now))
                case .wait(let moment): now = moment
                case .idle: return nil
                }
            }
        }
    }

    private static let list = Pace.Kind.screen(ofWrite: false)

    @Test("No second has more than 30 calls, and a few come at once")
    func all() {
        var run = Run()
        for chat in 0..<300 { _ = run.add(Self.list, Int64(chat), order: chat) }
        var moments: [Duration] = []
        while run.tryNext() != nil { moments.append(Self.start.duration(to: run.now)) }
        #expect(moments.count == 300 && moments[Pace.burst - 1] == .zero)
        for moment in moments { #expect(moments.count { $0 >= moment && $0 < moment + .seconds(1) } <= 30) }
    }

    @Test("A chat has one message on its way, and one a second when it had some at once; its answers do not wait")
    func chat() throws {
        var run = Run()
        var waits: [Duration] = []
        for order in 0..<8 {
            let id = run.add(Self.list, 1, order: order).id
            waits.append(try run.next().wait)
            _ = run.add(Self.list, 1, order: order + 1)
            let busy = run.tryNext()
            #expect(busy == nil)
            run.pace.remove(id + 1, of: 1)
            run.lastID += 1
            run.pace.ended(Self.list, of: 1, at: run.now)
        }
        #expect(waits.prefix(Pace.chatBurst).allSatisfy { $0 == .zero })
        #expect(Self.start.duration(to: run.now) == .seconds(8 - Pace.chatBurst))
        let answer = run.add(.answer(ofWrite: false), 1, order: 9).id
        let next = try run.next()
        #expect(next.id == answer && next.wait == .zero)
    }

    @Test("After a flood wait a chat has its newest screen and all cards; others go on meanwhile")
    func flood() throws {
        var run = Run()
        let refused = run.add(Self.list, 1, order: 0).id
        let first = try run.next().id
        #expect(first == refused)
        run.pace.ended(Self.list, of: 1, flood: .seconds(60), at: run.now)
        let ids = [
            run.add(Self.list, 1, order: 0).id, run.add(.card, 1, order: 1).id, run.add(Self.list, 1, order: 2).id,
            run.add(.card, 1, order: 3).id,
        ]
        let (newest, superseded) = run.add(.screen(ofWrite: true), 1, order: 4)
        #expect(superseded == [])
        let stranger = run.add(Self.list, 2, order: 5).id
        let second = try run.next().id
        #expect(second == stranger)
        var shown: [Int] = []
        while let next = run.tryNext() {
            shown.append(next.id)
            #expect(Self.start.duration(to: run.now) >= .seconds(60))
            run.pace.ended(Self.list, of: 1, at: run.now)
        }
        #expect(shown == [ids[1], ids[3], newest])
    }

    @Test("An older screen of a read does not come after a newer one, one of a write does")
    func late() {
        var run = Run()
        _ = run.add(Self.list, 1, order: 5)
        _ = run.tryNext()
        let read = run.add(Self.list, 1, order: 4)
        #expect(read.superseded == [read.id])
        let write = run.add(.screen(ofWrite: true), 1, order: 3)
        #expect(write.superseded == [])
        let older = run.add(.screen(ofWrite: true), 1, order: 2)
        #expect(older.superseded == [older.id])
    }

    @Test("A newer answer takes the place of an older one, but for one of a read and an older one of a write")
    func answers() {
        var run = Run()
        let ids = (0..<3).map { run.add(.answer(ofWrite: $0 == 1), 1, order: $0) }
        #expect(ids.map(\.superseded) == [[], [ids[0].id], []])
        let last = run.add(.answer(ofWrite: true), 1, order: 3)
        #expect(last.superseded == [ids[1].id, ids[2].id])
    }

    @Test("A chat with few calls goes before chats with many, however much waits in those")
    func fairness() throws {
        var run = Run()
        for round in 0..<200 {
            for chat in 1...25 { _ = run.add(.answer(ofWrite: false), Int64(chat), order: round) }
            _ = run.tryNext()
        }
        let stranger = run.add(.answer(ofWrite: false), 99, order: 201).id
        let next = try run.next()
        #expect(next.id == stranger && next.wait <= .milliseconds(40))
    }

    @Test("In a chat that never stops tapping, answers and screens take turns")
    func alternating() throws {
        var run = Run()
        var made: [Pace.Kind] = []
        for order in 0..<8 {
            let answer = run.add(.answer(ofWrite: false), 1, order: order).id
            let screen = run.add(Self.list, 1, order: order).id
            let id = try run.next().id
            made.append(id == answer ? .answer(ofWrite: false) : Self.list)
            #expect(id == answer || id == screen)
            if id == screen { run.pace.ended(Self.list, of: 1, at: run.now) }
        }
        #expect(made.count { $0 == Self.list } == 4)
    }

    @Test("When Telegram refuses, all calls become slower, and faster again when it does not")
    func slower() throws {
        var run = Run()
        for chat in 0..<100 { _ = run.add(.answer(ofWrite: false), Int64(chat), order: chat) }
        for _ in 0..<20 { run.pace.ended(.answer(ofWrite: false), of: Int64(try run.next().id), at: run.now) }
        run.pace.ended(.answer(ofWrite: false), of: 1, flood: .seconds(1), at: run.now)
        run.pace.ended(.answer(ofWrite: false), of: 2, flood: .seconds(1), at: run.now)
        for _ in 0..<10 { _ = run.tryNext() }
        let slow = try run.next().wait
        #expect(slow == .milliseconds(60))
        for _ in 0..<40 { run.pace.ended(.answer(ofWrite: false), of: 3, at: run.now) }
        for _ in 0..<10 { _ = run.tryNext() }
        let fast = try run.next().wait
        #expect(fast == .milliseconds(40))
    }
}

struct WaitingTapsTests {
    @Test("Of what waits only the newest read is called for, and each write once")
    func superseded() {
        var waiting = WaitingTaps()
        func add(_ tap: Tap, _ update: Int64, _ chat: Int64) -> [Int64] { waiting.add(tap, update: update, in: chat) }
        let accept = Tap.accept(.init(order: 1, page: 1))
        let other = Tap.accept(.init(order: 2, page: 1))
        #expect(add(.menu, 1, 7) == [])
        #expect(add(accept, 2, 7) == [1])
        #expect(add(.list(page: 1), 3, 8) == [])
        #expect(add(other, 4, 7) == [])
        #expect(add(accept, 5, 7) == [2])
        #expect(add(.list(page: 1), 6, 7) == [])
        #expect(add(.list(page: 2), 7, 7) == [6])
        let inSeven = (1...7).filter { waiting.begin($0, in: 7) }
        #expect(inSeven == [4, 5, 7])
        let (inEight, again) = (waiting.begin(3, in: 8), waiting.begin(7, in: 7))
        #expect(inEight && !again)
    }
}
