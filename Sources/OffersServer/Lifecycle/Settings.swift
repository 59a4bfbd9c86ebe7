import JSONRPC
import NIOCore
import Postgres

/// Everything about a running service that an operator can set. The defaults are those of `Protocol/README.md`.
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

    // MARK: Database

    /// A libpq connection string or URI; empty: the `PG*` variables, service file and password file alone decide.
    package var connectionInfo: String
    /// The schema of the tables and types, whatever the role's search path says.
    package var schema = "public"
    /// Database connections for reads.
    package var readConnections = 2
    /// Database connections for accept and decline.
    package var writeConnections = 8
    /// How many of those work at the same time, besides those that have taken 50 ms already.
    package var writeParallelism = 2
    /// The most accepts that share one transaction; 1: each has its own.
    package var maximumAcceptGroup = 16
    /// The most requests that one read connection sends at once.
    package var maximumPipeline = 64
    /// Whether statements are prepared by name. Off for a transaction pooler.
    package var preparesStatements = true
    /// How long before its deadline a write whose COMMIT is not answered is asked about, in milliseconds. No flag sets
    /// it.
    package var silenceMarginMilliseconds: Int64 = 250
    /// How long a transaction of `distribution_metrics` rows may take, in milliseconds. No flag sets it.
    package var metricsRowsDeadlineMilliseconds: Int64 = 1000
    /// Whether work is tried while no requests show that it succeeds. Tests that count statements do without.
    package var triesWork = true

    // MARK: Log

    /// A request that takes this long or longer, in milliseconds, is logged as slow.
    package var slowRequestMilliseconds: Int64 = 1000

    // MARK: Limits

    /// The most requests that may wait in all.
    package var maximumWaiting = 4096
    /// How long a read may take, in milliseconds, from the beginning of its turn.
    package var readDeadlineMilliseconds: Int64 = 2000
    /// How long an accept or decline may take, in milliseconds, from the beginning of its turn.
    package var writeDeadlineMilliseconds: Int64 = 5000
    /// Bytes of one line.
    package var maximumLineBytes = 65_536
    /// Requests of one batch.
    package var maximumBatch = 50
    /// Requests read ahead per connection.
    package var readAhead = 64
    /// Connections per socket.
    package var connectionsPerSocket = 1024
    /// New connections per socket and second, in the long run.
    package var connectionRate = 4000
    /// New connections per socket at once.
    package var connectionBurst = 128
    /// Bytes of output that a client may leave.
    package var unsentBytes = 1 << 20
    /// Seconds without progress until such a client is closed.
    package var stalledOutputSeconds: Int64 = 30
    /// Seconds that a shutdown may take.
    package var drainSeconds: Int64 = 5

    /// The defaults, with this database.
    package init(connectionInfo: String = "") {
        self.connectionInfo = connectionInfo
    }

    /// Says what is wrong with a connection string, before anything is tried; nil when libpq can parse it.
    package static func problem(withConnectionInfo text: String) -> String? {
        PostgresConfiguration(connectionInfo: text).connectionInfoProblem
    }

    /// For the pool.
    var postgres: PostgresConfiguration {
        PostgresConfiguration(
            connectionInfo: connectionInfo, schema: schema, readConnections: readConnections,
            writeConnections: writeConnections,
            maximumPipeline: maximumPipeline, writeParallelism: writeParallelism, maximumParts: maximumAcceptGroup,
            maximumRequests: maximumWaiting, preparesStatements: preparesStatements,
            readTimeoutMilliseconds: readDeadlineMilliseconds,
            silenceMarginMilliseconds: silenceMarginMilliseconds)
    }

    /// For the wire. The connections to the database close after the sockets, within the same time. A write that was
    /// running already can still say OUTCOME_UNKNOWN.
    private var limits: Limits {
        var limits = Limits()
        limits.maximumLineBytes = maximumLineBytes
        limits.maximumBatch = maximumBatch
        limits.readAhead = readAhead
        limits.connectionsPerSocket = connectionsPerSocket
        limits.connectionRate = connectionRate
        limits.connectionBurst = connectionBurst
        limits.unsentBytes = unsentBytes
        limits.stalledOutput = .seconds(stalledOutputSeconds)
        limits.drain = .milliseconds(drainSeconds * 1000 - 100)
        return limits
    }

    /// The same, with no more connections than there may be open files for, given that limit and the number of sockets:
    /// clients must not take what a new connection to the database needs.
    func limits(descriptors: Int, sockets: Int) -> Limits {
        var limits = limits
        let room = (descriptors - neededDescriptors) / sockets
        limits.overLimitConnections = min(limits.overLimitConnections, room / 4)
        // A few come and are closed at once.
        limits.connectionsPerSocket = max(1, min(limits.connectionsPerSocket, room - limits.overLimitConnections - 4))
        return limits
    }

    /// The open files without which nothing works: for the runtime, the event loops, the database connections with what
    /// wakes them, the sockets, and a few clients.
    var neededDescriptors: Int { 32 + 4 * eventLoops + 3 * (readConnections + writeConnections + 1) }
}
