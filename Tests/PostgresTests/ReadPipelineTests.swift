import Deadlines
import Postgres
import TestDatabase
import Testing
import Turns

/// What a read costs those that are sent with it, behind it or after it, on a real server.
@Suite("The pipeline of reads", .inTurn)
struct ReadPipelineTests: ServedPoolTesting {
    @Test("a statement that is prepared for one read, and cannot be, costs those behind it no connection")
    func refusedPreparation() async throws {
        try await withPool({ $0.readDeadline = .seconds(100) }) { (pool, database) async throws in
            try await prepareHeld(database)
            async let held: Void = hold(pool)
            try await untilHeld(database)
            let errors = try await withThrowingTaskGroup { group in
                for _ in 0..<4 {
                    group.addTask { () async throws -> PostgresError? in
                        do throws(PostgresError) {
                            _ = try await pool.read(
                                BoundStatement(PoolStatements.missing), deadline: Deadline(in: .seconds(100))
                            ) { $0.rowCount }
                            return nil
                        } catch {
                            return error
                        }
                    }
                }
                while pool.status.reads.waiting < 4 || pool.status.requests < 5 { await Task.yield() }
                try await release(database)
                return try await group.reduce(into: []) { $0.append($1) }
            }
            try await held
            for error in errors {
                guard case .refused(let message) = error, message.sqlState == .undefinedTable else {
                    Issue.record("\(String(describing: error))")
                    continue
                }
            }
            #expect(pool.status.readRetries == 0)
            #expect(pool.status.reads.opened == 1)
        }
    }

    @Test("a statement whose preparation was skipped behind an error costs those that come meanwhile no connection")
    func skippedPreparation() async throws {
        try await withPool({ $0.readDeadline = .seconds(100) }) { (pool, database) async throws in
            try await prepareHeld(database)
            async let held: Void = hold(pool)
            try await untilHeld(database)
            async let failing: Int = pool.read(
                BoundStatement(PoolStatements.heldAgain), deadline: Deadline(in: .seconds(100))
            ) { $0.rowCount }
            while pool.status.requests < 2 { await Task.yield() }
            async let skipped = divide(pool, by: 3)
            while pool.status.requests < 3 { await Task.yield() }
            try await release(database)
            try await held
            while pool.status.reads.waiting > 0 { await Task.yield() }
            async let behind = divide(pool, by: 4)
            while pool.status.reads.waiting < 1 || pool.status.requests < 3 { await Task.yield() }
            try await release(database)
            do {
                _ = try await failing
                Issue.record("it is made to fail")
            } catch {}
            let (one, other) = await (skipped, behind)
            #expect(one == .success(4))
            #expect(other == .success(3))
            #expect(pool.status.readRetries == 0)
            #expect(pool.status.reads.opened == 1)
        }
    }

    @Test("a read that is sent again behind a statement that is prepared is given up at its deadline, too")
    func overdueBehindPreparation() async throws {
        try await withPool({ $0.readDeadline = .seconds(100) }) { (pool, database) async throws in
            try await prepareHeld(database)
            async let held: Void = hold(pool)
            try await untilHeld(database)
            async let refused: Int = pool.read(
                BoundStatement(PoolStatements.missing), deadline: Deadline(in: .seconds(100))
            ) {
                $0.rowCount
            }
            while pool.status.requests < 2 { await Task.yield() }
            async let slow: Int = pool.read(
                BoundStatement(PoolStatements.heldAgain), deadline: Deadline(in: .seconds(100))
            ) {
                $0.rowCount
            }
            while pool.status.requests < 3 { await Task.yield() }
            async let behind: Int = pool.read(
                BoundStatement(PoolStatements.divide, [.int8(1)]), deadline: Deadline(in: .seconds(3))
            ) { $0.rowCount }
            while pool.status.reads.waiting < 3 || pool.status.requests < 4 { await Task.yield() }
            try await release(database)
            try await held
            do {
                _ = try await behind
                Issue.record("the statement before it takes longer than its time")
            } catch PostgresError.timedOut {}
            #expect(pool.status.requests == 1, "the slow one runs")
            try await release(database)
            for read in [try? await slow, try? await refused] { #expect(read == nil) }
            #expect(pool.status.reads.opened == 1)
        }
    }

    @Test("a read that waited before it was sent is left to the server's time limit, too")
    func lateSlowRead() async throws {
        try await withPool({ $0.readDeadline = .seconds(5) }) { (pool, database) async throws in
            async let first: Void = sleep(pool, seconds: 3)
            try await untilHeld(database)
            await #expect(throws: PostgresError.timedOut) { try await sleep(pool, seconds: 30, within: .seconds(5)) }
            try await first
            #expect(await divide(pool, by: 3) == .success(4))
            #expect(pool.status.reads.opened == 1)
        }
    }
}
