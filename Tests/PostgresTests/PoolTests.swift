import Deadlines
import Logging
import Postgres
import TestDatabase
import Testing
import Turns

/// The pool on a real server.
@Suite("PostgresClient", .inTurn)
struct PoolTests: ServedPoolTesting {
    @Test("an error in a group of reads is its own, wherever in the group, and also when nothing is prepared yet")
    func errorsTouchNoOtherRead() async throws {
        try await withPool { (pool, _) async throws in
            for round in 0..<3 {
                // The only connection is busy meanwhile, so that the next reads are sent together.
                async let sleeping: Void = sleep(pool, seconds: 0.2)
                let results = await withTaskGroup(of: (Int64, Result<Int64, PostgresError>).self) { group in
                    for divisor: Int64 in [1, 2, 0, 3, 0, 0, 4, 6, 0] {
                        group.addTask { (divisor, await divide(pool, by: divisor)) }
                    }
                    group.addTask {
                        do throws(PostgresError) {
                            return (
                                -1,
                                .success(
                                    Int64(
                                        try await pool.read(
                                            BoundStatement(PoolStatements.missing),
                                            deadline: Deadline(in: .seconds(100))
                                        ) { $0.rowCount }))
                            )
                        } catch {
                            return (-1, .failure(error))
                        }
                    }
                    return await group.reduce(into: []) { $0.append($1) }
                }
                try await sleeping
                #expect(results.count == 10)
                for (divisor, result) in results {
                    switch (divisor, result) {
                    case (0, .failure(.refused(let message))): #expect(message.sqlState == .divisionByZero)
                    case (-1, .failure(.refused(let message))): #expect(message.sqlState == .undefinedTable)
                    case (1..., .success(let value)): #expect(value == 12 / divisor, "round \(round)")
                    default: Issue.record("\(divisor): \(result)")
                    }
                }
            }
            #expect(pool.status.reads.opened == 1, "no connection was given up for it")
        }
    }

    @Test("groups that overlap, with errors among them: each read gets the answer to its own question")
    func overlapping() async throws {
        try await withPool({
            $0.readConnections = 2
            $0.maximumPipeline = 4
        }) { (pool, _) async throws in
            _ = try await eventually({ pool.status.reads.connected }, until: { $0 == 2 })
            let wrong = await withTaskGroup(of: Int.self) { group in
                for task: Int64 in 0..<32 {
                    group.addTask {
                        var wrong = 0
                        for number: Int64 in 0..<40 {
                            let divisor = (task + number) % 13
                            let result = await divide(pool, by: divisor)
                            switch (divisor, result) {
                            case (0, .failure(.refused)): break
                            case (1..., .success(let value)) where value == 12 / divisor: break
                            default: wrong += 1
                            }
                        }
                        return wrong
                    }
                }
                return await group.reduce(0, +)
            }
            #expect(wrong == 0)
            #expect(pool.status.reads.opened == 2, "no connection was given up for it")
            #expect(pool.status.requests == 0)
        }
    }

    @Test(
        "connections that are lost under load and a shutdown in the middle: each read is told once, and nothing wrong")
    func lostUnderLoad() async throws {
        try await withPool({
            $0.readConnections = 2
            $0.maximumPipeline = 4
        }) { (pool, database) async throws in
            let answers = await withTaskGroup(of: [Result<Int64, PostgresError>].self) { group in
                for divisor: Int64 in 1...24 {
                    group.addTask {
                        var results: [Result<Int64, PostgresError>] = []
                        while results.last != .failure(.shuttingDown) {
                            let result = await divide(pool, by: divisor)
                            results.append(result == .success(12 / divisor) ? .success(0) : result)
                        }
                        return results
                    }
                }
                // Until one was under way that was lost.
                var round = 0
                while round < 10 || pool.status.readRetries == 0 {
                    round += 1
                    _ = try? await database.sql(
                        """
                        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                        WHERE application_name = 'offersd' AND datname = current_database()
                        """)
                }
                pool.shutDown()
                return await group.reduce(into: []) { $0 += $1 }
            }
            #expect(pool.status.requests == 0)
            #expect(pool.status.readRetries > 0)
            for answer in answers {
                switch answer {
                case .success(0), .failure(.shuttingDown), .failure(.connectionLost), .failure(.unavailable): break
                default: Issue.record("\(answer)")
                }
            }
            #expect(answers.contains(.success(0)))
        }
    }

