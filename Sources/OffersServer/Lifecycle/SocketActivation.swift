import Glibc
import JSONRPC

/// The sockets that systemd hands over; sd_listen_fds(3).
enum SocketActivation {
    /// The first descriptor that is handed over.
    private static let firstDescriptor: Int32 = 3

    /// A descriptor that was handed over cannot be used.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Adopts the descriptors named in `LISTEN_FDNAMES`, if `LISTEN_PID` says that they are meant for this process.
    /// Empty when there are none.
    ///
    /// - Throws: When one is not a listening Unix socket, or not named `offers` or `ops`.
    static func listeners(_ environment: [String: String]) throws -> [Listener] {
        guard environment["LISTEN_PID"].flatMap({ Int32($0) }) == getpid(),
            let count = environment["LISTEN_FDS"].flatMap({ Int32($0) }), count > 0
        else { return [] }
        let names = (environment["LISTEN_FDNAMES"] ?? "").split(separator: ":", omittingEmptySubsequences: false)
        var listeners: [Listener] = []
        for index in 0..<count {
            let name = index < names.count ? String(names[Int(index)]) : "unknown"
            guard name == Settings.offersSocketName || name == Settings.opsSocketName else {
                throw Failure(
                    description:
                        "systemd handed over a socket named \"\(name)\"; FileDescriptorName must be offers or ops")
            }
            let descriptor = firstDescriptor + index
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            listeners.append(try Listener(adopting: descriptor, name: name))
        }
        return listeners
    }
}
