package import JSONRPC
package import Postgres

/// Everything about a running service that an operator can set. The defaults are those of `Protocol/README.md`.
package struct Settings: Sendable {
    /// The name of the socket with all methods, in `LISTEN_FDNAMES` and in logs.
    package static let offersSocketName = "offers"
    /// The name of the socket for operators.
    package static let opsSocketName = "ops"

    /// Where the `offers` socket is made; nil when systemd hands it over.
    package var socketPath: String?
    /// Where the `ops` socket is made; nil: there is none, unless systemd hands one over.
    package var opsSocketPath: String?
    /// Whether the `ops` socket allows accept and decline.
    package var opsWrites = false
    /// The database, and how much of it may be used.
    package var postgres = PostgresConfiguration()
    /// The bounds of the wire.
    package var limits = Limits()
    /// How long a read may take, in milliseconds, from the beginning of its turn.
    package var readDeadlineMilliseconds: Int64 = 2000
    /// How long an accept or decline may take, in milliseconds, from the beginning of its turn.
    package var writeDeadlineMilliseconds: Int64 = 5000
    /// Threads that read and write the sockets.
    package var eventLoops = 1

    package init() {}
}
