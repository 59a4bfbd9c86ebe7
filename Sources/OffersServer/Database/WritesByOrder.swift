import Synchronization

/// The orders that accepts are under way for, and whether one of the writes has been told that it accepted the order.
/// Of two taps of one master both may be lost on their way: what one of them did is not the other's doing as well.
final class WritesByOrder: Sendable {
    private struct Writes {
        /// How many are under way.
        var count = 0
        var isTold = false
    }

    private let orders = Mutex<[Int64: Writes]>([:])

    /// A write of an order has begun. Nil is no order.
    func begin(_ order: Int64?) {
        guard let order else { return }
        orders.withLock { $0[order, default: Writes()].count += 1 }
    }

    /// It has ended.
    ///
    /// - Parameter isTold: Whether it is told that it accepted the order.
    func end(_ order: Int64?, isTold: Bool = false) {
        guard let order else { return }
        orders.withLock { orders in
            orders[order]?.count -= 1
            if isTold { orders[order]?.isTold = true }
            if orders[order]?.count == 0 { orders[order] = nil }
        }
    }

    /// A write of the order is told that it accepted it, unless another write was told that which is under way, or was
    /// while this one is. Returns whether it is told.
    func tellFirst(_ order: Int64) -> Bool {
        orders.withLock { orders in
            guard orders[order]?.isTold != true else { return false }
            orders[order]?.isTold = true
            return true
        }
    }
}
