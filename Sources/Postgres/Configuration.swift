/// How the pool reaches the database and how much of it it may use.
package struct PostgresConfiguration: Sendable {
    /// A libpq connection string or URI; empty: the `PG*` variables, service file and password file alone decide.
    package var connectionInfo: String
    /// The schema in which tables are found, whatever the search path says.
    package var schema: String
    /// Connections for reads, besides one for `Purpose.control`. Each sends what is waiting as one pipeline.
    package var readConnections: Int
    /// Connections for transactions. Each runs one at a time, which several callers may share.
    package var writeConnections: Int
    /// The most requests that one read connection takes into one pipeline.
    package var maximumPipeline: Int
    /// How many of the connections for transactions work at the same time, besides those that have been at it for 50
    /// ms, as they wait for a lock. The fewer, the more callers share a transaction.
    package var writeParallelism: Int
    /// The most callers that share one transaction; 1: no transaction is shared.
    package var maximumParts: Int
    /// The most requests that may be in the pool, waiting or running; one more is refused as overloaded.
    package var maximumRequests: Int
    /// Whether statements are prepared by name and settings made for the session. Off for a transaction pooler.
    package var preparesStatements: Bool
    /// The `statement_timeout` of read connections, in milliseconds: the longest that a read may run in the server.
    package var readTimeoutMilliseconds: Int64
    /// How long before its deadline a transaction whose COMMIT was sent and not answered is taken for lost, in
    /// milliseconds: the time for asking on another connection what became of it.
    package var silenceMarginMilliseconds: Int64

    package init(
        connectionInfo: String = "",
        schema: String = "public",
        readConnections: Int = 2,
        writeConnections: Int = 8,
        maximumPipeline: Int = 64,
        writeParallelism: Int = 2,
        maximumParts: Int = 16,
        maximumRequests: Int = 4096,
        preparesStatements: Bool = true,
        readTimeoutMilliseconds: Int64 = 2000,
        silenceMarginMilliseconds: Int64 = 250
    ) {
        self.connectionInfo = connectionInfo
        self.schema = schema
        self.readConnections = readConnections
        self.writeConnections = writeConnections
        self.maximumPipeline = maximumPipeline
        self.writeParallelism = writeParallelism
        self.maximumParts = maximumParts
        self.maximumRequests = maximumRequests
        self.preparesStatements = preparesStatements
        self.readTimeoutMilliseconds = readTimeoutMilliseconds
        self.silenceMarginMilliseconds = silenceMarginMilliseconds
    }
}
