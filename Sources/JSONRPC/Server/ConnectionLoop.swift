import NIOCore

/// An event loop as its connections use it.
final class ConnectionLoop: Sendable {
    /// What the tasks of the connections prefer.
    let taskExecutor: EventLoopTaskExecutor
    private let endings: LoopMailbox<Ending>

    /// What became of an entry.
    private struct Ending: Sendable {
        let connection: Connection
        let entry: RequestSequencer<ByteBuffer>.EntryID
        let reply: ByteBuffer?
    }

    init(_ loop: any EventLoop) {
        taskExecutor = EventLoopTaskExecutor(loop)
        endings = LoopMailbox(loop)
    }

    /// Tells a connection of this loop, from any thread, that an entry has ended; `reply` is nil for a notification.
    func end(_ entry: RequestSequencer<ByteBuffer>.EntryID, of connection: Connection, reply: ByteBuffer?) {
        endings.put(Ending(connection: connection, entry: entry, reply: reply)) { endings in
            for ending in endings {
                ending.connection.onLoop(ending) { $0.finish($1.entry, $1.reply) }
            }
        }
    }
}
