package import Deadlines
internal import DequeModule

/// Work that waits for a connection. An object, because it is handed on so often on its way.
package final class WorkItem<Job: Sendable>: Sendable {
    /// What must not run at the same time as other work with the same key: at most two keys. Those of the first part of
    /// the work, if it has several.
    package let keys: [ExclusionKey]
    /// Its further parts, in their order. Asked once, when the work is taken: parts may join it until then. It must not
    /// wait.
    package let further: @Sendable () -> [WorkPart]
    /// Work of the same batch key may be taken together; nil: it is taken by itself, and the first part alone.
    package let batchKey: String?
    /// When the first part is given up if it has not started by then.
    package let deadline: Deadline
    /// What the connection is to do.
    package let job: Job
    /// How many parts behind the first were rolled back with it.
    let rolledBackBehind: Int
    /// Measures how long it waits; nil: it is not measured.
    let trace: PoolTrace?

    package init(
        keys: [ExclusionKey] = [], further: @escaping @Sendable () -> [WorkPart] = { [] },
        batchKey: String? = "", deadline: Deadline, job: Job, rolledBackBehind: Int = 0, trace: PoolTrace? = nil
    ) {
        self.keys = keys
        self.further = further
        self.batchKey = batchKey
        self.deadline = deadline
        self.job = job
        self.rolledBackBehind = rolledBackBehind
        self.trace = trace
    }

    /// The first part, not to be taken together with any other.
    fileprivate func first(rolledBackBehind count: Int) -> WorkItem {
        WorkItem(keys: keys, batchKey: nil, deadline: deadline, job: job, rolledBackBehind: count, trace: trace)
    }
}

/// A part of work that can have several.
package struct WorkPart: Sendable {
    /// What must not run at the same time as other work with the same key: at most two keys.
    package let keys: [ExclusionKey]
    /// What it adds to the statements of the work.
    package let parameters: [Int64?]

    package init(keys: [ExclusionKey], parameters: [Int64?] = []) {
        self.keys = keys
        self.parameters = parameters
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

/// The waiting work of one pool, in order. Work with a common key runs one after the other, in order of arrival;
/// it waits here and not on a connection, so that a hot key does not use up the connections. Work waits for the keys of
/// its first part alone; its other parts go along as far as their keys are free when it is taken.
///
/// A value without I/O. To append, to take and to finish takes constant time; what removes or puts back takes as long
/// as there is work that waits.
package struct WorkQueue<Job: Sendable>: Sendable {
    /// Work taken out by `next`; handed back to `finished` so that its successors may start.
    package struct Taken: Sendable {
        package let item: WorkItem<Job>
        /// The parts that were taken besides the first, in their order.
        package fileprivate(set) var further: [WorkPart] = []
        fileprivate let number: UInt64

        /// How many of its parts are to be done, from the first on.
        package var count: Int { 1 + further.count }
    }

    /// What could start now, in that order.
    private var ready: Deque<Taken> = []
    /// What waits for others with its keys.
    private var blocked: [UInt64: WorkItem<Job>] = [:]
    /// For each key the work that has it, in order of arrival; the first may be running.
    private var lines: [ExclusionKey: Deque<UInt64>] = [:]
    private var nextNumber: UInt64 = 0

    package init() {}

    /// The number of items that wait, whether they could start now or not.
    package var count: Int { ready.count + blocked.count }

    /// The number of items that could start now.
    package var readyCount: Int { ready.count }

    /// Puts an item at the end.
    package mutating func append(_ item: WorkItem<Job>) {
        let number = nextNumber
        nextNumber += 1
        for key in item.keys { lines[key, default: []].append(number) }
        if isFirstInItsLines(item, number) {
            ready.append(Taken(item: item, number: number))
        } else {
            blocked[number] = item
        }
    }

    /// Takes the item that has been ready for longest, with at most so many of its parts.
    package mutating func next(atMost limit: Int = .max) -> Taken? {
        guard var taken = ready.popFirst() else { return nil }
        guard taken.item.batchKey != nil else { return taken }
        for part in taken.item.further() {
            guard taken.count < limit, part.keys.allSatisfy({ lines[$0] == nil }) else { break }
            for key in part.keys { lines[key] = [taken.number] }
            taken.further.append(part)
        }
        return taken
    }

    /// The same, but only if it may be taken together with `other`. What is ready has no key in common.
    package mutating func next(with other: Taken, atMost limit: Int = .max) -> Taken? {
        guard let batchKey = other.item.batchKey, ready.first?.item.batchKey == batchKey else { return nil }
        return next(atMost: limit)
    }

    /// The work has ended: those behind it in its lines move up.
    package mutating func finished(_ taken: Taken) {
        leaveLines(taken.item.keys, taken.number)
        for part in taken.further { leaveLines(part.keys, taken.number) }
    }

    /// The work was not done: the first part of each is the next to start, each by itself, and keeps its place in its
    /// lines.
    ///
    /// - Parameter rolledBack: Whether any part of it may be why. If not, the first one is.
    package mutating func putBack(_ taken: [Taken], rolledBack: Bool) {
        for taken in taken.reversed() {
            for part in taken.further { leaveLines(part.keys, taken.number) }
            let first = taken.item.first(rolledBackBehind: rolledBack ? taken.count - 1 : 0)
            ready.prepend(Taken(item: first, number: taken.number))
        }
    }

    /// Takes out all items that may not start any more.
    package mutating func removeExpired(at now: MonotonicTime) -> [WorkItem<Job>] {
        remove { $0.deadline.hasPassed(at: now) }
    }

    /// Takes out all items that have not started.
    package mutating func removeAll() -> [WorkItem<Job>] {
        remove { _ in true }
    }

    private mutating func remove(where condition: (WorkItem<Job>) -> Bool) -> [WorkItem<Job>] {
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
        for taken in removed { finished(taken) }
        return removed.map(\.item)
    }

    private mutating func leaveLines(_ keys: [ExclusionKey], _ number: UInt64) {
        for key in keys {
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
