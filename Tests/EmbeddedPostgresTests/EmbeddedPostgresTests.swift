import EmbeddedPostgres
import FoundationEssentials
import Testing
import Turns

@Suite(.inTurn)
struct EmbeddedPostgresTests {
    private struct BodyFailed: Error {}

    @Test("A server answers queries, and afterwards its folder and its processes are gone")
    func startsAndEnds() async throws {
        let (folder, processes) = try await EmbeddedPostgres.withServer { server in
            #expect(try await server.sql("SELECT 1, 'a' UNION ALL SELECT 2, NULL ORDER BY 1") == ["1|a", "2|"])
            #expect(FileManager.default.fileExists(atPath: server.folder))
            return (server.folder, try Processes.ofCluster(in: server.folder))
        }
        #expect(processes.count > 1)
        #expect(processes.allSatisfy(Processes.hasEnded))
        #expect(!FileManager.default.fileExists(atPath: folder))
    }

    @Test("An error of the body is passed on, and nothing is left over")
    func bodyThrows() async throws {
        var folder = ""
        await #expect(throws: BodyFailed.self) {
            try await EmbeddedPostgres.withServer { server in
                folder = server.folder
                throw BodyFailed()
            }
        }
        #expect(!folder.isEmpty)
        #expect(!FileManager.default.fileExists(atPath: folder))
    }

    @Test("Cancellation reaches the body, and the server outlives the body")
    func cancelled() async throws {
        let folder = try await withThrowingTaskGroup(of: (String, [Int]).self) { group in
            let (started, start) = AsyncStream.makeStream(of: Void.self)
            group.addTask {
                try await EmbeddedPostgres.withServer { server in
                    let processes = try Processes.ofCluster(in: server.folder)
                    start.yield()
                    // Ends by cancellation alone.
                    for await _ in AsyncStream<Never>.makeStream().stream {}
                    #expect(Task.isCancelled)
                    // The postmaster; one of the others may have had little to do.
                    #expect(!Processes.hasEnded(processes[0]))
                    return (server.folder, processes)
                }
            }
            for await _ in started { break }
            group.cancelAll()
            let (folder, processes) = try #require(try await group.next())
            #expect(processes.allSatisfy(Processes.hasEnded))
            return folder
        }
        #expect(!FileManager.default.fileExists(atPath: folder))
    }

    @Test("Several servers run at the same time, each in a folder of its own with a short name")
    func parallel() async throws {
        let folders = try await withThrowingTaskGroup(of: String.self) { group in
            for number in 1...3 {
                group.addTask {
                    try await EmbeddedPostgres.withServer { server in
                        try await server.sql("CREATE TABLE mine AS SELECT \(number) AS number")
                        #expect(try await server.sql("SELECT number FROM mine") == ["\(number)"])
                        return server.folder
                    }
                }
            }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(folders.count == 3)
        #expect(folders.allSatisfy { "\($0)/.s.PGSQL.5432.lock".utf8.count < 60 })
    }

    @Test("The server belongs to an ordinary user, its folder to no other, and it has no network socket")
    func privacy() async throws {
        try await EmbeddedPostgres.withServer { server in
            let attributes = try FileManager.default.attributesOfItem(atPath: server.folder)
            #expect(attributes[.posixPermissions] as? Int == 0o700)
            #expect(attributes[.ownerAccountName] as? String != "root")
            #expect(try await server.sql("SHOW listen_addresses") == [""])
            #expect(try await server.sql("SELECT current_user, inet_server_addr()") == ["postgres|"])
        }
    }

    @Test("Settings reach the server, quotes and all, and a throw-away cluster does not sync")
    func settings() async throws {
        let options = EmbeddedPostgres.Options(settings: [("application_name", #"it's a \test"#), ("work_mem", "7MB")])
        try await EmbeddedPostgres.withServer(options) { (server) async throws in
            // Not SHOW: psql sets a name of its own.
            #expect(
                try await server.sql("SELECT setting FROM pg_file_settings WHERE name = 'application_name'")
                    == [#"it's a \test"#])
            #expect(try await server.sql("SHOW work_mem; SHOW fsync; SHOW timezone") == ["7MB", "off", "UTC"])
        }
    }

    @Test("After an immediate stop a durable cluster recovers what was committed")
    func recovery() async throws {
        try await EmbeddedPostgres.withServer(EmbeddedPostgres.Options(durable: true)) { server in
            let settings = try await server.sql("SHOW fsync; SHOW full_page_writes; SHOW synchronous_commit")
            #expect(settings == ["on", "on", "on"])
            try await server.sql("CREATE TABLE kept AS SELECT 1 AS number; INSERT INTO kept VALUES (2)")
            let before = try Processes.ofCluster(in: server.folder)
            try await server.restart(.immediate)
            #expect(before.allSatisfy(Processes.hasEnded))
            #expect(try await server.sql("SELECT number FROM kept ORDER BY 1") == ["1", "2"])
        }
    }

    @Test("A stopped server refuses connections, and may be stopped and started twice")
    func stopAndStart() async throws {
        try await EmbeddedPostgres.withServer { server in
            try await server.stop()
            try await server.stop()
            await #expect(throws: EmbeddedPostgres.Failure.self) { try await server.sql("SELECT 1") }
            try await server.start()
            try await server.start()
            #expect(try await server.sql("SELECT 1") == ["1"])
        }
    }

    @Test("A paused server gives no answer; resumed, it answers what was asked meanwhile")
    func pauseAndResume() async throws {
        try await EmbeddedPostgres.withServer { server in
            try await server.pause()
            let processes = try Processes.ofCluster(in: server.folder)
            // A frozen postmaster reaps no child.
            #expect(processes.allSatisfy { Processes.state($0) == "T" || Processes.hasEnded($0) })
            async let answer = server.sql("SELECT 'late'")
            try await server.resume()
            #expect(try await answer == ["late"])
            #expect(!processes.contains { Processes.state($0) == "T" })
        }
    }

    @Test("A paused server can be stopped")
    func stopPaused() async throws {
        try await EmbeddedPostgres.withServer { server in
            try await server.pause()
            try await server.restart()
            #expect(try await server.sql("SELECT 1") == ["1"])
        }
    }

    @Test("A server that does not start is an error with the end of its log")
    func startFails() async throws {
        let options = EmbeddedPostgres.Options(settings: [("shared_buffers", "nonsense")])
        let failure = await #expect(throws: EmbeddedPostgres.Failure.self) {
            try await EmbeddedPostgres.withServer(options) { _ in }
        }
        #expect(failure?.description.contains(#"invalid value for parameter "shared_buffers""#) == true)
    }

    @Test("A parent folder that is not there is an error that names it")
    func noParentFolder() async throws {
        let options = EmbeddedPostgres.Options(parentFolder: "/nonexistent/folder")
        let failure = await #expect(throws: EmbeddedPostgres.Failure.self) {
            try await EmbeddedPostgres.withServer(options) { _ in }
        }
        #expect(failure?.description.contains("/nonexistent/folder") == true)
    }

    @Test("A failing statement is an error with psql's message")
    func statementFails() async throws {
        try await EmbeddedPostgres.withServer { (server) async throws in
            let failure = await #expect(throws: EmbeddedPostgres.Failure.self) {
                try await server.sql("SELECT 1; SELECT nonsense; CREATE TABLE never ()")
            }
            #expect(failure?.description.contains(#"column "nonsense" does not exist"#) == true)
            #expect(try await server.sql("SELECT to_regclass('never') IS NULL") == ["t"])
        }
    }

    @Test("A database's name is quoted in the connection string")
    func connectionString() async throws {
        try await EmbeddedPostgres.withServer { server in
            try await server.sql(#"CREATE DATABASE "it's \ here""#)
            #expect(try await server.sql("SELECT current_database()", database: #"it's \ here"#) == [#"it's \ here"#])
        }
    }
}
