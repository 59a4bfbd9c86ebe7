/// Which call to the Bot API is made next, and when. No I/O; the time is told.
///
/// Telegram refuses more than about 30 messages a second in all and one a second in a chat, short bursts aside (Bots
/// FAQ, "My bot is hitting limits"). So all calls together have a pace, and the messages of each chat have one.
///
/// Among the chats that wait, the one with the fewest calls lately goes first: however many calls a few chats want, the
/// call of another one does not wait for them.
///
/// Of what waits in a chat only the newest is worth showing: a newer screen takes the place of an older one, and a
/// newer answer to a tap that of an older one. Cards of accepted orders give way to nothing.
struct Pace {
    typealias Instant = ContinuousClock.Instant

    /// Calls a second, all together.
    static let perSecond = 25
    /// As many may come at once after a quiet time. With ``perSecond`` no second has more than 30.
    static let burst = 5
    /// The messages that a chat may have at once after a quiet time; afterwards it has one a second.
    static let chatBurst = 5

    /// What a call does.
    enum Kind: Equatable {
        /// Answers a tap. Chats in a flood wait have it, too. What a write led to does not give way to the answer of a
        /// read.
        case answer(ofWrite: Bool)
        /// Shows a screen. One of a read is not shown any more when a newer one has been; what a write led to is.
        case screen(ofWrite: Bool)
        /// Shows an accepted order.
        case card
        /// Tidies up behind a screen.
        case tidying

        fileprivate var isMessage: Bool {
            if case .answer = self { false } else { true }
        }
    }

    /// A call that waits.
    struct Call: Equatable {
        /// Of this call and no other; they grow.
        let id: Int
        let chat: Int64
        /// Grows from tap to tap.
        let order: Int
        let kind: Kind
        /// Its own id, or that of the first one that waited in its place: what is replaced all the time gets its turn,
        /// too.
        fileprivate var place: Int

        init(id: Int, chat: Int64, order: Int, kind: Kind) {
            self.id = id
            self.chat = chat
            self.order = order
            self.kind = kind
            place = id
        }

        /// Whether this one comes in place of another one that waits in the same chat.
        fileprivate func supersedes(_ other: Call) -> Bool {
            guard other.order < order else { return false }
            return switch (kind, other.kind) {
            case (.answer, .answer(ofWrite: false)), (.answer(ofWrite: true), .answer): true
            case (.screen, .screen), (.card, .screen): true
            default: false
            }
        }
    }

    /// What to do.
    enum Step: Equatable {
        /// Make this call.
        case make(Int)
        /// Nothing before that moment, unless something changes.
        case wait(until: Instant)
        /// Nothing, unless something changes.
        case idle
    }

    private struct Chat {
        var waiting: [Call] = []
        /// A message is on its way; the next one comes after it.
        var isBusy = false
        /// The end of a flood wait.
        var held: Instant?
        var messages = Allowance()
        /// Until when its calls count against it.
        var debt: Instant?
        /// The newest screen that was shown.
        var shown = Int.min

        func isForgettable(at now: Instant) -> Bool {
            waiting.isEmpty && !isBusy && [held, messages.paid, debt].allSatisfy { $0.map { $0 <= now } ?? true }
        }
    }

    private var chats: [Int64: Chat] = [:]
    /// The chats in which something waits.
    private var waiting: Set<Int64> = []
    private var all = Allowance()
    /// Between two calls.
    private var interval = Self.shortest
    private var slowed: Instant?

    private static let shortest: Duration = .seconds(1) / perSecond
    private static let longest: Duration = .seconds(1)
    private static let chatInterval: Duration = .seconds(1)
    /// How long a call counts against its chat.
    private static let debt: Duration = .seconds(5)
    private static let longestDebt: Duration = .seconds(60)
    /// Beyond this many chats the quiet ones are forgotten.
    private static let memory = 2000

