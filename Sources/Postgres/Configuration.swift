/// How the pool reaches the database and how much of it it may use.
package struct PostgresConfiguration: Sendable {
    /// A libpq connection string or URI; empty: the `PG*` variables, service file and password file alone decide.
    package var connectionInfo: String
    /// The schema in which tables and types are found, whatever the role's search path says.
    package var schema = "public"
    /// Connections for reads, besides one for `Purpose.control`. Each sends what is waiting as one pipeline.
    package var readConnections = 2
    /// Connections for transactions. Each runs one at a time, which several callers may share.
    package var writeConnections = 8
    /// How many of the connections for transactions work at the same time, besides those that have been at it for 50
    /// ms, as they wait for a lock. The fewer, the more callers share a transaction.
    package var writeParallelism = 2
    /// The most parts that share one transaction; 1: no transaction is shared.
    package var maximumGroup = 16
    /// How long a statement of a shared transaction may take: what one of the parts waits for keeps the others waiting,
    /// too. COMMIT's wait for a standby is not part of its statement, and lasts until the nearest deadline.
    package var sharedTimeout = Duration.seconds(1)
    /// The most requests that one read connection sends at once, as one pipeline.
    package var maximumPipeline = 64
    /// The most requests that may be in the pool, waiting or running; one more is refused as overloaded.
    package var maximumWaiting = 4096
    /// Whether statements are prepared by name and settings made for the session. Off for a transaction pooler.
    package var preparesStatements = true
    /// How long a read may take from the beginning of its turn. It is the `statement_timeout` of read connections, too:
    /// the longest that a read may run in the server.
    package var readDeadline = Duration.seconds(2)
    /// How long before its deadline a transaction whose COMMIT was sent and not answered is taken for lost: the time
    /// for asking on another connection what became of it.
    package var silenceMargin = Duration.milliseconds(250)
    /// How long the answer to a read waits for the proof that its server was not replaced. That to a transaction waits
    /// almost to its deadline; before it is sent, a transaction waits at most half of this.
    package var proofTime = Duration.seconds(1)

    /// The defaults, with this database.
    package init(connectionInfo: String = "") {
        self.connectionInfo = connectionInfo
    }
}
