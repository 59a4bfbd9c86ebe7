extension Connection {
    /// Calls `body`, which touches the connection. The caller must be on its event loop.
    ///
    /// `assumeIsolated` has the runtime ask whether it is, which takes it 2 % of all instructions for a list, because no
    /// task tells it. Debug builds ask, and so does `swift test`.
    @available(*, noasync)
    @inline(__always)
    nonisolated func onLoop(_ body: (isolated Connection) -> Void) {
        #if DEBUG
            assumeIsolated(body)
        #else
            // As `assumeIsolated` does when it has asked.
            withoutActuallyEscaping(body) { unsafeBitCast($0, to: ((Connection) -> Void).self)(self) }
        #endif
    }
}
