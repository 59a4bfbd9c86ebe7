import Synchronization

/// The updates in hand, shared between the loop that polls and the tasks that handle them.
final class Polling: Sendable {
    private struct State {
        var updates = PollingState()
        /// Opens when an update is finished.
        var finishing: Gate?
    }

    private let state = Mutex(State())

    /// See ``PollingState/offset``.
    var offset: Int64? { state.withLock { $0.updates.offset } }

    /// See ``PollingState/received(_:)``.
    func received(_ ids: [Int64]) -> Set<Int64> {
        state.withLock { Set($0.updates.received(ids)) }
    }

    /// See ``PollingState/mayBeLetGo(_:)``.
    func mayBeLetGo(_ id: Int64) {
        state.withLock { $0.updates.mayBeLetGo(id) }
    }

    /// See ``PollingState/finished(_:)``.
    func finished(_ id: Int64) {
        state.withLock { state in
            state.updates.finished(id)
            state.finishing?.open()
            state.finishing = nil
        }
    }

    /// Waits until an update is finished, or for as long as given. Returns at once when none is in hand.
    ///
    /// - Throws: `CancellationError`.
    func oneFinished(orAfter limit: Duration) async throws {
        let gate: Gate? = state.withLock { state in
            guard !state.updates.isIdle else { return nil }
            let gate = Gate()
            state.finishing = gate
            return gate
        }
        _ = try await gate?.opens(within: limit)
    }
}
