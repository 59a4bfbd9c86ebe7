import NIOCore
import Synchronization

/// Brings things from any thread to an event loop.
///
/// What comes before the loop has got to it is delivered together: a group of answers from the database wakes the loop
/// once and takes one place in its queue, and replies that become ready together leave together.
final class LoopMailbox<Element: Sendable>: Sendable {
    private let loop: any EventLoop
    private let waiting = Mutex<[Element]>([])

    init(_ loop: any EventLoop) {
        self.loop = loop
    }

    /// Any thread. `deliver`, which must be the same each time, is called on the loop with what has come, in order.
    func put(_ element: Element, _ deliver: @escaping @Sendable ([Element]) -> Void) {
        let isFirst = waiting.withLock { waiting in
            waiting.append(element)
            return waiting.count == 1
        }
        if isFirst { loop.execute { deliver(self.takeAll()) } }
    }

    private func takeAll() -> [Element] {
        var elements: [Element] = []
        elements.reserveCapacity(16)
        waiting.withLock { swap(&$0, &elements) }
        return elements
    }
}
