import Synchronization

/// A gate that opens once. One task may wait before it.
final class Gate: Sendable {
    private enum State {
        /// May become any other.
        case closed
        /// May become any other; the continuation is resumed when it does.
        case awaited(CheckedContinuation<Void, any Error>)
        /// Stays so.
        case open
    }

    private let state = Mutex(State.closed)

    /// Lets the waiting task through, or the one that will come.
    func open() {
        state.withLock { state in
            if case .awaited(let continuation) = state { continuation.resume() }
            state = .open
        }
    }

    /// Returns when the gate is open.
    ///
    /// - Throws: `CancellationError`.
    func wait() async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                state.withLock { state in
                    switch state {
                    case .open: continuation.resume()
                    case .closed, .awaited:
                        // Cancelled already: onCancel has looked before there was anything to resume.
                        if Task.isCancelled { return continuation.resume(throwing: CancellationError()) }
                        state = .awaited(continuation)
                    }
                }
            }
        } onCancel: {
            state.withLock { state in
                guard case .awaited(let continuation) = state else { return }
                state = .closed
                continuation.resume(throwing: CancellationError())
            }
        }
    }
}
