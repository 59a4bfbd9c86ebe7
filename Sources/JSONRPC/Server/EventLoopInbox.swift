import NIOCore
import Synchronization

/// Brings things from any thread to an event loop.
///
/// What comes before the loop has got to it is delivered together: a group of answers from the database wakes the loop
/// once and takes one place in its queue, and replies that become ready together leave together.
final class EventLoopInbox<Element: Sendable>: Sendable {
    private let loop: any EventLoop
    private let deliver: @Sendable ([Element]) -> Void
    private let waiting = Mutex<[Element]>([])

    /// - Parameter deliver: Called on the loop with what has come, in order.
    init(_ loop: any EventLoop, _ deliver: @escaping @Sendable ([Element]) -> Void) {
        self.loop = loop
        self.deliver = deliver
    }

    /// On any thread.
    func put(_ element: Element) {
        let isFirst = waiting.withLock { waiting in
            waiting.append(element)
            return waiting.count == 1
        }
        if isFirst { loop.execute { self.deliver(self.takeAll()) } }
    }

    private func takeAll() -> [Element] {
        var elements: [Element] = []
        elements.reserveCapacity(16)
        waiting.withLock { swap(&$0, &elements) }
        return elements
    }
}
