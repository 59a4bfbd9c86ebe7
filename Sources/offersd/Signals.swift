import Glibc
import Synchronization

/// What signals do before the service has its handlers.
enum Signals {
    /// A stop that came too early for its handler; 0: none did. Static and set up before the handler that stores it.
    private static let earlyStop = Atomic<Int32>(0)

    /// From the first moment on: none of these signals ends the process. SIGHUP gets a handler later; the log goes on
    /// after the end of its reader.
    static func ignoreHarmless() {
        for harmless in [SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE] { signal(harmless, SIG_IGN) }
    }

    /// From now on a stop is remembered. Without that it would end the process before there is a handler, and leave the
    /// files of the sockets behind.
    static func rememberStops() {
        _ = earlyStop.load(ordering: .relaxed)
        for stop in [SIGTERM, SIGINT] { signal(stop) { Signals.earlyStop.store($0, ordering: .relaxed) } }
    }

    /// Sends a stop that came early once more, now that it has a handler.
    static func repeatEarlyStop() {
        let stop = earlyStop.exchange(0, ordering: .relaxed)
        if stop != 0 { kill(getpid(), stop) }
    }
}
