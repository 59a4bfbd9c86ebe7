/// A method of the service. An object, because every request carries its method along.
package final class Method: Sendable {
    /// What a method does to the world, which decides what may run beside it on its connection.
    package enum Effect: Sendable {
        /// Changes nothing. Runs beside other reads.
        case read
        /// Takes effect after everything sent before it and before everything sent after it.
        case write
    }

    /// What a method does with its calls. It begins on the connection's event loop and must not block there; it hands
    /// calls on and returns. Each call is answered later, within the request's deadline: nothing cancels it.
    enum Start: Sendable {
        /// Without a task, a list takes a tenth less of the service's instructions.
        case read(@Sendable (Call) -> Void)
        /// The call begins a run. Nothing else of the connection runs before all calls of the run are answered. Nil:
        /// the run takes no more calls.
        case write(@Sendable (Call) -> (any CallRun)?)
    }

    /// The name on the wire.
    package let name: String
    /// Whether this peer may call it. If not, the answer is FORBIDDEN.
    package let allowed: @Sendable (Peer) -> Bool
    let start: Start

    /// Whether it reads or writes.
    package var effect: Effect {
        switch start {
        case .read: .read
        case .write: .write
        }
    }

    /// A method that changes nothing.
    package init(
        reading name: String, allowed: @escaping @Sendable (Peer) -> Bool = { _ in true },
        start: @escaping @Sendable (Call) -> Void
    ) {
        self.name = name
        self.allowed = allowed
        self.start = .read(start)
    }

    /// A method that writes. What it returns is the run that its call has begun.
    package init(
        writing name: String, allowed: @escaping @Sendable (Peer) -> Bool = { _ in true },
        start: @escaping @Sendable (Call) -> (any CallRun)?
    ) {
        self.name = name
        self.allowed = allowed
        self.start = .write(start)
    }
}

/// Calls of a method that writes, which follow one another on their connection. They take effect in their order, or at
/// the same moment, and are answered in it.
package protocol CallRun: Sendable {
    /// Takes the next call, unless the run takes no more: then `call` is not called, and it returns false. It is called
    /// on the connection's event loop and must not wait.
    func join(_ call: () -> Call) -> Bool
}
