import Deadlines
import Logging
import Postgres
import TestDatabase

/// Statements of tests of the pool.
enum PoolStatements {
    static let sleep = Statement("test_sleep", parameters: [.text], sql: "SELECT 1 FROM pg_sleep($1::float8)")
    static let divide = Statement("test_divide", parameters: [.int8], sql: "SELECT 12 / $1")
    /// Runs until the test says that it may end, however long that takes.
    static let held = Statement("test_held", sql: "SELECT held()")
    /// Runs until the second release, and fails.
    static let heldAgain = Statement("test_held_again", sql: "SELECT held_again()")
    static let missing = Statement("test_missing", sql: "SELECT nothing FROM nowhere")
}

/// What tests of the pool on a real server have in common: reads that last as long as the test wants.
protocol ServedPoolTesting {}

extension ServedPoolTesting {
    func withPool<Value: Sendable>(
        _ change: (inout PostgresConfiguration) -> Void = { _ in },
        _ body: (PostgresClient, TestDatabase) async throws -> Value
    ) async throws -> Value {
        try await TestDatabase.withDatabase(.g3) { (database) async throws in
            try await database.withPool {
                $0.writeConnections = 2
                change(&$0)
            } _: {
                try await body($0, database)
            }
        }
    }

    func prepareHeld(_ database: TestDatabase) async throws {
        try await database.sql(
            """
            CREATE TABLE released ();
            CREATE FUNCTION held() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
                WHILE NOT EXISTS (SELECT FROM released) LOOP PERFORM pg_sleep(0.01); END LOOP;
                RETURN 1;
            END $$;
            CREATE FUNCTION held_again() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
                WHILE (SELECT count(*) FROM released) < 2 LOOP PERFORM pg_sleep(0.01); END LOOP;
                RETURN 1 / 0;
            END $$
            """)
    }

    func hold(_ pool: PostgresClient) async throws {
        let deadline = Deadline(in: .seconds(100))
        _ = try await pool.read(BoundStatement(PoolStatements.held), deadline: deadline) { $0.rowCount }
    }

    /// Returns when `hold` or `sleep` runs. The pool's own questions make a connection busy, too.
    func untilHeld(_ database: TestDatabase) async throws {
        let sleeps = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
        while try await database.sql(sleeps).isEmpty {}
    }

    func release(_ database: TestDatabase) async throws {
        try await database.sql("INSERT INTO released DEFAULT VALUES")
    }

    func sleep(_ pool: PostgresClient, seconds: Double, within limit: Duration = .seconds(100)) async throws {
        _ = try await pool.read(
            BoundStatement(PoolStatements.sleep, [.text("\(seconds)")]), deadline: Deadline(in: limit)
        ) { $0.rowCount }
    }

    func divide(
        _ pool: PostgresClient, by divisor: Int64, for purpose: PostgresClient.Purpose = .work
    ) async -> Result<Int64, PostgresError> {
        do throws(PostgresError) {
            return .success(
                try await pool.read(
                    BoundStatement(PoolStatements.divide, [.int8(divisor)]), for: purpose,
                    deadline: Deadline(in: .seconds(100))
                ) { rows throws(ResultMismatch) in try rows.requiredInteger(row: 0, column: 0) })
        } catch {
            return .failure(error)
        }
    }
}
