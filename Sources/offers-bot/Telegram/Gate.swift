import Synchronization

/// A gate that opens once. One task may wait before it, or another gate that opens with it.
final class Gate: Sendable {
    private enum State {
        /// May become any other.
        case closed
        /// May become any other; the continuation is resumed when it does.
        case awaited(CheckedContinuation<Void, any Error>)
        /// May become open; then the other gate opens too.
        case followed(by: Gate)
        /// Stays so.
        case open
    }

    private let state = Mutex(State.closed)

    /// Whether it has been opened.
    var isOpen: Bool {
        state.withLock { if case .open = $0 { true } else { false } }
    }

    /// Lets the waiting task through, or the one that will come.
    func open() {
        var next: Gate? = self
        // A loop: a row of gates may be long.
        while let gate = next {
            next = gate.state.withLock { state in
                defer { state = .open }
                switch state {
                case .awaited(let continuation):
                    continuation.resume()
                    return nil
                case .followed(let follower): return follower
                case .closed, .open: return nil
                }
            }
        }
    }

    /// Opens another gate, now or as soon as this one opens. Nothing waits before this one.
    func opens(_ follower: Gate) {
        let isOpen = state.withLock { state in
            if case .open = state { return true }
            state = .followed(by: follower)
            return false
        }
        if isOpen { follower.open() }
    }

    /// Waits until the gate is open, but not longer than given.
    ///
    /// - Returns: Whether it is open.
    /// - Throws: `CancellationError`.
    func opens(within limit: Duration) async throws -> Bool {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await self.wait()
                return true
            }
            group.addTask {
                try await Task.sleep(for: limit, tolerance: .milliseconds(10))
                return false
            }
            defer { group.cancelAll() }
            return try await group.next() ?? false
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
                    case .closed, .awaited, .followed:
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
