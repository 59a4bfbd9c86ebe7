import CEpoll
import DequeModule
import Glibc

/// One connection of a load generator.
struct LoadChannel {
    let descriptor: Int32
    /// When each request that is not answered yet was sent, or should have been.
    var sentAt: Deque<UInt64> = []
    var scanner = ReplyScanner()

    /// What the socket has not taken yet.
    private var unsent: [UInt8] = []
    private var waitsForRoom = false

    init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    mutating func append(_ requests: RequestLines, line: Int, at time: UInt64) {
        unsent += requests.bytes[requests.range(of: line)]
        sentAt.append(time)
    }

    /// Sends what there is; what finds no room goes when the epoll says that there is some.
    mutating func flush(_ index: Int, _ epoll: Int32) throws {
        guard !unsent.isEmpty else { return }
        let count = unsent.withUnsafeBytes {
            send(descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
        }
        guard count >= 0 || errno == EAGAIN || errno == EINTR else {
            throw LoadFailure(description: "send: \(String(cString: strerror(errno)))")
        }
        if count == unsent.count {
            unsent.removeAll(keepingCapacity: true)
        } else {
            unsent.removeFirst(max(0, count))
        }
        guard waitsForRoom == unsent.isEmpty else { return }
        waitsForRoom = !unsent.isEmpty
        Epoll.change(descriptor, tag: UInt32(index), withRoom: waitsForRoom, in: epoll)
    }
}

/// epoll(7), as much as is used here.
enum Epoll {
    static func add(_ descriptor: Int32, tag: UInt32, to epoll: Int32) {
        control(EPOLL_CTL_ADD, descriptor, tag, EPOLLIN.rawValue, epoll)
    }

    static func change(_ descriptor: Int32, tag: UInt32, withRoom: Bool, in epoll: Int32) {
        control(EPOLL_CTL_MOD, descriptor, tag, EPOLLIN.rawValue | (withRoom ? EPOLLOUT.rawValue : 0), epoll)
    }

    private static func control(_ change: Int32, _ descriptor: Int32, _ tag: UInt32, _ events: UInt32, _ epoll: Int32) {
        var event = epoll_event()
        event.events = events
        event.data.u32 = tag
        epoll_ctl(epoll, change, descriptor, &event)
    }
}

/// Unix stream sockets, blocking; unix(7).
enum UnixSocket {
    /// - Throws: ``LoadFailure`` when nothing listens there.
    static func connect(to path: String) throws -> Int32 {
        try open(path, "connect") { Glibc.connect($0, $1, $2) }
    }

    /// - Throws: ``LoadFailure`` when the path cannot be bound.
    static func listen(at path: String) throws -> Int32 {
        try open(path, "bind") { bind($0, $1, $2) == 0 ? Glibc.listen($0, 4096) : -1 }
    }

    private static func open(
        _ path: String, _ name: String, _ use: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw LoadFailure(description: "socket: \(String(cString: strerror(errno)))") }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let fits = withUnsafeMutableBytes(of: &address.sun_path) { room in
            room.copyBytes(from: path.utf8.prefix(room.count - 1))
            return path.utf8.count < room.count
        }
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                use(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard fits, status == 0 else {
            let problem = fits ? String(cString: strerror(errno)) : "the path is too long"
            close(descriptor)
            throw LoadFailure(description: "\(name) \(path): \(problem)")
        }
        return descriptor
    }
}

/// Clocks in nanoseconds; clock_gettime(2).
enum Clock {
    static func monotonic() -> UInt64 { read(CLOCK_MONOTONIC) }

    /// The CPU time of this thread.
    static func thread() -> UInt64 { read(CLOCK_THREAD_CPUTIME_ID) }

    static func time(nanoseconds: UInt64) -> timespec {
        timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    }

    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
