import Deadlines
import Logging
import Synchronization
import TestDatabase
import Testing
import Turns

@testable import Postgres

/// Transactions that several callers share, on a real server.
@Suite("Shared transactions", .inTurn)
struct SharedTransactionTests {
    /// What a part wrote: its own id, by which transaction, whose statements might take how long.
    private struct Written: Equatable {
        let id: Int64
        let transaction: String
        let timeout: String
    }

    private typealias Outcome = Result<Written, PostgresError>

    /// Writes a row for each part; a divisor of 0 is refused, a negative one by COMMIT.
    private static let insert = Statement(
        "test_insert", parameters: [.int8Array, .int8Array],
        sql: """
            WITH written AS (
                INSERT INTO entries (id, quotient) SELECT c.id, 12 / c.divisor FROM unnest($1, $2) AS c(id, divisor))
            SELECT c.id, pg_current_xact_id()::text, current_setting('statement_timeout') FROM unnest($1, $2) WITH ORDINALITY AS c(id, divisor, place)
            ORDER BY c.place
            """)
    /// Locks the room of each part.
    private static let lock = Statement(
        "test_lock", parameters: [.int8Array],
        sql: "SELECT id FROM rooms WHERE id = ANY ($1) ORDER BY id FOR UPDATE")

    private func part(
        _ id: Int64, divisor: Int64 = 1, batchKey: String = "test", keys: [ExclusionKey] = [],
        isLeftOut: Bool = false
    ) -> Transaction<Written> {
        Transaction(
            name: "test", batchKey: batchKey, part: [id, divisor], keys: keys,
            steps: { parts, _ in
                [
                    BoundStatement(Self.lock, [parts.columns[0]]),
                    BoundStatement(Self.insert, parts.columns),
                ]
            },
            isLeftOut: { rows, row in isLeftOut && ((try? rows.integer(row: row, column: 0)) ?? 0) >= 3 },
            decode: { rows, row throws(ResultMismatch) in
                Written(
                    id: try rows.requiredInteger(row: row, column: 0),
                    transaction: try rows.requiredText(row: row, column: 1),
                    timeout: try rows.requiredText(row: row, column: 2))
            })
    }

    private func withPool(
        _ change: (inout PostgresConfiguration) -> Void = { _ in },
        _ body: (PostgresClient, TestDatabase) async throws -> Void
    ) async throws {
        try await TestDatabase.withDatabase(.g3) { (database) async throws in
            try await database.sql(
                """
                CREATE TABLE entries (id bigint PRIMARY KEY, quotient bigint);
                CREATE TABLE rooms (id bigint PRIMARY KEY);
                INSERT INTO rooms SELECT generate_series(0, 20);
                CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                    IF NEW.quotient < 0 THEN RAISE 'not today'; END IF;
                    RETURN NULL;
                END $$;
                CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON entries
                    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse();
                """)
            try await database.withPool(change) { try await body($0, database) }
        }
    }

    /// Runs transactions that all wait, in this order, until the lock of room 0 is let go, as the one before them needs
    /// it, and returns what became of them.
    private func together(
        _ parts: [Transaction<Written>], on pool: PostgresClient, _ database: TestDatabase
    ) async throws -> [Outcome] {
        try await holding(0, in: database) { lock in
            try await withThrowingTaskGroup { group in
                group.addTask { await (-1, run(part(0), on: pool)) }
                try await until { pool.status.writes.busy > 0 }
                for (index, part) in parts.enumerated() {
                    group.addTask { await (index, run(part, on: pool)) }
                    try await until { pool.status.writes.waiting == index + 1 }
                }
                try await lock.release()
                var outcomes: [Int: Outcome] = [:]
                for try await (index, outcome) in group { outcomes[index] = outcome }
                return parts.indices.compactMap { outcomes[$0] }
            }
        }
    }

    private func run(
        _ part: Transaction<Written>, on pool: PostgresClient,
        until deadline: Deadline = Deadline(in: .seconds(60))
    ) async -> Outcome {
        do throws(PostgresError) {
            return .success(try await pool.transaction(part, deadline: deadline))
        } catch {
            return .failure(error)
        }
    }

