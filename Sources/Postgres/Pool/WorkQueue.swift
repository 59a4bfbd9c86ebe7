internal import DequeModule

/// Work that waits for a connection.
package struct WorkItem<Job: Sendable>: Sendable {
    /// What must not run at the same time as other work with the same key: at most two keys.
    package let keys: [ExclusionKey]
    /// When the work is given up if it has not started by then.
    package let deadline: any Deadline
    /// What the connection is to do.
    package let job: Job
    /// Who wants to know how long it waits; nil if nobody does.
    let trace: PoolTrace?

    package init(keys: [ExclusionKey] = [], deadline: any Deadline, job: Job) {
        self.keys = keys
        self.deadline = deadline
        self.job = job
        self.trace = PoolTrace.current
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

    private var items: [UInt64: WorkItem<Job>] = [:]
    private var ready: Deque<UInt64> = []
    /// For each key the work that has it, in order of arrival; the first may be running.
    private var lines: [ExclusionKey: Deque<UInt64>] = [:]
    private var nextNumber: UInt64 = 0

    package init() {}

    /// The number of items that wait, whether they could start now or not.
    package var count: Int { items.count }

    /// The number of items that could start now.
    package var readyCount: Int { ready.count }

    /// Puts an item at the end.
    package mutating func append(_ item: WorkItem<Job>) {
        let number = nextNumber
        nextNumber += 1
        items[number] = item
        for key in item.keys { lines[key, default: []].append(number) }
        if isFirstInItsLines(item, number) { ready.append(number) }
    }

    /// Takes the item that has been ready for longest.
    package mutating func next() -> Taken? {
        while let number = ready.popFirst() {
            // What expired while it was ready is no longer among the items.
            if let item = items.removeValue(forKey: number) { return Taken(item: item, number: number) }
        }
        return nil
    }

    /// The work has ended: those behind it in its lines move up.
    package mutating func finished(_ taken: Taken) {
        leaveLines(taken.item, taken.number)
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
        let numbers = items.filter { condition($0.value) }.keys.sorted()
        let removed = numbers.compactMap { number in
            items.removeValue(forKey: number).map { (item: $0, number: number) }
        }
        for (item, number) in removed { leaveLines(item, number) }
        if items.isEmpty { ready.removeAll() }
        return removed.map(\.item)
    }

    private mutating func leaveLines(_ item: WorkItem<Job>, _ number: UInt64) {
        for key in item.keys {
            guard var line = lines[key] else { continue }
            let wasFirst = line.first == number
            if wasFirst { line.removeFirst() } else { line.removeAll { $0 == number } }
            lines[key] = line.isEmpty ? nil : line
            if wasFirst, let first = line.first, let waiting = items[first], isFirstInItsLines(waiting, first) {
                ready.append(first)
            }
        }
    }

    private func isFirstInItsLines(_ item: WorkItem<Job>, _ number: UInt64) -> Bool {
        item.keys.allSatisfy { lines[$0]?.first == number }
    }
}
