import Deadlines
import Dispatch
import Glibc
package import Logging
import Postgres
import Synchronization

/// The log's way out: a bounded queue, and a thread of its own that writes what is in it.
///
/// No caller ever waits for the log's reader. What does not fit into `LogQueue` is dropped, counted and told in one
/// line when the reader is back. The descriptor may be a pipe, a socket, a file or a terminal, blocking or not; its
/// flags are left alone, because other processes share them.
package final class LogOutput: Sendable {
    /// The system gives no thread.
    package struct NoThread: Error, CustomStringConvertible {
        package var description: String { "the system gives no thread for the log: raise TasksMax= or ulimit -u" }
    }

    private struct State {
        var queue = LogQueue()
        /// The thread is writing what it has taken.
        var isWriting = false
        /// The descriptor refuses what is written, as a pipe without a reader does.
        var isFailing = false
        var hasEnded = false
        /// Signalled when nothing is left to be written, or it cannot be.
        var watchers: [DispatchSemaphore] = []
    }

    private let descriptor: Int32
    private let form: LogForm
    private let state = Mutex(State())
    /// The second that was written last, as a text.
    private let clock = Mutex<(second: time_t, text: String)>((0, ""))
    /// Counts the reasons for the thread to look at the queue.
    private let work = DispatchSemaphore(value: 0)

    /// How long the thread waits after a failed write.
    private static let pause = Duration.seconds(1)

    /// Starts the thread.
    ///
    /// - Parameter form: How the line looks that tells of dropped lines.
    package init(descriptor: Int32, form: LogForm) throws(NoThread) {
        self.descriptor = descriptor
        self.form = form
        guard BlockingThread.start({ self.run() }) else { throw NoThread() }
    }

    /// Ends the thread when everything is written; what comes later is not written. The process needs no such call.
    package func end() {
        state.withLock { $0.hasEnded = true }
        work.signal()
    }

    /// Lines that were dropped since the start.
    package var dropped: Int { state.withLock { $0.queue.dropped } }

    /// The time of a line. Lines of one second share the text.
    fileprivate func time() -> String {
        let now = Glibc.time(nil)
        return clock.withLock { clock in
            if clock.second != now { clock = (now, LogForm.time(at: now)) }
            return clock.text
        }
    }

    /// Queues a line, which has its line feed. Never waits for the reader.
    package func write(_ line: String) {
        let isFirst = state.withLock { state in
            defer { state.queue.append(line) }
            return state.queue.isEmpty
        }
        if isFirst { work.signal() }
    }

    /// Waits until everything so far is written, for `timeout` at the most. Returns at once when the descriptor
    /// refuses what is written. It blocks its thread.
    package func flush(within timeout: Duration) {
        let watcher = DispatchSemaphore(value: 0)
        let isDone = state.withLock { state in
            let isDone = state.isFailing || state.queue.isEmpty && !state.isWriting
            if !isDone { state.watchers.append(watcher) }
            return isDone
        }
        if !isDone { _ = watcher.wait(timeout: .now() + .nanoseconds(Int(timeout.wholeNanoseconds))) }
    }

    /// As `flush(within:)`, without blocking the thread of the caller.
    package func flush(within timeout: Duration) async {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                self.flush(within: timeout)
                continuation.resume()
            }
        }
    }

    private func run() {
        while true {
            let (portion, hasEnded) = state.withLock { state in
                let portion = state.queue.next()
                state.isWriting = portion != nil
                if portion == nil { Self.release(&state) }
                return (portion, state.hasEnded)
            }
            switch portion {
            case .lines(let bytes): put(bytes)
            case .gap(let lines): put(Array(form.gap(lines: lines).utf8))
            case nil where hasEnded: return
            case nil: work.wait()
            }
        }
    }

    private static func release(_ state: inout State) {
        for watcher in state.watchers { watcher.signal() }
        state.watchers = []
    }

    /// Writes all of it, however long that takes.
    private func put(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 {
                rest = rest.dropFirst(count)
                if state.withLock({ $0.isFailing }) { state.withLock { $0.isFailing = false } }
                continue
            }
            switch errno {
            case EINTR: break
            case EAGAIN:
                var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = unsafe poll(&entry, 1, -1)
            default:
                // A full disk, or a pipe without a reader. Both may end; until then the queue keeps what fits.
                let hasEnded = state.withLock { state in
                    state.isFailing = true
                    Self.release(&state)
                    return state.hasEnded
                }
                if hasEnded { return }
                _ = poll(nil, 0, Self.pause.pollTimeout)
            }
        }
    }
}

extension LogOutput {
    /// A handler for `LoggingSystem.bootstrap`, whose lines take this way out.
    package func handler(label: String, level: Logger.Level) -> any LogHandler {
        QueuedLogHandler(label: label, form: form, output: self, logLevel: level)
    }
}

/// Makes a line of each entry and queues it.
private struct QueuedLogHandler: LogHandler {
    let label: String
    let form: LogForm
    let output: LogOutput
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var fields = event.metadata ?? [:]
        if !metadata.isEmpty { fields = metadata.merging(fields) { $1 } }
        if let error = event.error { fields["error"] = "\(error)" }
        var texts: [(name: String, value: String)] = []
        texts.reserveCapacity(fields.count)
        for (name, value) in fields {
            if case .string(let text) = value { texts.append((name, text)) } else { texts.append((name, "\(value)")) }
        }
        texts.sort { $0.name < $1.name }
        output.write(
            form.line(
                event.level, event.message.description, texts, label: label, source: event.source, time: output.time()))
    }
}
