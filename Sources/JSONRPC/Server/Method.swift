/// A method of the service. An object, because every request carries its method along.
package final class Method: Sendable {
    /// What a method does to the world, which decides what may run beside it on its connection.
    package enum Effect: Sendable {
        /// Changes nothing. Runs beside other reads.
        case read
        /// Takes effect after everything sent before it and before everything sent after it.
        case write
        /// The same, observably: serial, but adjacent calls may share a commit. Calls of such methods that follow one
        /// another run at the same time, and the methods make them take effect in the order in which they begin: each
        /// begins before the next one, up to where it first waits.
        case orderedWrite
    }

    /// The name on the wire.
    package let name: String
    /// Whether it reads or writes.
    package let effect: Effect
    /// Whether this peer may call it. If not, the answer is FORBIDDEN.
    package let allowed: @Sendable (Peer) -> Bool
    /// What it does with a call. It begins on the connection's event loop and must not block there.
    let start: @Sendable (Call) -> Void

    /// A method that hands the call on and returns, and answers it later, within the request's deadline: nothing cancels it.
    /// For what waits for one thing only and is asked often: without a task, a list takes a tenth less of the service's
    /// instructions.
    package init(
        name: String, effect: Effect, allowed: @escaping @Sendable (Peer) -> Bool = { _ in true },
        start: @escaping @Sendable (Call) -> Void
    ) {
        self.name = name
        self.effect = effect
        self.allowed = allowed
        self.start = start
    }

    /// A method that works in a task of its own. Code of no actor, even `@concurrent`, runs on the event loop, too; what
    /// blocks needs an executor of its own.
    package convenience init(
        name: String, effect: Effect, allowed: @escaping @Sendable (Peer) -> Bool = { _ in true },
        run: @escaping @Sendable (Call) async throws(RPCError) -> any JSONEncodable
    ) {
        self.init(name: name, effect: effect, allowed: allowed) { call in
            call.run {
                do throws(RPCError) { call.succeed(try await run(call)) } catch { call.fail(error) }
            }
        }
    }
}
