import Deadlines

@testable import Postgres

extension SimulatedPool {
    /// The answers to a group of reads have come. What was skipped is sent again, each by itself, as `ReadPipeline`
    /// does.
    mutating func endReads(
        _ group: [WorkQueue<Int>.Taken], _ groups: inout [[WorkQueue<Int>.Taken]]
    ) -> [Ended] {
        let (answers, refused, problem) = server.reads(group.map(\.item.job))
        if let problem { report(problem) }
        var ended: [Ended] = []
        for (place, (taken, answer)) in zip(group, answers).enumerated() {
            if case .refused = answer, place != refused { report("job \(taken.item.job) was told another's error") }
            switch answer {
            case .done(let rows):
                if rows != taken.item.job { report("job \(taken.item.job) was given the rows of \(rows)") }
                ended += end(running: [taken], .final)
            case .refused: ended += end(running: [taken], .final)
            case .skipped: groups.append([taken])
            }
        }
        return ended
    }

    /// A transaction has come to its end, and what its writes are told is held against what was committed.
    mutating func endTransaction(
        _ group: [WorkQueue<Int>.Taken], on index: Int, at now: MonotonicTime, breaks: Bool
    ) -> [Ended] {
        let works = group.map { taken in
            (0..<taken.count).map { SimulatedServer.Part(job: taken.item.job, place: $0) }
        }
        let transaction = server.transaction(for: works, breaks: breaks)
        if let problem = transaction.problem { report(problem) }
        var (ended, undone, leftOut, isRolledBack) = ([Ended](), [Int](), 0, false)
        switch transaction.outcome {
        case .failed(let error):
            if let problem = problem(telling: error, of: transaction, isShared: works.joined().count > 1, breaks) {
                report(problem)
            }
            for taken in group {
                ended += end(running: [taken], error.isWorthAnotherAttempt ? .worthAnotherAttempt : .final)
            }
        case .rolledBack:
            (undone, isRolledBack) = (Array(group.indices), true)
            if !transaction.committed.isEmpty { report("what was committed is done again") }
        case .done(let rows, let shares):
            if transaction.isUnconfirmed { report("what no standby has confirmed was told as done") }
            for (place, taken) in group.enumerated() {
                let done = rows[shares[place]].map(\.part)
                if done != Array(works[place].prefix(done.count)) { report("\(works[place]) were given \(done)") }
                for part in works[place] where transaction.committed.contains(part) != done.contains(part) {
                    report("\(part) was told another end than it has")
                }
                if done.isEmpty {
                    undone.append(place)
                } else {
                    leftOut += taken.count - done.count
                    // The first that is left out is run by itself; those behind it may share again.
                    ended += end(
                        running: [taken], count: done.count, separated: done.count < taken.count ? 1 : 0, .final)
                }
            }
        }
        let (refused, woken) = state.finished(
            index, group, undone: undone, rolledBack: isRolledBack, leftOut: leftOut, usable: transaction.isUsable,
            at: now)
        threads[index] = .asking
        isConnected[index] = transaction.isUsable
        defer { wake(woken) }
        return ended + putBack(undone.map { group[$0] }, rolledBack: isRolledBack, refused: refused.map(\.job))
    }

    /// What is wrong with telling all parts of a transaction this error.
    private func problem(
        telling error: PostgresError, of transaction: SimulatedServer.Transaction, isShared: Bool, _ breaks: Bool
    ) -> String? {
        switch error {
        case .unknownOutcome: breaks ? nil : "an end that was heard was told as unknown"
        case .unconfirmed: transaction.isUnconfirmed ? nil : "a confirmed commit was told as unconfirmed"
        case .unexpectedResult: isShared ? nil : "the row of the only part was not taken"
        case _ where !transaction.committed.isEmpty: "\(error) was told of what was committed"
        default: isShared ? "\(error) was told to all parts, and need not concern all" : nil
        }
    }

    /// Work was not done and is to be done again, each by itself. After the shutdown it has ended instead.
    private mutating func putBack(
        _ undone: [WorkQueue<Int>.Taken], rolledBack: Bool, refused: [Int]
    ) -> [Ended] {
        guard !isShutDown else {
            if refused != undone.map(\.item.job) { report("\(refused) were refused") }
            return end(running: undone, count: 1, .final)
        }
        if !refused.isEmpty { report("\(refused) were refused before the shutdown") }
        for taken in undone {
            let job = taken.item.job
            let further = jobs[job]?.further().prefix(taken.count - 1) ?? []
            for key in further.flatMap(\.keys) { lines[key]?.removeAll { $0 == job } }
            jobs[job]?.isRunning = false
            jobs[job]?.further = { [] }
            jobs[job]?.batchKey = nil
            jobs[job]?.separated = rolledBack ? taken.count - 1 : 0
            // Before all that waits, what was put back before included; in their order.
            jobs[job]?.readySince = -calls
        }
        markReady(jobs.keys)
        return []
    }
}

extension PostgresError {
    /// Whether another attempt is made, as `WriteExecutor` does of what the simulation has.
    fileprivate var isWorthAnotherAttempt: Bool {
        switch self {
        case .connectionLost, .unknownOutcome, .unconfirmed: true
        case .refused(let message): message.isConflict
        default: false
        }
    }
}
