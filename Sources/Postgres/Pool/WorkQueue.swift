internal import DequeModule

/// Work that waits for a connection. An object, because it is handed on so often on its way.
package final class WorkItem<Job: Sendable>: Sendable {
    /// What must not run at the same time as other work with the same key: at most two keys.
    package let keys: [ExclusionKey]
    /// Work of the same batch key may be taken together; nil: it is taken by itself.
    package let batchKey: String?
    /// Where it is in the order of its caller's work; nil: it has none.
    package let place: Place?
    /// When the work is given up if it has not started by then.
    package let deadline: any Deadline
    /// What the connection is to do.
    package let job: Job
    /// Measures how long it waits; nil: it is not measured.
    let trace: PoolTrace?

    package init(
        keys: [ExclusionKey] = [], batchKey: String? = "", place: Place? = nil, deadline: any Deadline, job: Job,
        trace: PoolTrace? = nil
    ) {
        self.keys = keys
        self.batchKey = batchKey
        self.place = place
        self.deadline = deadline
        self.job = job
        self.trace = trace
    }

    /// The same, not to be taken together with any other.
    fileprivate var byItself: WorkItem {
        WorkItem(keys: keys, batchKey: nil, place: place, deadline: deadline, job: job, trace: trace)
    }
}

/// Names a thing that only one transaction of this process may work on at a time.
package struct ExclusionKey: Hashable, Sendable {
    /// Tells kinds of things apart, whose values may be equal.
    package let space: UInt8
    /// The thing.
    package let value: Int64

    package init(space: UInt8, value: Int64) {
        self.space = space
        self.value = value
    }
}

/// A place in the order of one caller's work. Work starts only when all places before its own have been left, or together
/// with the work of the place before: so it takes effect after that, or at the same moment. A place outlives the work that
/// was done for it, because that may have to be done again.
package struct Place: Hashable, Sendable {
    let caller: ObjectIdentifier
    fileprivate let number: UInt64
}

