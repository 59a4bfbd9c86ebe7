package import JSONRPC
package import Postgres

/// Everything about a running service that an operator can set. The defaults stand where the settings are declared:
/// here, in `PostgresConfiguration` and in `Limits`.
package struct Settings: Sendable {
    /// The name of the socket with all methods, in `LISTEN_FDNAMES` and in logs.
    package static let offersSocketName = "offers"
    /// The name of the socket for operators.
    package static let opsSocketName = "ops"

    // MARK: Sockets

    /// Where the `offers` socket is made; nil: the default path. Not used when systemd hands sockets over.
    package var socketPath: String?
    /// Where the `ops` socket is made; nil: there is none. Not used when systemd hands sockets over.
    package var opsSocketPath: String?
    /// Whether the `ops` socket allows accept and decline.
    package var opsWrites = false
    /// Threads that read and write the sockets.
    package var eventLoops = 1
    /// The bounds of the wire. `drain` is the time for the whole shutdown.
    package var limits = Limits()

    // MARK: Database

    /// The database, and how much of it is used.
    package var postgres: PostgresConfiguration
    /// How long an accept or decline may take from the beginning of its turn.
    package var writeDeadline = Duration.seconds(5)
    /// How long a transaction of `distribution_metrics` rows may take. No flag sets it.
    package var metricsRowsTimeLimit = Duration.seconds(1)
    /// Whether work is tried while no requests show that it succeeds. Tests that count statements do without.
    package var triesWork = true

    // MARK: Log

    /// A request that takes this long or longer is logged as slow.
    package var slowRequest = Duration.seconds(1)

    /// The defaults, with this database.
    package init(connectionInfo: String = "") {
        postgres = PostgresConfiguration(connectionInfo: connectionInfo)
    }

    /// Says what is wrong with a connection string, before anything is tried; nil when libpq can parse it.
    package static func problem(withConnectionInfo text: String) -> String? {
        PostgresConfiguration(connectionInfo: text).connectionInfoProblem
    }

    /// The bounds of the wire, with no more connections than there may be open files for, given that limit and the
    /// number of sockets: clients must not take what a new connection to the database needs.
    func limits(descriptors: Int, sockets: Int) -> Limits {
        var limits = limits
        // The connections to the database close after the sockets, within the same time. A write that was running
        // already can still be logged.
        limits.drain -= .milliseconds(100)
        let room = (descriptors - neededDescriptors) / sockets
        limits.overLimitConnections = min(limits.overLimitConnections, room / 4)
        // A few come and are closed at once.
        limits.maximumConnections = max(1, min(limits.maximumConnections, room - limits.overLimitConnections - 4))
        return limits
    }

    /// The open files without which nothing works: for the runtime, the event loops, the database connections with what
    /// wakes them, the sockets, and a few clients.
    var neededDescriptors: Int { 32 + 4 * eventLoops + 3 * (postgres.readConnections + postgres.writeConnections + 1) }
}
