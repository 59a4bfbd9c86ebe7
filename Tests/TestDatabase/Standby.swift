package import EmbeddedPostgres

/// A second cluster that follows a first one by streaming replication.
package enum Standby {
    /// Settings of a primary whose commits wait until the standby has them: what was acknowledged survives the primary.
    package static let primarySettings: [EmbeddedPostgres.Options.Setting] = [
        ("synchronous_commit", "remote_apply"), ("max_wal_senders", "5"),
    ]

    /// Lends a standby of `primary` that has caught up and that commits wait for from now on.
    package static func run<Value: Sendable>(
        of primary: EmbeddedPostgres.Server, _ body: (EmbeddedPostgres.Server) async throws -> Value
    ) async throws -> Value {
        var options = EmbeddedPostgres.Options()
        options.primary = primary.connectionString()
        return try await EmbeddedPostgres.withServer(options) { standby in
            try await primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
            try await primary.sql("SELECT pg_reload_conf()")
            return try await body(standby)
        }
    }
}