/// The waiting work of one pool, in order. Work with a common key runs one after the other, in order of arrival;
/// it waits here and not on a connection, so that a hot key does not use up the connections. What waits for its place is
/// in nobody's way: it gets in line for its keys when its turn has come.
///
/// A value without I/O. To append, to take and to finish takes constant time, but for the number of a caller's places;
/// what removes or puts back takes as long as there is work that waits.
package struct WorkQueue<Job: Sendable>: Sendable {
    /// Work taken out by `next`; handed back to `finished` so that its successors may start.
    package struct Taken: Sendable {
        package let item: WorkItem<Job>
        fileprivate let number: UInt64
    }

    /// What could start now, in that order.
    private var ready: Deque<Taken> = []
    /// What waits for others with its keys.
    private var blocked: [UInt64: WorkItem<Job>] = [:]
    /// For each key the work that has it, in order of arrival; the first may be running.
    private var lines: [ExclusionKey: Deque<UInt64>] = [:]
    private var orders: [ObjectIdentifier: Order] = [:]
    /// How many items wait for their places.
    private var parkedCount = 0
    private var nextNumber: UInt64 = 0
    private var nextPlace: UInt64 = 0

    /// The order of one caller's work.
    private struct Order: Sendable {
        /// The places that have not been left.
        var places: Deque<UInt64> = []
        /// What waits for its place, by the place's number. There is one piece of work at a time for each.
        var parked: [UInt64: WorkItem<Job>] = [:]
    }

    package init() {}

    /// The number of items that wait, whether they could start now or not.
    package var count: Int { ready.count + blocked.count + parkedCount }

    /// The number of items that could start now.
    package var readyCount: Int { ready.count }

    /// The number of items that could start now, or might with one that can.
    package var companionCount: Int { ready.count + parkedCount }

    /// The next place in the order of this caller's work. It must be left, or nothing behind it ever starts.
    package mutating func enter(_ caller: ObjectIdentifier) -> Place {
        nextPlace += 1
        orders[caller, default: Order()].places.append(nextPlace)
        return Place(caller: caller, number: nextPlace)
    }

    /// Nothing more will be done for this place. Returns what waited for that, which is not in the queue any more.
    package mutating func leave(_ place: Place) -> WorkItem<Job>? {
        guard var order = orders.removeValue(forKey: place.caller) else { return nil }
        order.places.removeAll { $0 == place.number }
        guard let first = order.places.first else { return nil }
        let next = order.parked.removeValue(forKey: first)
        orders[place.caller] = order
        if next != nil { parkedCount -= 1 }
        return next
    }

    /// Puts an item at the end.
    package mutating func append(_ item: WorkItem<Job>) {
        if isFirst(item.place) { getInLine(item) } else { park(item) }
    }

    /// Whether all places before this one have been left. What has no place waits for none.
    package func isFirst(_ place: Place?) -> Bool {
        place.map { orders[$0.caller]?.places.first == $0.number } ?? true
    }

    private mutating func park(_ item: WorkItem<Job>) {
        guard let place = item.place else { return }
        parkedCount += 1
        orders[place.caller]?.parked[place.number] = item
    }

    private mutating func getInLine(_ item: WorkItem<Job>) {
        let number = lineUp(item)
        if isFirstInItsLines(item, number) {
            ready.append(Taken(item: item, number: number))
        } else {
            blocked[number] = item
        }
    }

    private mutating func lineUp(_ item: WorkItem<Job>) -> UInt64 {
        let number = nextNumber
        nextNumber += 1
        for key in item.keys { lines[key, default: []].append(number) }
        return number
    }

    /// Takes the item that has been ready for longest.
    package mutating func next() -> Taken? {
        ready.popFirst()
    }

    /// The same, but only if it may be taken together with `other`. What is ready has no key in common.
    package mutating func next(with other: Taken) -> Taken? {
        guard let batchKey = other.item.batchKey, ready.first?.item.batchKey == batchKey else { return nil }
        return ready.popFirst()
    }

    /// Takes what waits for the place behind that of `other`, if it may be taken together with that: nobody has its keys or
    /// waits for them.
    package mutating func next(behind other: Taken) -> Taken? {
        guard let batchKey = other.item.batchKey, let place = other.item.place, let order = orders[place.caller],
            let index = order.places.firstIndex(of: place.number), index + 1 < order.places.count,
            let next = order.parked[order.places[index + 1]], next.batchKey == batchKey,
            next.keys.allSatisfy({ lines[$0] == nil })
        else { return nil }
        parkedCount -= 1
        orders[place.caller]?.parked[order.places[index + 1]] = nil
        return Taken(item: next, number: lineUp(next))
    }

    /// The work has ended: those behind it in its lines move up.
    package mutating func finished(_ taken: Taken) {
        leaveLines(taken.item, taken.number)
    }

    /// The work was not done: it is the next to start, each by itself, and keeps its place in its lines. What was taken
    /// with the work of the place before it waits for its own place again.
    package mutating func putBack(_ taken: [Taken]) {
        for taken in taken.reversed() {
            if isFirst(taken.item.place) {
                ready.prepend(Taken(item: taken.item.byItself, number: taken.number))
            } else {
                leaveLines(taken.item, taken.number)
                park(taken.item.byItself)
            }
        }
    }

    /// Takes out all items that may not start any more.
    package mutating func removeExpired(at now: MonotonicTime) -> [WorkItem<Job>] {
        removeInLine { $0.deadline.hasPassed(at: now) } + removeParked { $0.deadline.hasPassed(at: now) }
    }

    /// Takes out all items that have not started, but for those that wait for their places.
    package mutating func removeInLine() -> [WorkItem<Job>] {
        removeInLine { _ in true }
    }

    /// Takes out all items that have not started.
    package mutating func removeAll() -> [WorkItem<Job>] {
        removeInLine() + removeParked { _ in true }
    }

    private mutating func removeInLine(where condition: (WorkItem<Job>) -> Bool) -> [WorkItem<Job>] {
        var removed: [Taken] = []
        // Each is asked once: its answer may be another a moment later.
        ready.removeAll { taken in
            let isToGo = condition(taken.item)
            if isToGo { removed.append(taken) }
            return isToGo
        }
        for (number, item) in blocked where condition(item) {
            blocked[number] = nil
            removed.append(Taken(item: item, number: number))
        }
        removed.sort { $0.number < $1.number }
        for taken in removed { leaveLines(taken.item, taken.number) }
        return removed.map(\.item)
    }

    private mutating func removeParked(where condition: (WorkItem<Job>) -> Bool) -> [WorkItem<Job>] {
        guard parkedCount > 0 else { return [] }
        var removed: [WorkItem<Job>] = []
        for caller in orders.keys {
            for (number, item) in orders[caller]?.parked ?? [:] where condition(item) {
                orders[caller]?.parked[number] = nil
                removed.append(item)
            }
        }
        parkedCount -= removed.count
        return removed
    }

    private mutating func leaveLines(_ item: WorkItem<Job>, _ number: UInt64) {
        for key in item.keys {
            // Taken out, so that it is changed in place and not copied.
            guard var line = lines.removeValue(forKey: key) else { continue }
            let wasFirst = line.first == number
            if wasFirst { line.removeFirst() } else { line.removeAll { $0 == number } }
            let next = line.first
            if next != nil { lines[key] = line }
            if wasFirst, let first = next, let waiting = blocked[first], isFirstInItsLines(waiting, first) {
                blocked[first] = nil
                ready.append(Taken(item: waiting, number: first))
            }
        }
    }

    private func isFirstInItsLines(_ item: WorkItem<Job>, _ number: UInt64) -> Bool {
        item.keys.allSatisfy { lines[$0]?.first == number }
    }
}
