import Deadlines
import Glibc

/// Interrupts a thread that sleeps in `poll`; pipe(7).
///
/// Any thread may call `wake`; only the sleeping thread polls `readEnd` and calls `drain`.
final class WakePipe: Sendable {
    /// The descriptor to poll for reading.
    let readEnd: Int32
    private let writeEnd: Int32

    /// Nil when the process has no more descriptors.
    init?() {
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else { return nil }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        readEnd = ends[0]
        writeEnd = ends[1]
    }

    deinit {
        close(readEnd)
        close(writeEnd)
    }

    /// Ends the present or the next sleep. A full pipe already says that, so its error does not matter.
    func wake() {
        var byte: UInt8 = 1
        _ = unsafe write(writeEnd, &byte, 1)
    }

    /// Sleeps until `until` or a call of `wake`.
    func sleep(until: MonotonicTime) {
        var entry = pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)
        let timeout = MonotonicTime.now().duration(to: until).pollTimeout
        if unsafe poll(&entry, 1, timeout) > 0 { drain() }
    }

    /// Sleeps until a call of `wake`, or until there is something to be read from the descriptor, if there is one.
    /// Returns whether there is.
    func sleep(orInputOn descriptor: Int32?) -> Bool {
        // poll(2) ignores a negative one.
        var entries = (
            pollfd(fd: descriptor ?? -1, events: Int16(POLLIN), revents: 0),
            pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)
        )
        let ready = unsafe withUnsafeMutableBytes(of: &entries) {
            unsafe poll($0.assumingMemoryBound(to: pollfd.self).baseAddress, 2, -1)
        }
        guard ready > 0 else { return false }
        if entries.1.revents != 0 { drain() }
        return entries.0.revents != 0
    }

    /// Forgets all calls of `wake` so far.
    func drain() {
        var bytes: (UInt64, UInt64) = (0, 0)
        while unsafe read(readEnd, &bytes, 16) == 16 {}
    }
}
