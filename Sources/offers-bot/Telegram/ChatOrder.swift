import Synchronization

/// Lets the updates of one chat through one after the other, those of different chats at the same time.
final class ChatOrder: Sendable {
    private let last = Mutex<[Int64: Gate]>([:])

    /// The next turn of a chat. Turns come in the order of these calls. Every turn must be ended.
    func turn(of chat: Int64) -> Turn {
        let gate = Gate()
        let before = last.withLock { last in
            let before = last[chat]
            last[chat] = gate
            return before
        }
        return Turn(chat: chat, before: before, gate: gate, order: self)
    }

    fileprivate func ended(_ turn: Turn) {
        if let before = turn.before { before.opens(turn.gate) } else { turn.gate.open() }
        last.withLock { last in
            // With the last turn of a chat nothing is left to wait for.
            if last[turn.chat]?.isOpen == true { last[turn.chat] = nil }
        }
    }

    /// A place in the row of a chat.
    struct Turn: Sendable {
        fileprivate let chat: Int64
        /// Opens when every earlier turn has ended; nil if there is none.
        let before: Gate?
        fileprivate let gate: Gate
        fileprivate let order: ChatOrder

        /// Returns when every earlier turn of the chat has ended.
        ///
        /// - Throws: `CancellationError`.
        func begin() async throws {
            try await before?.wait()
        }

        /// The same, but waits not longer than given. Returns whether the turn has come.
        ///
        /// - Throws: `CancellationError`.
        func begin(within limit: Duration) async throws -> Bool {
            try await before?.opens(within: limit) ?? true
        }

        /// Lets the next one through, once the earlier ones have ended too. More than once is as good as once.
        func end() {
            order.ended(self)
        }
    }
}
