extension Connection {
    /// Calls `body`, which touches the connection. The caller must be on its event loop.
    ///
    /// `assumeIsolated` has the runtime ask whether it is, which takes it 2 % of all instructions for a list, because no
    /// task tells it. Debug builds ask, and so does `swift test`.
    ///
    /// - Parameter value: What `body` needs, so that it need not capture it: a closure without captures allocates nothing.
    @available(*, noasync)
    @inline(__always)
    nonisolated func onLoop<Value: Sendable>(
        _ value: Value, _ body: @escaping @Sendable (isolated Connection, Value) -> Void
    ) {
        #if DEBUG
            assumeIsolated { body($0, value) }
        #else
            // As `assumeIsolated` does when it has asked.
            unsafeBitCast(body, to: ((Connection, Value) -> Void).self)(self, value)
        #endif
    }

    /// The same for what needs nothing.
    @available(*, noasync)
    @inline(__always)
    nonisolated func onLoop(_ body: @escaping (isolated Connection) -> Void) {
        #if DEBUG
            assumeIsolated(body)
        #else
            unsafeBitCast(body, to: ((Connection) -> Void).self)(self)
        #endif
    }
}
