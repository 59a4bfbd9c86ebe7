import CEpoll
import Glibc
import NIOPosix

/// Answers every line at once with the same reply: what a load generator can do is what it does against this.
enum FixedResponder {
    /// Listens on `path`, serves `connections` connections until all of them are closed, and ends. On a thread of its
    /// own; the socket is there when `isListening` is called.
    ///
    /// - Throws: ``LoadFailure`` when it cannot listen.
    static func run(
        path: String, connections: Int, reply: [UInt8], isListening: @escaping @Sendable () -> Void
    ) async throws {
        try await LoadGenerator.threads.runIfActive {
            let listener = try UnixSocket.listen(at: path)
            defer { close(listener) }
            isListening()
            let epoll = epoll_create1(0)
            defer { close(epoll) }
            for _ in 0..<connections {
                let client = accept(listener, nil, nil)
                Epoll.add(client, tag: UInt32(client), to: epoll)
            }
            serve(connections, epoll, reply)
        }
    }

    private static func serve(_ connections: Int, _ epoll: Int32, _ reply: [UInt8]) {
        // As many replies as lines can be in one read.
        let replies = [[UInt8]](repeating: reply, count: 4096).flatMap(\.self)
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        var events = [epoll_event](repeating: epoll_event(), count: 256)
        var open = connections
        while open > 0 {
            let count = epoll_wait(epoll, &events, Int32(events.count), -1)
            for event in events.prefix(Int(max(0, count))) {
                let client = Int32(event.data.u32)
                let size = recv(client, &buffer, buffer.count, 0)
                guard size > 0 else {
                    close(client)
                    open -= 1
                    continue
                }
                let lines = buffer[..<size].count(where: { $0 == UInt8(ascii: "\n") })
                // Blocking: the generator reads what is sent to it.
                _ = replies.withUnsafeBytes { send(client, $0.baseAddress, lines * reply.count, Int32(MSG_NOSIGNAL)) }
            }
        }
    }
}
