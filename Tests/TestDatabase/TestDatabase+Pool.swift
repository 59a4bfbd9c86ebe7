import Logging
package import Postgres

extension TestDatabase {
    /// Lends a pool of connections to the database, which ends with `body`: one for reads and one for writes, unless
    /// `change` says otherwise.
    package func withPool<Value: Sendable>(
        _ change: (inout PostgresConfiguration) -> Void = { _ in }, _ body: (PostgresClient) async throws -> Value
    ) async throws -> Value {
        var configuration = PostgresConfiguration(connectionInfo: connectionString + TestDatabase.longConnectTimeout)
        (configuration.readConnections, configuration.writeConnections) = (1, 1)
        // On a slow machine a search takes long. No connection is to be given up for that.
        configuration.proofTime = .seconds(60)
        configuration.sharedTimeout = .seconds(60)
        change(&configuration)
        let pool = PostgresClient(configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await pool.run() }
            defer { pool.shutDown() }
            return try await body(pool)
        }
    }
}