    /// A call wants to be made.
    ///
    /// - Returns: The calls that are not to be made any more; the new one may be among them.
    mutating func add(_ call: Call) -> [Int] {
        var chat = chats[call.chat] ?? Chat()
        if call.kind == .screen(ofWrite: false), call.order < chat.shown { return [call.id] }
        if chat.waiting.contains(where: { $0.supersedes(call) }) { return [call.id] }
        let superseded = chat.waiting.filter { call.supersedes($0) }
        chat.waiting.removeAll { superseded.contains($0) }
        var call = call
        call.place = superseded.map(\.place).min() ?? call.id
        chat.waiting.append(call)
        chats[call.chat] = chat
        waiting.insert(call.chat)
        return superseded.map(\.id)
    }

    /// A call that waits is given up.
    mutating func remove(_ id: Int, of chat: Int64) {
        chats[chat]?.waiting.removeAll { $0.id == id }
        if chats[chat]?.waiting.isEmpty ?? true { waiting.remove(chat) }
    }

    /// What to do at a moment. A call is taken as made; ``ended(_:of:at:)`` has to follow.
    mutating func step(at now: Instant) -> Step {
        guard !waiting.isEmpty else { return .idle }
        let next = all.next(every: interval, burst: Self.burst)
        if let next, next > now { return .wait(until: next) }
        var best: (call: Call, debt: Instant)?
        var earliest: Instant?
        for id in waiting {
            guard let chat = chats[id] else { continue }
            switch Self.candidate(of: chat, at: now) {
            case (let call?, _):
                let debt = max(chat.debt ?? now, now)
                if best.map({ (debt, call.id) < ($0.debt, $0.call.id) }) ?? true { best = (call, debt) }
            case (nil, let moment?):
                earliest = min(earliest ?? moment, moment)
            case (nil, nil): break
            }
        }
        guard let best else { return earliest.map { .wait(until: $0) } ?? .idle }
        make(best.call, at: now)
        return .make(best.call.id)
    }

    /// What a chat may have now, or when it may have something; neither while its message is on its way.
    private static func candidate(of chat: Chat, at now: Instant) -> (Call?, Instant?) {
        let answer = chat.waiting.first { !$0.kind.isMessage }
        guard let message = chat.waiting.first(where: \.kind.isMessage), !chat.isBusy else { return (answer, nil) }
        let moments = [chat.held, chat.messages.next(every: chatInterval, burst: chatBurst)]
        if let moment = moments.compactMap(\.self).max(), moment > now { return (answer, moment) }
        guard let answer, answer.place < message.place else { return (message, nil) }
        return (answer, nil)
    }

    private mutating func make(_ call: Call, at now: Instant) {
        all.spend(interval, at: now)
        remove(call.id, of: call.chat)
        var chat = chats[call.chat] ?? Chat()
        chat.debt = min(max(chat.debt ?? now, now) + Self.debt, now + Self.longestDebt)
        if call.kind.isMessage {
            chat.isBusy = true
            chat.messages.spend(Self.chatInterval, at: now)
            if call.kind != .tidying { chat.shown = max(chat.shown, call.order) }
        }
        chats[call.chat] = chat
    }

    /// A call has been answered, or never will be.
    ///
    /// - Parameter flood: How long Telegram wants to be left alone, if it refused the call for that (429).
    mutating func ended(_ kind: Kind, of id: Int64, flood: Duration? = nil, at now: Instant) {
        if kind.isMessage { chats[id]?.isBusy = false }
        if let flood {
            // The chat's own limit or the one in all, Telegram does not say which.
            if kind.isMessage { chats[id]?.held = now + flood }
            if slowed.map({ $0 + .seconds(1) <= now }) ?? true {
                slowed = now
                interval = min(interval * 1.5, Self.longest)
            }
        } else {
            interval = max(interval * 0.98, Self.shortest)
        }
        if chats.count > Self.memory { chats = chats.filter { !$0.value.isForgettable(at: now) } }
    }
}

/// So many at once, and then one at a time (the generic cell rate algorithm).
private struct Allowance {
    /// When all so far have been paid for.
    var paid: ContinuousClock.Instant?

    /// From when on the next may come.
    func next(every interval: Duration, burst: Int) -> ContinuousClock.Instant? {
        paid.map { $0 - interval * (burst - 1) }
    }

    mutating func spend(_ interval: Duration, at now: ContinuousClock.Instant) {
        paid = max(paid ?? now, now) + interval
    }
}
