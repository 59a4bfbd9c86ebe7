import Synchronization

/// Lets calls to the Bot API through at the pace of ``Pace``.
final class Pacer: Sendable {
    private struct State {
        var pace = Pace()
        var waiting: [Int: CheckedContinuation<Bool, any Error>] = [:]
        var lastID = 0
        /// Opens when the next step may be another.
        var changing: Gate?
    }

    private let state = Mutex(State())

    /// Waits until a call may be made.
    ///
    /// - Parameter order: See ``Pace/Call/order``.
    /// - Returns: Whether to make it, and then to say when it has ended; false if a newer one takes its place.
    /// - Throws: `CancellationError`.
    func mayMake(_ kind: Pace.Kind, of chat: Int64, order: Int) async throws -> Bool {
        let id = state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                state.withLock { state in
                    // Cancelled already: onCancel has looked before there was anything to resume.
                    if Task.isCancelled { return continuation.resume(throwing: CancellationError()) }
                    state.waiting[id] = continuation
                    for id in state.pace.add(.init(id: id, chat: chat, order: order, kind: kind)) {
                        state.waiting.removeValue(forKey: id)?.resume(returning: false)
                    }
                    Self.changed(&state)
                }
            }
        } onCancel: {
            state.withLock { state in
                guard let continuation = state.waiting.removeValue(forKey: id) else { return }
                state.pace.remove(id, of: chat)
                continuation.resume(throwing: CancellationError())
            }
        }
    }

    /// See ``Pace/ended(_:of:flood:at:)``.
    func ended(_ kind: Pace.Kind, of chat: Int64, flood: Duration? = nil) {
        state.withLock { state in
            state.pace.ended(kind, of: chat, flood: flood, at: .now)
            Self.changed(&state)
        }
    }

    /// Lets through what may only be made later. Runs until it is cancelled.
    func run() async throws {
        while true {
            let gate = Gate()
            let moment = state.withLock { state in
                state.changing = gate
                return Self.letThrough(&state)
            }
            if let moment {
                _ = try await gate.opens(within: max(.zero, ContinuousClock.now.duration(to: moment)))
            } else {
                try await gate.wait()
            }
        }
    }

    private static func changed(_ state: inout State) {
        _ = letThrough(&state)
        state.changing?.open()
        state.changing = nil
    }

    /// Lets through what may be made now. Returns when to look again, if the time alone can change anything.
    private static func letThrough(_ state: inout State) -> ContinuousClock.Instant? {
        while true {
            switch state.pace.step(at: .now) {
            case .make(let id): state.waiting.removeValue(forKey: id)?.resume(returning: true)
            case .wait(let moment): return moment
            case .idle: return nil
            }
        }
    }
}
