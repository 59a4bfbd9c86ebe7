/// The bounds of the wire. Together they bound the memory that clients can occupy.
///
/// The defaults are the table in `Protocol/README.md`.
package struct Limits: Sendable {
    /// Bytes of one line of input, without its line feed. A longer one is answered with LINE_TOO_LONG.
    package var maximumLineBytes = 65_536
    /// Entries of one batch.
    package var maximumBatch = 50
    /// Requests of one connection that were taken in and whose replies have not left. From this number on no further
    /// line is taken in; a batch is taken in as a whole.
    package var readAhead = 64
    /// Open connections per socket. Further ones are told OVERLOADED and closed.
    package var maximumConnections = 1024
    /// New connections that a socket takes in a second, in the long run. Further ones wait in the kernel's queue.
    package var connectionRate = 4000
    /// New connections that a socket takes at once.
    package var connectionBurst = 128
    /// Bytes of output that a client has not taken. Above this number its socket is not read.
    package var maximumUnsentBytes = 1 << 20
    /// How long a client may take nothing of the output that waits for it before its connection is closed.
    package var stalledOutput = Duration.seconds(30)
    /// How long a graceful shutdown waits for connections to end before it cancels them.
    package var drain = Duration.seconds(5)
    /// How long a connection beyond the limit may take for its first request.
    package var overLimitWait = Duration.seconds(1)
    /// Connections beyond the limit that wait for their first request, per socket. More are closed at once.
    package var overLimitConnections = 64

    /// The defaults.
    package init() {}
}
