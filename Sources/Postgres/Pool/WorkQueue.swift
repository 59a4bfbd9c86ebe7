internal import DequeModule

/// Work that waits for a connection. An object, because it is handed on so often on its way.
package final class WorkItem<Job: Sendable>: Sendable {
    /// What must not run at the same time as other work with the same key: at most two keys.
    package let keys: [ExclusionKey]
    /// Work of the same company may be taken together; nil: it is taken by itself.
    package let company: String?
    /// When the work is given up if it has not started by then.
    package let deadline: any Deadline
    /// What the connection is to do.
    package let job: Job
    /// Who wants to know how long it waits; nil if nobody does.
    let trace: PoolTrace?

    package init(
        keys: [ExclusionKey] = [], company: String? = "", deadline: any Deadline, job: Job, trace: PoolTrace? = nil
    ) {
        self.keys = keys
        self.company = company
        self.deadline = deadline
        self.job = job
        self.trace = trace
    }

    /// The same, not to be taken together with any other.
    fileprivate var byItself: WorkItem {
        WorkItem(keys: keys, company: nil, deadline: deadline, job: job, trace: trace)
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

/// The waiting work of one lane, in order. Work with a common key runs one after the other, in order of arrival;
/// it waits here and not on a connection, so that a hot key does not use up the connections.
///
/// A value without I/O. Every operation but `removeExpired` and `removeAll` takes constant time.
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

    /// Takes the item that has been ready for longest.
    package mutating func next() -> Taken? {
        ready.popFirst()
    }

    /// The same, but only if it may be taken together with `other`. What is ready has no key in common.
    package mutating func next(with other: Taken) -> Taken? {
        guard let company = other.item.company, ready.first?.item.company == company else { return nil }
        return ready.popFirst()
    }

    /// The work has ended: those behind it in its lines move up.
    package mutating func finished(_ taken: Taken) {
        leaveLines(taken.item, taken.number)
    }

    /// The work was not done: it is the next to start, each by itself, and keeps its place in its lines.
    package mutating func putBack(_ taken: [Taken]) {
        for taken in taken.reversed() { ready.prepend(Taken(item: taken.item.byItself, number: taken.number)) }
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
        for taken in removed { leaveLines(taken.item, taken.number) }
        return removed.map(\.item)
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