    /// The outcomes of those of the run that it is told of, and how many behind them are to be done by themselves.
    private func perform(
        _ run: [Transaction<Written>], attempt: Attempt = .first, on pool: PostgresClient
    ) async -> (outcomes: [Outcome], separated: Int) {
        let performed = await pool.perform(
            run[0].plan, joinedBy: { run.dropFirst().map(\.plan.part) }, attempt: attempt,
            deadline: Deadline(in: .seconds(60)))
        let outcomes = performed.own.map { row in
            performed.result.flatMap { rows in
                Result { try run[0].decode(rows, row) }.mapError { _ in .timedOut }
            }
        }
        return (outcomes, performed.separated)
    }

    /// Returns when `condition` holds.
    private func until(_ condition: () -> Bool) async throws {
        try #require(await eventually(condition, until: { $0 }))
    }

    /// Holds the lock of a room in another session until the body says so or ends.
    private func holding<Value: Sendable>(
        _ room: Int, in database: TestDatabase, _ body: (HeldLock) async throws -> Value
    ) async throws -> Value {
        try await HeldLock.hold("SELECT 1 FROM rooms WHERE id = \(room) FOR UPDATE", in: database, body)
    }

    private func ids(_ outcomes: [Outcome]) -> [Int64?] { outcomes.map { try? $0.get().id } }

    private func transactions(_ outcomes: [Outcome]) -> Set<String> {
        Set(outcomes.compactMap { try? $0.get().transaction })
    }

    @Test("what waits together is committed together, and each is told its own", arguments: [true, false])
    func together(prepared: Bool) async throws {
        try await withPool({ $0.preparesStatements = prepared }) { pool, database in
            let outcomes = try await together((1...6).map { part($0) }, on: pool, database)
            #expect(ids(outcomes) == [1, 2, 3, 4, 5, 6])
            #expect(transactions(outcomes).count == 1, "\(outcomes)")
            #expect(pool.status.requests == 0)
        }
    }

    @Test("no more share a transaction than may, and only those of one batch key")
    func apart() async throws {
        try await withPool({ $0.maximumGroup = 2 }) { pool, database in
            let parts = [part(1), part(2), part(3), part(4, batchKey: "other"), part(5), part(6)]
            let outcomes = try await together(parts, on: pool, database)
            let transactions = outcomes.map { try? $0.get().transaction }
            #expect(ids(outcomes) == [1, 2, 3, 4, 5, 6])
            #expect(Set(transactions).count == 4)
            #expect(transactions[0] == transactions[1] && transactions[4] == transactions[5])
        }
    }

    @Test("what is one's own fault is no other's: in a statement, at COMMIT")
    func ownFault() async throws {
        try await withPool { pool, database in
            for (first, divisor) in [(1, 0), (11, -1)] as [(Int64, Int64)] {
                let parts = (first...first + 4).map { part($0, divisor: $0 == first + 2 ? divisor : 1) }
                let outcomes = try await together(parts, on: pool, database)
                try await database.sql("DELETE FROM entries WHERE id = 0")
                #expect(ids(outcomes) == [first, first + 1, nil, first + 3, first + 4])
                #expect(transactions(outcomes).count == 4, "each by itself")
                guard case .failure(.refused(let message)) = outcomes[2] else {
                    Issue.record("\(outcomes[2])")
                    continue
                }
                #expect(message.sqlState.rawValue == (divisor == 0 ? "22012" : "P0001"))
            }
            #expect(try await database.sql("SELECT count(*) FROM entries") == ["8"])
            #expect(pool.status.writes.batchSplits == 10)
            #expect(pool.status.writes.opened == 1, "the connection is as good as before")
            #expect(pool.status.requests == 0)
        }
    }

    @Test("what one of them waits for does not keep the others waiting")
    func foreignLock() async throws {
        try await withPool({ $0.writeConnections = 2 }) { pool, database in
            try await expectAllButTheLocked(3...6, on: pool, database) { first, second in
                try await first.release()
                try await second.release()
            }
        }
    }

