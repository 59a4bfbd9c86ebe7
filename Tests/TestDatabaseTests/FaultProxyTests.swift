import TestDatabase
import Testing
import Turns

@Suite(.inTurn)
struct FaultProxyTests {
    /// A database with a table `notes`, a proxy to it, and a connection through the proxy.
    private func withConnection(
        _ body: (TestDatabase, FaultProxy, LibPQ) async throws -> Void
    ) async throws {
        try await TestDatabase.withDatabase { database in
            try await database.sql("CREATE TABLE notes (text text)")
            try await FaultProxy.withProxy(to: database) { proxy in
                try await body(database, proxy, try await LibPQ(proxy.connectionString))
            }
        }
    }

    @Test("Without a fault everything passes, and is counted")
    func passes() async throws {
        try await withConnection { (database, proxy, connection) async throws in
            #expect(try await connection.execute("INSERT INTO notes SELECT repeat('x', 300000)") == "INSERT 0 1")
            #expect(try await connection.execute("SELECT text FROM notes") == "SELECT 1")
            try await connection.prepare("count", "SELECT count(*) FROM notes")
            for _ in 1...3 { #expect(try await connection.execute(prepared: "count") == "SELECT 1") }
            #expect(proxy.count(of: .startup) == 1)
            #expect(proxy.count(of: .parse(containing: "count(*)")) == 1)
            #expect(proxy.count(of: .execute(containing: "count(*)")) == 3)
            #expect(proxy.count(of: .commandComplete("SELECT 1")) == 4)
            #expect(proxy.count(of: .clientMessage("S")) == 6)
        }
    }

    @Test("A COMMIT rewritten to ROLLBACK is answered with ROLLBACK, and nothing is kept")
    func rewrite() async throws {
        try await withConnection { (database, proxy, connection) async throws in
            let fault = proxy.inject(.rewrite("COMMIT", to: "ROLLBACK"), on: .parse(containing: "COMMIT"))
            _ = try await connection.execute("BEGIN")
            _ = try await connection.execute("INSERT INTO notes VALUES ('lost')")
            #expect(try await connection.execute("COMMIT") == "ROLLBACK")
            await fault.occurred()
            #expect(try await database.sql("SELECT count(*) FROM notes") == ["0"])
        }
    }

    @Test("A connection lost before COMMIT's answer is passed on is lost to the client, and the commit stands")
    func lostAnswer() async throws {
        try await withConnection { (database, proxy, connection) async throws in
            let fault = proxy.inject(.disconnect, on: .commandComplete("COMMIT"))
            _ = try await connection.execute("BEGIN")
            _ = try await connection.execute("INSERT INTO notes VALUES ('kept')")
            await #expect(throws: LibPQ.Lost.self) { try await connection.execute("COMMIT") }
            await fault.occurred()
            #expect(try await database.sql("SELECT text FROM notes") == ["kept"])
        }
    }

    @Test("A connection lost before COMMIT is forwarded undoes the transaction")
    func lostCommit() async throws {
        try await withConnection { (database, proxy, connection) async throws in
            proxy.inject(.disconnect, on: .execute(containing: "COMMIT"))
            _ = try await connection.execute("BEGIN")
            _ = try await connection.execute("INSERT INTO notes VALUES ('lost')")
            await #expect(throws: LibPQ.Lost.self) { try await connection.execute("COMMIT") }
            #expect(try await database.sql("SELECT count(*) FROM notes") == ["0"])
        }
    }

    @Test("A message that passes before the connection is lost reaches the server, and its answer does not come back")
    func passThenDisconnect() async throws {
        try await withConnection { (database, proxy, connection) async throws in
            let fault = proxy.inject(.passThenDisconnect, on: .clientMessage("S"), occurrence: 2)
            #expect(try await connection.execute("SELECT 1") == "SELECT 1")
            await #expect(throws: LibPQ.Lost.self) { try await connection.execute("INSERT INTO notes VALUES ('sent')") }
            await fault.occurred()
            // Asked once the server's process for the connection has ended, which it does after the statement.
            let kept = try await database.sql(
                """
                DO $$ BEGIN
                    WHILE EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
                        AND backend_type = 'client backend') LOOP PERFORM pg_stat_clear_snapshot(); END LOOP;
                END $$;
                SELECT text FROM notes
                """)
            #expect(kept == ["sent"])
        }
    }

    @Test("The nth execution of a prepared statement is hit, not one before")
    func nthExecution() async throws {
        try await withConnection { (_, proxy, connection) async throws in
            proxy.inject(.disconnect, on: .execute(containing: "wanted"), occurrence: 3)
            try await connection.prepare("other", "SELECT 1 AS other")
            try await connection.prepare("wanted", "SELECT 1 AS wanted")
            for _ in 1...2 {
                #expect(try await connection.execute(prepared: "wanted") == "SELECT 1")
                #expect(try await connection.execute(prepared: "other") == "SELECT 1")
            }
            await #expect(throws: LibPQ.Lost.self) { try await connection.execute(prepared: "wanted") }
        }
    }

    @Test("Answers that are held back arrive after the thaw", arguments: FaultProxy.Direction.allCases)
    func freeze(direction: FaultProxy.Direction) async throws {
        try await withConnection { (database, proxy, connection) async throws in
            let fault = proxy.inject(.freeze(direction), on: .execute(containing: "INSERT"))
            async let tag = connection.execute("INSERT INTO notes VALUES ('slow')")
            await fault.occurred()
            #expect(proxy.count(of: .execute(containing: "INSERT")) == 1)
            if direction == .fromClient {
                #expect(try await database.sql("SELECT count(*) FROM notes") == ["0"])
            }
            proxy.thaw(direction)
            #expect(try await tag == "INSERT 0 1")
        }
    }

    @Test("A delayed message arrives late, and no other")
    func delay() async throws {
        try await withConnection { (_, proxy, connection) async throws in
            let fault = proxy.inject(.delay(.milliseconds(80)), on: .execute(containing: "late"))
            let clock = ContinuousClock()
            let start = clock.now
            #expect(try await connection.execute("SELECT 1 AS late") == "SELECT 1")
            #expect(clock.now - start >= .milliseconds(80))
            await fault.occurred()
        }
    }

    @Test("What a muted connection asks is done, and not answered")
    func mute() async throws {
        try await withConnection { (database, proxy, connection) async throws in
            let fault = proxy.inject(.mute, on: .execute(containing: "INSERT"))
            let asked = Task { try await connection.execute("INSERT INTO notes VALUES ('x')") }
            await fault.occurred()
            let other = try await LibPQ(proxy.connectionString)
            #expect(
                try await eventually({ try await database.sql("SELECT count(*) FROM notes") }, until: { $0 == ["1"] })
                    == ["1"])
            #expect(try await other.execute("SELECT 1") == "SELECT 1")
            try await database.sql(
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND query LIKE 'INSERT%'
                """)
            await #expect(throws: LibPQ.Lost.self) { _ = try await asked.value }
        }
    }

    @Test("Faults that repeat hit every connection until they are taken out")
    func repeating() async throws {
        try await TestDatabase.withDatabase { database in
            try await FaultProxy.withProxy(to: database) { (proxy) async throws in
                proxy.inject(.disconnect, on: .startup, repeats: true)
                for _ in 1...2 {
                    await #expect(throws: LibPQ.Lost.self) { _ = try await LibPQ(proxy.connectionString) }
                }
                proxy.heal()
                let connection = try await LibPQ(proxy.connectionString)
                #expect(try await connection.execute("SELECT 1") == "SELECT 1")
            }
        }
    }

}
