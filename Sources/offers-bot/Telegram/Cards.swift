import Synchronization

/// Which messages show an accepted order. What Telegram tells about a message is how it was at the tap: a tap may come
/// between the accept and its card.
final class Cards: Sendable {
    private struct Message: Hashable {
        let chat: Int64
        let id: Int64
    }

    /// How many are remembered. A tap that is so much older than its message is not believable.
    private static let memory = 5000

    /// The hash of what each message shows; the texts would be many megabytes.
    private let cards = Mutex<(byMessage: [Message: Int], inOrder: [Message])>(([:], []))

    /// Whether a message shows an accepted order.
    func contains(_ message: Int64, in chat: Int64) -> Bool {
        cards.withLock { $0.byMessage[Message(chat: chat, id: message)] != nil }
    }

    /// Whether a message shows just this card.
    func shows(_ card: Screen, _ message: Int64, in chat: Int64) -> Bool {
        cards.withLock { $0.byMessage[Message(chat: chat, id: message)] == card.hashValue }
    }

    /// A message shows an accepted order, or is about to.
    func add(_ card: Screen, _ message: Int64, in chat: Int64) {
        cards.withLock { cards in
            let message = Message(chat: chat, id: message)
            if cards.byMessage.updateValue(card.hashValue, forKey: message) == nil { cards.inOrder.append(message) }
            guard cards.inOrder.count > 2 * Self.memory else { return }
            for old in cards.inOrder.prefix(Self.memory) { cards.byMessage[old] = nil }
            cards.inOrder.removeFirst(Self.memory)
        }
    }

    /// Telegram has refused to show it there.
    func remove(_ message: Int64, in chat: Int64) {
        cards.withLock { cards in
            let message = Message(chat: chat, id: message)
            cards.byMessage[message] = nil
            cards.inOrder.removeAll { $0 == message }
        }
    }
}
