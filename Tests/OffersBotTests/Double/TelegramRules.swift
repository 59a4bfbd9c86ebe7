/// What Telegram's servers keep to, beyond the forms of requests. No I/O; the time is told.
struct TelegramRules {
    typealias Instant = ContinuousClock.Instant

    /// Messages that a chat may have at once after a quiet time, and then one a second.
    static let chatBurst = 7
    /// Calls that a bot may make at once after a quiet time, and then as many in each second.
    static let burst = 30

    private var lastPoll: (offset: Int64, start: Instant)?
    private var chats: [Int64: Bucket] = [:]
    private var all = Bucket(size: Self.burst, interval: .seconds(1) / Self.burst)

    /// How many updates a getUpdates is given at most, and how many seconds it waits for one: fewer and longer when it
    /// repeats the offset of the last one (tdlib/telegram-bot-api, `process_get_updates_query`).
    mutating func poll(offset: Int64, limit: Int, timeout: Int, at now: Instant) -> (limit: Int, timeout: Int) {
        defer { lastPoll = (offset, now) }
        guard let lastPoll, lastPoll.offset == offset else { return (limit, timeout) }
        return (
            now < lastPoll.start + .milliseconds(500) ? 1 : limit,
            now < lastPoll.start + .seconds(3) ? max(timeout, 3) : timeout
        )
    }

    /// Counts a call, and returns after how many seconds it may come again if it is one too many (429).
    mutating func call(chat: Int64?, at now: Instant) -> Int? {
        guard all.take(at: now) else { return 1 }
        guard let chat else { return nil }
        return chats[chat, default: Bucket(size: Self.chatBurst, interval: .seconds(1))].take(at: now) ? nil : 3
    }

    /// A number of things that are there, and come back one after the other.
    private struct Bucket {
        let size: Int
        let interval: Duration
        private var paid: Instant?

        init(size: Int, interval: Duration) {
            self.size = size
            self.interval = interval
        }

        mutating func take(at now: Instant) -> Bool {
            let next = max(paid ?? now, now) + interval
            guard now.duration(to: next) <= interval * size else { return false }
            paid = next
            return true
        }
    }
}