    @Test("one that is left by itself behind one that waits is not forgotten, though nothing else comes")
    func separatedAndStuck() async throws {
        try await withPool({ ($0.writeConnections, $0.writeParallelism) = (2, 1) }) { pool, database in
            try await expectAllButTheLocked(3...4, on: pool, database) { first, second in
                try await first.release()
                try await until { pool.status.writes.batchSplits == 2 }
                try await second.release()
            }
        }
    }

    /// Has parts wait behind two that occupy both connections, until `release` lets these go, and expects that all are
    /// committed while another session holds the lock of room 3; but for part 3, which is when it has been let go.
    private func expectAllButTheLocked(
        _ waiting: ClosedRange<Int64>, on pool: PostgresClient, _ database: TestDatabase,
        release: (HeldLock, HeldLock) async throws -> Void
    ) async throws {
        try await holding(3, in: database) { lock in
            try await withThrowingTaskGroup(of: Outcome.self) { group in
                try await holding(0, in: database) { first in
                    try await holding(20, in: database) { second in
                        for id: Int64 in [0, 20] { group.addTask { await run(part(id), on: pool) } }
                        try await until { pool.status.writes.busy == 2 }
                        for (before, id) in waiting.enumerated() {
                            group.addTask { await run(part(id), on: pool) }
                            try await until { pool.status.writes.waiting == before + 1 }
                        }
                        try await release(first, second)
                    }
                }
                var answered: [Outcome] = []
                while answered.count < waiting.count + 1, let outcome = try await group.next() {
                    answered.append(outcome)
                }
                #expect(Set(ids(answered)) == Set([0, 20] + waiting.filter { $0 != 3 }), "while the lock is held")
                try await lock.release()
                #expect(try await ids([#require(group.next())]) == [3])
            }
        }
    }

    @Test("one whose time is over is timed out, and the others are committed")
    func overdue() async throws {
        try await withPool { pool, database in
            // Less than the half second that is kept for the end of a transaction.
            let outcomes = try await withOneNear(.milliseconds(400), on: pool, database)
            #expect(Set(ids(outcomes)) == [0, nil, 2, 3])
            #expect(outcomes.contains(.failure(.timedOut)))
            #expect(transactions(outcomes).count == 2)
        }
    }

