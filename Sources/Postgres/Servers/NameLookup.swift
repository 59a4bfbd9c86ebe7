import Glibc
import Synchronization

/// Asks the name service for the addresses of a host, on a thread of its own: getaddrinfo(3) blocks for as long as the
/// resolver tries, which no attempt at another host has to wait for.
final class NameLookup: Sendable {
    /// The addresses, in the order of getaddrinfo(3), or why there are none; nil while the name service works.
    private let outcome = Mutex<Result<[String], LibPQConnection.Broken>?>(nil)

    /// Begins a look-up.
    init(_ host: String) {
        let started = BlockingThread.start { [self] in
            let result = Self.addresses(of: host)
            outcome.withLock { $0 = result }
        }
        if !started { outcome.withLock { $0 = .failure(.init(reason: "no thread to look up \(host)")) } }
    }

    /// What was found; nil while the name service works.
    var result: Result<[String], LibPQConnection.Broken>? { outcome.withLock { $0 } }

    private static func addresses(of host: String) -> Result<[String], LibPQConnection.Broken> {
        var hints = unsafe addrinfo()
        unsafe hints.ai_family = AF_UNSPEC
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let status = unsafe getaddrinfo(host, nil, &hints, &list)
        defer { if let list = unsafe list { unsafe freeaddrinfo(list) } }
        guard status == 0 else {
            // In libpq's words, which the operators' guide is about.
            let reason = unsafe String(cString: gai_strerror(status))
            return .failure(.init(reason: "could not translate host name \"\(host)\" to address: \(reason)"))
        }
        var found: [String] = []
        var entry = unsafe list
        while let current = unsafe entry?.pointee {
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let status = unsafe getnameinfo(
                current.ai_addr, current.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
            let address = unsafe text.withUnsafeBufferPointer {
                unsafe $0.baseAddress.map { unsafe String(cString: $0) }
            }
            if status == 0, let address, !found.contains(address) { found.append(address) }
            unsafe entry = unsafe current.ai_next
        }
        return .success(found)
    }
}
