package import EmbeddedPostgres
import OffersServer

/// A database of its own for a test, in a cluster that all tests of the process share.
///
/// ```swift
/// try await TestDatabase.withDatabase(.g3) { database in
///     let master = try await database.insert(MasterRow())
///     … database.connectionString …
/// }
/// ```
///
/// The cluster starts with the first use and ends with the process. It has `pg_stat_statements` loaded (a test that
/// wants the view runs `CREATE EXTENSION pg_stat_statements` in its database, and counts with its own `dbid`), and
/// 300 connections. A test that stops, freezes or reconfigures the server must not do so to all the others: it uses
/// ``withServer(_:metrics:options:_:)``.
package struct TestDatabase: Sendable {
    /// The cluster that the database is in.
    package let server: EmbeddedPostgres.Server

    /// The database's name.
    package let name: String

    /// The libpq connection string, as the superuser.
    package var connectionString: String {
        server.connectionString(database: name)
    }

    /// To be appended to a connection string, so that a connection may take longer than the usual two seconds, as it
    /// can beside all other tests.
    package static let longConnectTimeout = " connect_timeout=100"

    /// Lends a new database of the given generation with nothing in it but the setting `max_active_orders` = 5.
    /// Afterwards the database is dropped, with whatever is still connected to it.
    ///
    /// - Parameters:
    ///   - generation: Which state of the existing database to make.
    ///   - metrics: The shape of `distribution_metrics`, nil for the generation's own.
    /// - Throws: `EmbeddedPostgres.Failure` if there is no server, and what `body` throws.
    package static func withDatabase<Value: Sendable>(
        _ generation: Generation = .g3, metrics: MetricsShape? = nil,
        _ body: (TestDatabase) async throws -> Value
    ) async throws -> Value {
        let database = try await SharedCluster.instance.makeDatabase(generation, metrics ?? generation.metricsShape)
        let outcome: Result<Value, any Error>
        do { outcome = .success(try await body(database)) } catch { outcome = .failure(error) }
        // A cancelled test cannot wait for psql; its database goes with the cluster.
        _ = try? await database.server.sql("DROP DATABASE \(database.name) WITH (FORCE)")
        return try outcome.get()
    }

    /// Lends a database in a cluster of its own, which the test may stop, freeze and restart; what was committed
    /// survives even an immediate stop, unless `options` say otherwise.
    package static func withServer<Value: Sendable>(
        _ generation: Generation = .g3, metrics: MetricsShape? = nil,
        options: EmbeddedPostgres.Options = .init(durable: true),
        _ body: (TestDatabase) async throws -> Value
    ) async throws -> Value {
        try await EmbeddedPostgres.withServer(options) { server in
            let database = TestDatabase(server: server, name: "offers")
            try await server.sql("CREATE DATABASE \(database.name)")
            try await database.sql(sql(generation, metrics ?? generation.metricsShape))
            return try await body(database)
        }
    }

    /// Runs SQL through psql and returns the rows, columns separated by `|` (see `EmbeddedPostgres.Server.sql`).
    @discardableResult
    package func sql(_ text: String) async throws -> [String] {
        try await server.sql(text, database: name)
    }

    /// The SQL of an empty database of a generation with a shape of the metrics.
    static func sql(_ generation: Generation, _ metrics: MetricsShape) -> String {
        Schema.sql + generation.sqlFromG3 + metrics.sqlFromG3
    }
}
