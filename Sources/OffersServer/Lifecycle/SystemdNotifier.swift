import Glibc

/// Tells the service manager how the service is; sd_notify(3). Does nothing when there is none.
package struct SystemdNotifier: Sendable {
    private let path: String?

    /// - Parameter environment: `NOTIFY_SOCKET` names the socket; a leading `@` stands for the abstract namespace.
    package init(_ environment: [String: String]) {
        path = environment["NOTIFY_SOCKET"]
    }

    /// Sends assignments such as `READY=1`, one per line. A manager that does not listen is none of our business.
    package func notify(_ state: String) {
        guard let path, path.utf8.count <= 107, path.hasPrefix("/") || path.hasPrefix("@") else { return }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { bytes in
            bytes.copyBytes(from: path.utf8)
            if path.hasPrefix("@") { bytes[0] = 0 }
        }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + path.utf8.count)
        let message = Array(state.utf8)
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                _ = sendto(descriptor, message, message.count, Int32(MSG_NOSIGNAL), address, length)
            }
        }
    }
}
