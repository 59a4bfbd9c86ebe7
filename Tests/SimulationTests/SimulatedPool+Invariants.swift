import Deadlines
import Postgres

extension SimulatedPool {
    /// The connections that work and have not done so for long.
    func workers(at now: MonotonicTime) -> Int {
        threads.indices.count { index in
            if let begun = begun[index] { return begun.since.duration(to: now) < .milliseconds(50) }
            guard case .working(_, _, let since) = threads[index] else { return false }
            return since.duration(to: now) < .milliseconds(50)
        }
    }

    /// What must hold between any two steps.
    mutating func check(at now: MonotonicTime) {
        var (waiting, ready) = (0, 0)
        for job in jobs.values where !job.isRunning {
            waiting += 1
            if job.readySince != nil { ready += 1 }
        }
        var (awake, asleep, busy) = (0, 0, 0)
        for (index, thread) in threads.enumerated() {
            if begun[index] != nil {
                busy += 1
                continue
            }
            switch thread {
            case .asking: if isConnected[index] { awake += 1 }
            case .asleep: if isWakePending[index] { awake += 1 } else { asleep += 1 }
            case .working: busy += 1
            case .connecting, .paused, .gone: break
            }
        }
        if state.waitingCount != waiting { report("\(state.waitingCount) wait, not \(waiting)") }
        if state.busyCount != busy { report("\(state.busyCount) are busy, not \(busy)") }
        if min(ready, parallelism - workers(at: now)) > awake, asleep > 0 {
            report("\(ready) jobs could start, \(awake) connections are awake, \(asleep) sleep on")
        }
        // One that was lost meanwhile counts until that is found out.
        let open = isConnected.indices.count { isConnected[$0] || begun[$0] != nil }
        if !isTimerArmed, waiting > 0 || begun.contains(where: { $0 != nil }) {
            report("\(waiting) wait, or were begun, and nothing looks after them")
        }
        // What is done by itself either ends or waits. Reads are never put back, and looked after all the same.
        let mayBePutBack = threads.contains {
            if case .working(let taken, _, _) = $0 {
                !isOfWrites || taken.reduce(0) { $0 + $1.count } > 1
            } else {
                false
            }
        }
        if state.needsLookingAfter, waiting == 0, !mayBePutBack, begun.allSatisfy({ $0 == nil }) {
            report("there is nothing to look after")
        }
        if !isShutDown, state.connectedCount != open { report("\(state.connectedCount) are connected, not \(open)") }
    }
}
