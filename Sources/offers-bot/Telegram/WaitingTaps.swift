/// The taps whose call to offersd has not begun. No I/O.
///
/// A chat has one call at a time. Of what waits behind it, only the newest read is worth making: it shows all that an
/// older one would. Of the same write one is enough.
struct WaitingTaps {
    private struct Waiting {
        let update: Int64
        let tap: Tap
    }

    private var chats: [Int64: [Waiting]] = [:]

    /// A tap comes.
    ///
    /// - Returns: The updates whose taps are not worth a call any more.
    mutating func add(_ tap: Tap, update: Int64, in chat: Int64) -> [Int64] {
        let waiting = chats[chat] ?? []
        let superseded = waiting.filter { !$0.tap.isWrite || $0.tap == tap }.map(\.update)
        chats[chat] = waiting.filter { !superseded.contains($0.update) } + [Waiting(update: update, tap: tap)]
        return superseded
    }

    /// A tap's turn has come. Returns whether its call is still worth making.
    mutating func begin(_ update: Int64, in chat: Int64) -> Bool {
        guard var waiting = chats[chat], let index = waiting.firstIndex(where: { $0.update == update }) else {
            return false
        }
        waiting.remove(at: index)
        chats[chat] = waiting.isEmpty ? nil : waiting
        return true
    }
}
