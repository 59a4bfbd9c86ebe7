import Glibc

/// Where the service manager listens; sd_notify(3). A value without I/O.
struct NotifyAddress: Sendable, Equatable {
    /// The bytes of `sun_path`: a path, or a NUL and a name of the abstract namespace (unix(7)).
    let bytes: [UInt8]

    /// - Parameter environment: `NOTIFY_SOCKET` is an absolute path, or `@` and an abstract name. Nil when there is
    ///   none, or one that is neither of these or does not fit.
    init?(_ environment: [String: String]) {
        guard let text = environment["NOTIFY_SOCKET"], text.utf8.count > 1 else { return nil }
        var bytes = Array(text.utf8)
        switch bytes[0] {
        // A path ends with a NUL, which must fit, too.
        case UInt8(ascii: "/") where bytes.count < Self.maximumBytes: break
        case UInt8(ascii: "@") where bytes.count <= Self.maximumBytes: bytes[0] = 0
        default: return nil
        }
        self.bytes = bytes
    }

    private static let maximumBytes = MemoryLayout.size(ofValue: sockaddr_un().sun_path)
}

/// What the service manager asks of the watchdog; sd_watchdog_enabled(3). A value without I/O.
struct WatchdogRequest: Sendable, Equatable {
    /// Within this time it wants to hear `WATCHDOG=1` again, or it ends the process.
    let interval: Duration

    /// Nil when nothing is asked of the process `processID`: no `WATCHDOG_USEC`, or a `WATCHDOG_PID` of another one.
    init?(_ environment: [String: String], processID: Int32) {
        guard let microseconds = environment["WATCHDOG_USEC"].flatMap({ Int64($0) }), microseconds > 0 else {
            return nil
        }
        if let meant = environment["WATCHDOG_PID"], Int32(meant) != processID { return nil }
        interval = .microseconds(microseconds)
    }

    /// How long to wait between two beats: a quarter, so that one that comes late is no reason to be ended.
    var pause: Duration { interval / 4 }
}

/// Tells the service manager how the service is; sd_notify(3). Does nothing when there is none.
struct SystemdNotifier: Sendable {
    private let address: NotifyAddress?

    /// - Parameter environment: see ``NotifyAddress``.
    init(_ environment: [String: String]) {
        address = NotifyAddress(environment)
    }

    /// Sends assignments such as `READY=1`. It never waits, and ignores a manager that does not listen.
    func notify(_ assignments: String...) {
        guard let address else { return }
        let type = SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
        let descriptor = socket(AF_UNIX, Int32(type), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &name.sun_path) { unsafe $0.copyBytes(from: address.bytes) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + address.bytes.count)
        // An assignment is a line.
        let message = assignments.map { $0.replacing("\n", with: " ") }.joined(separator: "\n")
        _ = unsafe message.withCString { text in
            unsafe withUnsafePointer(to: &name) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe sendto(descriptor, text, strlen(text), Int32(MSG_NOSIGNAL), $0, length)
                }
            }
        }
    }
}
