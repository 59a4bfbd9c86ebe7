import Glibc

/// Runs a function that blocks on an operating-system thread of its own, away from the cooperative pool.
///
/// The thread ends when the function returns, and is never joined. Source: pthread_create(3).
package enum BlockingThread {
    private final class Entry {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Starts the thread. False when the system gives no more threads.
    package static func start(_ body: @escaping @Sendable () -> Void) -> Bool {
        var attributes = pthread_attr_t()
        unsafe pthread_attr_init(&attributes)
        defer { unsafe pthread_attr_destroy(&attributes) }
        unsafe pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        let entry = unsafe Unmanaged.passRetained(Entry(body))
        var thread = pthread_t()
        let result = unsafe pthread_create(
            &thread, &attributes,
            { argument in
                if let argument = unsafe argument {
                    unsafe Unmanaged<Entry>.fromOpaque(argument).takeRetainedValue().body()
                }
                return nil
            }, unsafe entry.toOpaque())
        guard result == 0 else {
            unsafe entry.release()
            return false
        }
        return true
    }
}
