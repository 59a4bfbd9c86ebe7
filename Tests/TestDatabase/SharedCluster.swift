import EmbeddedPostgres

/// The one cluster of a test process, and the templates in it.
actor SharedCluster {
    static let instance = SharedCluster()

    private struct Template: Hashable {
        let generation: Generation
        let metrics: MetricsShape
    }

    private var server: Task<EmbeddedPostgres.Server, any Error>?
    private var templates: [Template: Task<String, any Error>] = [:]
    private var databases = 0

    /// Makes a database from the template of its kind.
    func makeDatabase(_ generation: Generation, _ metrics: MetricsShape) async throws -> TestDatabase {
        let server = try await runningServer()
        let template = try await template(Template(generation: generation, metrics: metrics), in: server)
        databases += 1
        let database = TestDatabase(server: server, name: "test_\(databases)")
        // To copy the files takes a fifth of the time that it takes to write all pages to the log, as is the default.
        try await server.sql("CREATE DATABASE \(database.name) TEMPLATE \(template) STRATEGY FILE_COPY")
        return database
    }

    private func runningServer() async throws -> EmbeddedPostgres.Server {
        if let server { return try await server.value }
        // Unstructured, so that a test that is cancelled while it waits does not cancel the start for all others.
        let started = Task { try await Self.start() }
        server = started
        return try await started.value
    }

    private func template(_ kind: Template, in server: EmbeddedPostgres.Server) async throws -> String {
        if let template = templates[kind] { return try await template.value }
        // Unstructured, so that the test that comes first does not take the others' template down when it is cancelled.
        let made = Task {
            let name = "template_\(kind.generation)_\(kind.metrics)"
            try await server.sql("CREATE DATABASE \(name)")
            try await server.sql(TestDatabase.sql(kind.generation, kind.metrics), database: name)
            // A template with a session, autovacuum included, cannot be copied.
            try await server.sql("ALTER DATABASE \(name) WITH ALLOW_CONNECTIONS false")
            return name
        }
        templates[kind] = made
        return try await made.value
    }

    /// Starts the cluster and leaves it running.
    private static func start() async throws -> EmbeddedPostgres.Server {
        let options = EmbeddedPostgres.Options(settings: [
            ("shared_preload_libraries", "pg_stat_statements"), ("max_connections", "300"),
            // All statements of all databases of a run have room: one that is put out loses its count, and comes back
            // with the values that it was sent with.
            ("pg_stat_statements.max", "100000"),
            // Costs nothing without fsync, and lets a test rely on what was committed.
            ("synchronous_commit", "on"),
        ])
        let (servers, running) = AsyncThrowingStream.makeStream(of: EmbeddedPostgres.Server.self)
        // Unstructured, because the cluster belongs to the process and no scope of ours lasts as long. When the process
        // ends, the cluster's supervisor sees it and cleans up.
        Task {
            do {
                try await EmbeddedPostgres.withServer(options) { server in
                    let version = try await server.sql("SHOW server_version").joined()
                    print("These tests run on Postgres \(version), \(server.installation.programs).")
                    running.yield(server)
                    for await _ in AsyncStream<Never>.makeStream().stream {}
                }
            } catch {
                running.finish(throwing: error)
            }
        }
        for try await server in servers { return server }
        throw CancellationError()
    }
}
