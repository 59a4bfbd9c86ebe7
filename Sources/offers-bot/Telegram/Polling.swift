import Synchronization

/// The updates in hand, shared between the loop that polls and the tasks that handle them.
final class Polling: Sendable {
    private struct State {
        var updates = PollingState()
        /// Opens when the next step may be another.
        var changing: Gate?
    }

    private let state = Mutex(State())

    /// The offset that confirms what has not been confirmed; nil if there is nothing to confirm.
    var unconfirmed: Int64? { state.withLock { $0.updates.isConfirmed ? nil : $0.updates.offset } }

    /// Waits until a request may be made, and returns its offset; see ``PollingState/step(at:)``.
    ///
    /// - Throws: `CancellationError`.
    func next() async throws -> Int64? {
        while true {
            try Task.checkCancellation()
            let gate = Gate()
            let step = state.withLock { state in
                let step = state.updates.step(at: .now)
                if case .poll = step {} else { state.changing = gate }
                return step
            }
            switch step {
            case .poll(let offset): return offset
            case .wait(let duration): _ = try await gate.opens(within: duration)
            case .waitForRoom: try await gate.wait()
            }
        }
    }

    /// See ``PollingState/received(_:writes:)``.
    func received(_ updates: [Update]) -> Set<Int64> {
        let writes = Set(updates.filter(\.isWrite).map(\.id))
        return state.withLock { Set($0.updates.received(updates.map(\.id), writes: writes)) }
    }

    /// See ``PollingState/carriedOut(_:)``.
    func carriedOut(_ id: Int64) {
        change { $0.carriedOut(id) }
    }

    /// See ``PollingState/finished(_:)``.
    func finished(_ id: Int64) {
        change { $0.finished(id) }
    }

    /// Lets the loop look again only if there may be something else to do: else it would look once for each update.
    private func change(_ body: (inout PollingState) -> Void) {
        state.withLock { state in
            let offset = state.updates.offset
            let isFull = state.updates.isFull
            body(&state.updates)
            guard state.updates.offset != offset || state.updates.isFull != isFull else { return }
            state.changing?.open()
            state.changing = nil
        }
    }
}
