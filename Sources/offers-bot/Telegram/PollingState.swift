/// Which updates are in hand, and when to poll with which offset. No I/O; the time is told.
///
/// Telegram forgets updates before the offset. Only an accept or a decline that has not been carried out is worth
/// coming again after a crash, so the offset stays at the oldest of those, and passes everything else. While it stays,
/// every answer begins with what is known, which is skipped.
///
/// A request with the same offset as less than 0.5 s before is given one update, and one within 3 s waits for at least
/// 3 s if there is none (tdlib/telegram-bot-api, `process_get_updates_query`). So equal offsets come ``pause`` apart.
struct PollingState {
    typealias Instant = ContinuousClock.Instant

    /// Updates per request; the most that Telegram gives (Bot API, getUpdates).
    static let batch = 100
    /// From this many on nothing is polled: new ones wait at Telegram. A chat has at most one call to offersd at a
    /// time, so with a batch more there are still fewer than the connections that offersd allows (1024).
    static let mostInHand = 900
    /// Between the beginnings of two requests with the same offset.
    static let pause: Duration = .milliseconds(600)
    /// How many finished updates are remembered, in case one comes again.
    private static let memory = 1000

    /// What to do.
    enum Step: Equatable {
        /// Make a request with this offset; nil asks for everything that waits.
        case poll(offset: Int64?)
        /// Nothing for so long, unless the offset moves.
        case wait(Duration)
        /// Nothing until an update is finished.
        case waitForRoom
    }

    /// Writes that are not carried out. The offset passes none of them.
    private var holding: Set<Int64> = []
    private var inHand: Set<Int64> = []
    private var finished: Set<Int64> = []
    /// The finished ones in order of their end, to forget the oldest.
    private var finishedInOrder: [Int64] = []
    /// The highest id of the last answer with something new in it. Not the highest of all: after a quiet week ids may
    /// begin anywhere (Bot API, `Update.update_id`).
    private var highest: Int64?
    private var last: (offset: Int64?, start: Instant)?

    /// The offset of the next request.
    var offset: Int64? {
        holding.min() ?? highest.map { $0 + 1 }
    }

    /// Whether as many are in hand as may be.
    var isFull: Bool { inHand.count >= Self.mostInHand }

    /// Whether the next request would have the offset of the last one, and confirm nothing.
    var isConfirmed: Bool {
        last.map { $0.offset == offset } ?? (offset == nil)
    }

    /// What to do at a moment. A request is taken as made.
    mutating func step(at now: Instant) -> Step {
        guard !isFull else { return .waitForRoom }
        if let last, last.offset == offset, now < last.start + Self.pause {
            return .wait(now.duration(to: last.start + Self.pause))
        }
        last = (offset, now)
        return .poll(offset: offset)
    }

    /// Takes the ids of the answer to the last request.
    ///
    /// A full answer may have more behind it that the oldest write shuts out. If the offset would stay, it passes that
    /// write: after a crash the master has to tap again.
    ///
    /// - Parameter writes: Those of the ids that are accepts or declines.
    /// - Returns: Those that are new, ascending, each once. They are in hand from now on.
    mutating func received(_ ids: [Int64], writes: Set<Int64> = []) -> [Int64] {
        let new = Set(ids).subtracting(inHand).subtracting(finished).sorted()
        if let last = new.last {
            highest = last
        } else if let last = ids.max(), let known = highest, last > known {
            highest = last
        }
        inHand.formUnion(new)
        holding.formUnion(writes.intersection(new))
        if ids.count >= Self.batch, let oldest = holding.min(), let last, last.offset == oldest {
            holding.remove(oldest)
        }
        return new
    }

    /// A write has been carried out, or never will be.
    mutating func carriedOut(_ id: Int64) {
        holding.remove(id)
    }

    /// Nothing is left to do for an update.
    mutating func finished(_ id: Int64) {
        guard inHand.remove(id) != nil else { return }
        holding.remove(id)
        finished.insert(id)
        finishedInOrder.append(id)
        guard finishedInOrder.count > 2 * Self.memory else { return }
        finished.subtract(finishedInOrder.prefix(Self.memory))
        finishedInOrder.removeFirst(Self.memory)
    }
}
