/// Which updates are in hand, and which offset to poll with. No I/O, no clock.
///
/// Telegram forgets updates before the offset, so the offset stays at the oldest one that is unfinished: if this process
/// dies, it comes again. Until it is finished every answer begins with it, and what is known is skipped.
struct PollingState {
    /// Updates per request; the most that Telegram gives (Bot API, getUpdates).
    static let batch = 100
    /// How many finished updates are remembered, in case one comes again.
    private static let memory = 1000

    private var unfinished: Set<Int64> = []
    /// Unfinished, but with nothing left to do except to wait for Telegram to take a screen.
    private var waiting: Set<Int64> = []
    private var finished: Set<Int64> = []
    /// The finished ones in order of their end, to forget the oldest.
    private var finishedInOrder: [Int64] = []
    /// The highest id of the last answer with something new in it. Not the highest of all: after a quiet week ids may
    /// begin anywhere (Bot API, `Update.update_id`).
    private var highest: Int64?
    private var isCrowded = false

    /// The offset of the next request; nil asks for everything that waits. Nothing unfinished is before it.
    ///
    /// One exception: when a whole answer held nothing but updates in hand, those that only wait for Telegram to take
    /// their screens are let go, so that one chat that may not be written to cannot shut out all others.
    var offset: Int64? {
        let holding = isCrowded ? unfinished.subtracting(waiting) : unfinished
        return holding.min() ?? highest.map { $0 + 1 }
    }

    /// Whether every update in hand is finished.
    var isIdle: Bool { unfinished.isEmpty }

    /// Takes the ids of an answer.
    ///
    /// - Returns: Those that are new, ascending, each once. They are unfinished from now on.
    mutating func received(_ ids: [Int64]) -> [Int64] {
        let new = Set(ids).subtracting(unfinished).subtracting(finished).sorted()
        isCrowded = new.isEmpty && ids.count >= Self.batch
        if let last = new.last {
            highest = last
        } else if let last = ids.max(), let known = highest, last > known {
            highest = last
        }
        unfinished.formUnion(new)
        return new
    }

    /// Everything but the showing of an update's screen is done, and Telegram does not take that now.
    mutating func waits(_ id: Int64) {
        waiting.insert(id)
    }

    /// Nothing is left to do for an update.
    mutating func finished(_ id: Int64) {
        guard unfinished.remove(id) != nil else { return }
        waiting.remove(id)
        finished.insert(id)
        finishedInOrder.append(id)
        guard finishedInOrder.count > 2 * Self.memory else { return }
        finished.subtract(finishedInOrder.prefix(Self.memory))
        finishedInOrder.removeFirst(Self.memory)
    }
}
