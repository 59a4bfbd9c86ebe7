import Synchronization

/// A lock of another program, held until the test says otherwise: nothing depends on how fast the machine is.
package struct HeldLock: Sendable {
    private let database: TestDatabase
    private let table: String
    private static let count = Atomic(0)

    /// Takes the lock by the statement `lock`, lends it to `body`, and lets it go when `body` says so or has ended:
    /// by ROLLBACK, or by COMMIT after `change`.
    package static func hold<Value: Sendable>(
        _ lock: String, in database: TestDatabase, then change: String? = nil, _ body: (HeldLock) async throws -> Value
    ) async throws -> Value {
        let table = "released_\(count.wrappingAdd(1, ordering: .relaxed).newValue)"
        let held = HeldLock(database: database, table: table)
        try await database.sql("CREATE TABLE \(table) ()")
        async let holding = database.sql(
            """
            BEGIN;
            \(lock);
            DO $$ BEGIN
                WHILE NOT EXISTS (SELECT FROM \(table)) LOOP PERFORM pg_sleep(0.01); END LOOP;
            END $$;
            \(change.map { "\($0); COMMIT" } ?? "ROLLBACK")
            """)
        try await held.until("SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE 'DO %EXISTS%\(table))%'")
        let outcome: Result<Value, any Error>
        do { outcome = .success(try await body(held)) } catch { outcome = .failure(error) }
        try await held.release()
        _ = try await holding
        return try outcome.get()
    }

    /// Lets the lock go.
    package func release() async throws {
        try await database.sql("INSERT INTO \(table) DEFAULT VALUES")
    }

    /// Returns when a backend of this database waits for a lock.
    package func isWaitedFor() async throws {
        // The loop is in the server: a psql for each look would be work for the machine.
        try await database.sql(
            """
            SET statement_timeout = 0;
            DO $$ BEGIN
                WHILE NOT EXISTS (
                    SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database())
                LOOP
                    PERFORM pg_sleep(0.005);
                    PERFORM pg_stat_clear_snapshot();
                END LOOP;
            END $$
            """)
    }

    /// Returns when a query with one boolean gives true.
    package func until(_ query: String) async throws {
        while try await database.sql(query) != ["t"] {}
    }
}