    @Test(
        "a read whose connection is lost seven times is made an eighth time; one that always loses it is given up in the end"
    )
    func lostAgainAndAgain() async throws {
        try await withPool { (pool, database) async throws in
            try await database.sql("CREATE SEQUENCE attempts")
            let read = Statement(
                "ends_its_own_backend", parameters: [.int8],
                sql: """
                    SELECT CASE WHEN nextval('attempts') <= $1 THEN pg_terminate_backend(pg_backend_pid()) END,
                        CASE WHEN currval('attempts') <= $1 THEN pg_sleep(60)::text END, currval('attempts')
                    """)
            let attempts = try await pool.read(
                BoundStatement(read, [.int8(7)]), deadline: Deadline(in: .seconds(60))
            ) { rows throws(ResultMismatch) in try rows.requiredInteger(row: 0, column: 2) }
            #expect(attempts == 8)
            await #expect(throws: PostgresError.connectionLost) {
                _ = try await pool.read(
                    BoundStatement(read, [.int8(.max)]), deadline: Deadline(in: .seconds(60))
                ) { _ in 0 }
            }
        }
    }

    @Test("a read that its server ends for taking too long is timed out, and those behind it are answered")
    func slowRead() async throws {
        try await withPool({ $0.readDeadline = .seconds(2) }) { (pool, _) async throws in
            await #expect(throws: PostgresError.timedOut) { try await sleep(pool, seconds: 30) }
            #expect(await divide(pool, by: 3) == .success(4))
            #expect(pool.status.reads.opened == 1)
        }
    }

    @Test("a read waits for no longer than its deadline, whatever occupies the connections")
    func deadline() async throws {
        try await withPool({ $0.readDeadline = .seconds(100) }) { (pool, database) async throws in
            try await prepareHeld(database)
            async let held: Void = hold(pool)
            try await untilHeld(database)
            await #expect(throws: PostgresError.timedOut) {
                _ = try await pool.read(
                    BoundStatement(PoolStatements.divide, [.int8(1)]), deadline: Deadline(in: .milliseconds(300))
                ) { $0.rowCount }
            }
            #expect(pool.status.reads.busy == 1, "it did not wait for the other one to end")
            try await release(database)
            try await held
        }
    }

    @Test("a server that is slow but never silent keeps no read of a group past its deadline")
    func slowButNeverSilent() async throws {
        // Too long a text for the server to keep it back until others are ready.
        let slow = Statement("test_slow", sql: "SELECT repeat('x', 100000) FROM pg_sleep(0.03)")
        try await withPool({ $0.readDeadline = .seconds(100) }) { (pool, _) async throws in
            let isInTime = try await withThrowingTaskGroup { group in
                for _ in 0..<60 {
                    group.addTask { () async throws -> Bool in
                        do throws(PostgresError) {
                            return try await pool.read(
                                BoundStatement(slow), deadline: Deadline(in: .seconds(1))
                            ) { $0.rowCount == 1 }
                        } catch .timedOut {
                            return false
                        }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(isInTime.contains(false), "they take 1.8 s in all")
        }
    }

    @Test("a question of control whose connection is lost for good is repeated with the work")
    func controlGoesWithTheWork() async throws {
        try await withPool { (pool, database) async throws in
            try await prepareHeld(database)
            while pool.status.control.connected == 0 || pool.status.reads.connected == 0 { await Task.yield() }
            async let held = pool.read(
                BoundStatement(PoolStatements.held), for: .control, deadline: Deadline(in: .seconds(100))
            ) { $0.rowCount }
            try await untilHeld(database)
            // No new connection can be had from here on; the others go on.
            try await database.sql(
                """
                WITH closed AS (UPDATE pg_database SET datallowconn = false WHERE datname = current_database())
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND query = 'SELECT held()';
                INSERT INTO released DEFAULT VALUES
                """)
            #expect(try await held == 1)
            #expect(pool.status.control.connected == 0)
        }
    }

    @Test("one request more than the limit is refused at once, and when they are done there is room again")
    func overload() async throws {
        try await withPool({
            $0.maximumWaiting = 2
            $0.readDeadline = .seconds(100)
        }) { (pool, database) async throws in
            try await prepareHeld(database)
            while pool.status.control.connected == 0 { await Task.yield() }
            async let one: Void = hold(pool)
            async let other: Void = hold(pool)
            while pool.status.requests < 2 { await Task.yield() }
            #expect(await divide(pool, by: 1) == .failure(.overloaded))
            #expect(await divide(pool, by: 1, for: .control) == .success(12), "how the database is can still be asked")
            try await release(database)
            _ = try await (one, other)
            #expect(await divide(pool, by: 1) == .success(12))
        }
    }

    @Test("after a shutdown everything is refused, and what runs is finished")
    func shutdown() async throws {
        try await withPool({ $0.readDeadline = .seconds(100) }) { (pool, database) async throws in
            try await prepareHeld(database)
            async let running: Void = hold(pool)
            try await untilHeld(database)
            pool.shutDown()
            #expect(await divide(pool, by: 1) == .failure(.shuttingDown))
            try await release(database)
            try await running
        }
    }

    @Test(
        "a trial is answered like a transaction, leaves nothing, and its connection serves the next",
        arguments: [true, false])
    func trial(prepared: Bool) async throws {
        try await withPool({
            $0.preparesStatements = prepared
            $0.writeConnections = 1
        }) { (pool, database) async throws in
            try await database.sql("CREATE TABLE entries (id bigint)")
            let insert = BoundStatement(
                Statement("test_insert", parameters: [.int8], sql: "INSERT INTO entries VALUES ($1) RETURNING id"),
                [.int8(7)])
            func run(_ ending: Ending) async throws(PostgresError) -> Int64? {
                try await pool.transaction(
                    Transaction(
                        name: "test", ending: ending, steps: { _ in [insert] },
                        decode: { (rows) throws(ResultMismatch) in try rows.integer(row: 0, column: 0) }),
                    deadline: Deadline(in: .seconds(20)))
            }
            #expect(try await run(.rollback) == 7)
            #expect(try await database.sql("SELECT count(*) FROM entries") == ["0"])
            #expect(try await run(.commit) == 7)
            #expect(try await database.sql("SELECT count(*) FROM entries") == ["1"])
            #expect(pool.status.writes.opened == 1)
        }
    }

    @Test("values come back as they were sent: NULL, numbers to their ends, text with every kind of character")
    func values() async throws {
        let echo = Statement(
            "test_echo", parameters: [.int8, .text, .timestamptz],
            sql: "SELECT $1, $2, $3, $1::int4 IS NULL, CASE WHEN abs($1) < 100 THEN $1::int2 END")
        try await withPool { (pool, _) async throws in
            for (number, text, time) in [
                (nil, nil, nil), (0, "", 0), (42, "a'b\"c\\d\u{1}\n\t€🙂\u{2028}", 1),
                (-7, String(repeating: "ж", count: 9000), -1),
            ] as [(Int64?, String?, Int64?)] {
                let deadline = Deadline(in: .seconds(100))
                let bound = BoundStatement(echo, [.int8(number), .text(text), .timestamptz(time)])
                let row = try await pool.read(bound, deadline: deadline) { (rows) throws(ResultMismatch) in
                    Echo(
                        number: try rows.integer(row: 0, column: 0), text: rows.text(row: 0, column: 1),
                        time: try rows.timestamp(row: 0, column: 2), isNull: try rows.bool(row: 0, column: 3),
                        small: try rows.integer(row: 0, column: 4))
                }
                #expect(row == Echo(number: number, text: text, time: time, isNull: number == nil, small: number))
            }
        }
    }

    @Test(
        "arrays arrive as they were sent: empty, with NULLs, numbers to their ends",
        arguments: [[], [nil], [1, nil, -1], [.max, .min, 0], Array(0..<1000).map(Int64?.some)] as [[Int64?]])
    func arrays(numbers: [Int64?]) async throws {
        let echo = Statement(
            "test_array", parameters: [.int8Array],
            sql: "SELECT array_to_string($1, ',', 'null'), coalesce(array_length($1, 1), 0)::bigint")
        try await withPool { (pool, _) async throws in
            let row = try await pool.read(
                BoundStatement(echo, [.int8Array(numbers)]), deadline: Deadline(in: .seconds(100))
            ) { (rows) throws(ResultMismatch) in
                (try rows.requiredText(row: 0, column: 0), try rows.requiredInteger(row: 0, column: 1))
            }
            #expect(row.0 == numbers.map { $0.map(String.init) ?? "null" }.joined(separator: ","))
            #expect(row.1 == Int64(numbers.count))
        }
    }

    private struct Echo: Equatable {
        let number: Int64?
        let text: String?
        let time: Int64?
        let isNull: Bool?
        let small: Int64?
    }
}
