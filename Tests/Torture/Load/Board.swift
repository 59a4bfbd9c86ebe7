import Deadlines
import Postgres
import Synchronization

/// What clients and other writers of a run share: which orders there are to fight for, and whether it is over.
final class Board: Sendable {
    /// An order, and the masters it was offered to.
    struct Entry: Sendable {
        let order: Int
        var masters: [Int]
    }

    private struct State {
        var entries: [Entry] = []
        var calls: [Call] = []
        var acts: [Act] = []
        var disturbances: [Disturbance] = []
        var lastAct = 0
        var lastOrder = 0
        var lastConnection = 0
        var spared: Set<Int> = []
    }

    /// The masters of the run.
    let masters: [Int]
    private let state = Mutex(State())
    private let over = Atomic(false)

    /// The newest orders that are remembered.
    private static let capacity = 40

    init(masters: [Int]) {
        self.masters = masters
    }

    /// Whether clients and writers are to come to an end.
    var isOver: Bool { over.load(ordering: .relaxed) }

    func end() { over.store(true, ordering: .relaxed) }

    /// Whether a service is not to be asked anything for a while.
    func isSpared(_ service: Int) -> Bool { state.withLock { $0.spared.contains(service) } }

    /// Has a service not be asked anything, or lets it be asked again.
    func spare(_ service: Int, _ isSpared: Bool = true) {
        state.withLock { state in
            if isSpared { state.spared.insert(service) } else { state.spared.remove(service) }
        }
    }

    // MARK: Orders

    /// An id for an order, one that no order has had.
    func nextOrder() -> Int {
        state.withLock { state in
            state.lastOrder += 1
            return state.lastOrder
        }
    }

    func add(_ entry: Entry) {
        state.withLock { $0.entries = ($0.entries + [entry]).suffix(Board.capacity) }
    }

    /// An order to do something about: most often one of the newest, which others are after, too.
    func entry(_ generator: inout SeededGenerator) -> Entry? {
        let entries = state.withLock { $0.entries }
        let hot = entries.suffix(4)
        return generator.oneIn(3) ? entries.randomElement(using: &generator) : hot.randomElement(using: &generator)
    }

    /// The newest orders that were offered to a master, the newest last.
    func orders(of master: Int) -> [Int] {
        state.withLock { $0.entries.filter { $0.masters.contains(master) }.map(\.order) }
    }

    /// The master that all want orders for at the moment, so that the limit is fought for.
    var focus: Int {
        masters[Int(MonotonicTime(nanoseconds: 0).duration(to: .now()) / .milliseconds(150)) % masters.count]
    }

    // MARK: What happened

    func nextConnection() -> Int {
        state.withLock { state in
            state.lastConnection += 1
            return state.lastConnection
        }
    }

    func nextAct() -> Int {
        state.withLock { state in
            state.lastAct += 1
            return state.lastAct
        }
    }

    func note(_ call: Call) { state.withLock { $0.calls.append(call) } }
    func note(_ act: Act) { state.withLock { $0.acts.append(act) } }
    func note(_ disturbance: Disturbance) { state.withLock { $0.disturbances.append(disturbance) } }

    var calls: [Call] { state.withLock { $0.calls } }
    var acts: [Act] { state.withLock { $0.acts } }
    var disturbances: [Disturbance] { state.withLock { $0.disturbances } }
}
