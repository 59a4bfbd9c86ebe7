/// Which updates are in hand, and which offset to poll with. No I/O, no clock.
///
/// Telegram forgets updates before the offset, so the offset stays at the oldest one that is unfinished: if this process
/// dies, it comes again. Until it is finished every answer begins with it, and what is known is skipped.
///
/// An answer holds at most ``batch`` updates from the offset on. When it is full and all of them are known, the oldest
/// one shuts out everybody else ("crowded", see ``offset``).
struct PollingState {
    /// Updates per request; the most that Telegram gives (Bot API, getUpdates).
    static let batch = 100
    /// From this many on the offset passes no unfinished update: new ones wait at Telegram. With a batch more there are still
    /// fewer than the connections that offersd allows (1024).
    static let mostInHand = 500
    /// How many finished updates are remembered, in case one comes again.
    private static let memory = 1000

    private var unfinished: Set<Int64> = []
    /// Unfinished, but all that they can still come to is a screen.
    private var harmless: Set<Int64> = []
    private var finished: Set<Int64> = []
    /// The finished ones in order of their end, to forget the oldest.
    private var finishedInOrder: [Int64] = []
    /// The highest id of the last answer with something new in it. Not the highest of all: after a quiet week ids may
    /// begin anywhere (Bot API, `Update.update_id`).
    private var highest: Int64?
    private var isCrowded = false

    /// The offset of the next request; nil asks for everything that waits. It never passes an unfinished update, except when
    /// it is crowded: then it passes those that have nothing left to do but show a screen. If the process dies, only that
    /// screen is lost, and the master asks for it again. Accepts and declines are never passed before they are done; a
    /// master's tap waits for the one before it for a limited time, so that they do not hold up the others for long.
    var offset: Int64? {
        let holding = isCrowded ? unfinished.subtracting(harmless) : unfinished
        return holding.min() ?? highest.map { $0 + 1 }
    }

    /// Whether every update in hand is finished.
    var isIdle: Bool { unfinished.isEmpty }

    /// Takes the ids of an answer.
    ///
    /// - Returns: Those that are new, ascending, each once. They are unfinished from now on.
    mutating func received(_ ids: [Int64]) -> [Int64] {
        let new = Set(ids).subtracting(unfinished).subtracting(finished).sorted()
        if let last = new.last {
            highest = last
        } else if let last = ids.max(), let known = highest, last > known {
            highest = last
        }
        unfinished.formUnion(new)
        isCrowded = new.isEmpty && ids.count >= Self.batch && unfinished.count < Self.mostInHand
        return new
    }

    /// An update writes nothing, or has written: it may be let go when it is crowded.
    mutating func mayBeLetGo(_ id: Int64) {
        guard unfinished.contains(id) else { return }
        harmless.insert(id)
    }

    /// Nothing is left to do for an update.
    mutating func finished(_ id: Int64) {
        guard unfinished.remove(id) != nil else { return }
        harmless.remove(id)
        finished.insert(id)
        finishedInOrder.append(id)
        guard finishedInOrder.count > 2 * Self.memory else { return }
        finished.subtract(finishedInOrder.prefix(Self.memory))
        finishedInOrder.removeFirst(Self.memory)
    }
}