    @Test("one whose time does not run yet has all of it, and no more", .alone)
    func notBegun() async throws {
        try await withPool { pool, database in
            try await holding(3, in: database) { _ in
                #expect(
                    await run(part(3), on: pool, until: Deadline(.milliseconds(700), from: DeadlineStart()))
                        == .failure(.timedOut))
            }
        }
    }

    @Test("one that has hardly any time left does not take the others' time")
    func hardlyInTime() async throws {
        // What is left of its time, less the half second that is kept for the end.
        for (remaining, bound) in [(1, 200), (190, 200), (300, 300), (1500, 1000)] as [(Int64, Int64)] {
            let (remaining, bound) = (Duration.milliseconds(remaining), Duration.milliseconds(bound))
            #expect(TransactionPipeline.timeLimit(of: remaining, sharedTimeout: .seconds(1)) == bound)
            #expect(TransactionPipeline.timeLimit(of: remaining, sharedTimeout: nil) == remaining)
        }
        try await withPool { pool, database in
            // Enough to be begun; if this takes longer on a busy machine, it is overdue, or is found out about too
            // late.
            let outcomes = try await withOneNear(.milliseconds(690), on: pool, database)
            #expect(Set(ids(outcomes)).isSuperset(of: [0, 2, 3]), "\(outcomes)")
        }
    }

    /// What becomes of parts 0 to 3, of which 1 to 3 wait for 0, and 1 has so much time left when they can begin.
    private func withOneNear(
        _ remaining: Duration, on pool: PostgresClient, _ database: TestDatabase
    ) async throws -> [Outcome] {
        try await holding(0, in: database) { lock in
            try await withThrowingTaskGroup { group in
                let start = DeadlineStart()
                group.addTask { await run(part(0), on: pool) }
                try await until { pool.status.writes.busy > 0 }
                group.addTask { await run(part(1), on: pool, until: Deadline(remaining, from: start)) }
                for id: Int64 in 2...3 { group.addTask { await run(part(id), on: pool) } }
                try await until { pool.status.writes.waiting == 3 }
                start.begin(at: .now())
                try await lock.release()
                return try await group.reduce(into: []) { $0.append($1) }
            }
        }
    }

    @Test("many that wait for one row, among others: only the first of them goes with the others")
    func hotRow() async throws {
        try await withPool({ $0.writeConnections = 4 }) { pool, database in
            try await holding(3, in: database) { lock in
                try await withThrowingTaskGroup(of: Outcome.self) { group in
                    let hot = [ExclusionKey(space: 0, value: 3)]
                    for _ in 0..<20 { group.addTask { await run(part(3, divisor: 0, keys: hot), on: pool) } }
                    try await until { pool.status.writes.waiting == 19 }
                    for round: Int64 in 0..<20 {
                        for id in 0..<5 { group.addTask { await run(part(100 + 5 * round + Int64(id)), on: pool) } }
                        for _ in 0..<5 { #expect(try await group.next()?.get() != nil) }
                    }
                    #expect(pool.status.writes.batchSplits <= 5)
                    try await lock.release()
                    for try await outcome in group { #expect(throws: PostgresError.self) { try outcome.get() } }
                }
            }
        }
    }

    @Test("those of one caller share a transaction as far as their keys are free")
    func run() async throws {
        try await withPool { pool, _ in
            let keys = [ExclusionKey(space: 0, value: 1)]
            let performed = await perform(
                (1...5).map { part($0, keys: $0 % 3 == 1 ? keys : []) }, on: pool)
            #expect(ids(performed.outcomes) == [1, 2, 3], "the fourth has the key of the first")
            #expect(transactions(performed.outcomes).count == 1 && performed.separated == 0)
        }
    }

    @Test("a run is one request; its first waits for a lock by itself, and the others are told to be alone")
    func runWaits() async throws {
        try await withPool({ $0.maximumWaiting = 1 }) { pool, database in
            try await holding(1, in: database) { lock in
                async let performed = perform([part(1), part(2)], on: pool)
                try await until { pool.status.writes.batchSplits == 2 }
                let other = await perform([part(6), part(7)], on: pool)
                #expect(other.outcomes == [.failure(.overloaded)] && other.separated == 0)
                try await lock.release()
                #expect(await ids(performed.outcomes) == [1])
                #expect(await performed.separated == 1)
            }
        }
    }

    @Test("when a run is rolled back, its first is done by itself, and the others are told to be")
    func runRolledBack() async throws {
        try await withPool { pool, _ in
            let performed = await perform(
                [part(1), part(2, divisor: 0), part(3)], on: pool)
            #expect(ids(performed.outcomes) == [1] && performed.separated == 2)
            #expect(pool.status.writes.batchSplits == 3)
            let another = await perform([part(2), part(3)], attempt: .another, on: pool)
            #expect(ids(another.outcomes) == [2] && another.separated == 0, "another attempt is never shared")
        }
    }

    @Test("what a run's transaction leaves out is told with all that is behind it")
    func runLeftOut() async throws {
        try await withPool { pool, _ in
            let performed = await perform(
                (1...4).map { part($0, isLeftOut: true) }, on: pool)
            #expect(ids(performed.outcomes) == [1, 2] && performed.separated == 1, "the fourth may go along again")
            try await until { pool.status.writes.batchSplits == 2 }
        }
    }

    @Test("with a key in common they come one after the other")
    func sameKey() async throws {
        try await withPool { pool, database in
            let keys = [ExclusionKey(space: 0, value: 1)]
            let outcomes = try await together((1...3).map { part($0, keys: keys) }, on: pool, database)
            #expect(ids(outcomes) == [1, 2, 3])
            #expect(transactions(outcomes).count == 3)
        }
    }
}
