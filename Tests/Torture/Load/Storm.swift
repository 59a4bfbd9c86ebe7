import Deadlines
import Glibc
import Postgres

/// One client that opens connections as fast as it can, with a list on each. It blocks its thread.
struct Storm {
    let socket: String
    let master: Int64
    let duration: Duration
    /// It reads the reply before it closes.
    var reads = false

    /// Goes on until the time is over. Returns how many connections there were.
    func run() -> Int {
        let end = MonotonicTime.now().advanced(by: duration)
        let request = Array(
            (#"{"jsonrpc":"2.0","id":1,"method":"listOffers","params":{"masterId":\#(master)}}"# + "\n").utf8)
        var chunk = [UInt8](repeating: 0, count: 65_536)
        var connections = 0
        while MonotonicTime.now() < end {
            let descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            defer { close(descriptor) }
            guard connect(descriptor) else { continue }
            connections += 1
            _ = send(descriptor, request, request.count, Int32(MSG_NOSIGNAL))
            if reads { _ = recv(descriptor, &chunk, chunk.count, 0) }
        }
        return connections
    }

    private func connect(_ descriptor: Int32) -> Bool {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: socket.utf8) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            } == 0
        }
    }
}
