import Synchronization

/// What the service manager is told of the service's life, in this order: ready, how the database is, stopping. Nothing
/// is said before the service is ready, and nothing more when it stops.
final class StatusReport: Sendable {
    private enum Phase {
        case starting, serving, stopping
    }

    private let notifier: SystemdNotifier
    private let current: Mutex<(phase: Phase, database: DatabaseState)>

    init(_ notifier: SystemdNotifier) {
        self.notifier = notifier
        self.current = Mutex((.starting, .unknown))
    }

    /// Clients are answered.
    func ready() {
        current.withLock { current in
            guard current.phase == .starting else { return }
            current.phase = .serving
            notifier.notify("READY=1", Self.status(current.database))
        }
    }

    /// The database is in a new state.
    func changed(to state: DatabaseState) {
        current.withLock { current in
            current.database = state
            if current.phase == .serving { notifier.notify(Self.status(state)) }
        }
    }

    /// The shutdown has begun.
    func stopping() {
        current.withLock { current in
            current.phase = .stopping
            notifier.notify("STOPPING=1", "STATUS=Stopping; what has arrived is answered")
        }
    }

    private static func status(_ state: DatabaseState) -> String { "STATUS=Serving; \(state.text)" }
}
