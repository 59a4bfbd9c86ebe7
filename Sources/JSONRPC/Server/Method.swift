/// A method of the service. An object, because every request carries its method along.
package final class Method: Sendable {
    /// What a method does to the world, which decides what may run beside it on its connection.
    package enum Effect: Sendable {
        /// Changes nothing. Runs beside other reads.
        case read
        /// Takes effect after everything sent before it and before everything sent after it.
        case write
    }

    /// The name on the wire.
    package let name: String
    /// Whether it reads or writes.
    package let effect: Effect
    /// Whether this peer may call it. If not, the answer is FORBIDDEN.
    package let allowed: @Sendable (Peer) -> Bool
    /// Begins with a call. It gets no task: without one, a list takes a tenth less of the service's instructions, and
    /// an accept a seventh.
    let start: @Sendable (Call) -> (any CallRun)?

    /// - Parameter start: It is called on the connection's event loop and must not block there. The call is answered
    ///   later, within the request's deadline: nothing cancels it. A write may return the run of its call, which begins
    ///   next.
    ///   Other calls of the method may join it. Nothing else of the connection runs before all of them are answered.
    package init(
        _ name: String, _ effect: Effect, allowed: @escaping @Sendable (Peer) -> Bool = { _ in true },
        start: @escaping @Sendable (Call) -> (any CallRun)?
    ) {
        self.name = name
        self.effect = effect
        self.allowed = allowed
        self.start = start
    }
}

/// Calls of a method that writes, which follow one another on their connection. They take effect in their order, or at
/// the same moment, and are answered in it.
package protocol CallRun: AnyObject, Sendable {
    /// Begins. Called once, on the connection's event loop, when the calls that were read with the first have joined. It
    /// must not block. What it starts keeps the run: the connection does not.
    func begin()

    /// Takes the next call, unless the run takes no more: then `call` is not called, and it returns false. It is called
    /// on the connection's event loop and must not wait.
    func join(_ call: () -> Call) -> Bool
}
