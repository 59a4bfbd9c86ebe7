import EmbeddedPostgres
import TestDatabase
import Testing
import Turns

@testable import OffersServer

/// What `offersd check` says of a primary and its standbys.
@Suite("check with several servers", .inTurn)
struct SeveralServersCheckTests {
    @Test("it says which server is the primary, and whether an accept that was acknowledged can be lost")
    func severalServers() async throws {
        try await TestDatabase.withServer(.g3, options: .init(settings: Standby.primarySettings)) { database in
            try await Standby.run(of: database.server) { standby in
                let folders = "\(standby.folder),\(database.server.folder)"
                let connectionInfo =
                    "host=\(folders) port=\(EmbeddedPostgres.Server.port) user=postgres dbname=\(database.name)"
                    + TestDatabase.longConnectTimeout
                let waiting = await DatabaseCheck.report(on: connectionInfo)
                #expect(waiting.verdict == .complete, "\(waiting.lines)")
                #expect(waiting.lines.contains { $0.contains(standby.folder) && $0.hasSuffix(": it is in recovery") })
                #expect(
                    waiting.lines.contains {
                        $0.contains(database.server.folder) && $0.contains(": it is a primary and takes writes")
                    }, "\(waiting.lines)")
                #expect(waiting.lines.contains("accepts wait for a standby: synchronous_standby_names is *"))

                try await database.server.sql("ALTER SYSTEM RESET synchronous_standby_names")
                try await database.server.sql("SELECT pg_reload_conf()")
                let alone = await DatabaseCheck.report(on: connectionInfo)
                #expect(alone.verdict == .complete, "\(alone.lines)")
                #expect(alone.lines.contains { $0.hasPrefix("note: accepts wait for no standby") }, "\(alone.lines)")
            }
        }
    }

    @Test("of one server none of it is said")
    func oneServer() async throws {
        try await TestDatabase.withDatabase { database in
            let report = await DatabaseCheck.report(on: database.connectionString)
            #expect(!report.lines.contains { $0.hasPrefix("server ") || $0.contains("standby") }, "\(report.lines)")
        }
    }

    @Test(
        "what each setting puts at risk",
        arguments: [
            ("on", "db2", true, []), ("on", "", true, ["accepts wait for no standby"]),
            ("remote_write", "db2", true, ["synchronous_commit is remote_write"]),
            ("local", "db2", true, ["synchronous_commit is local"]),
            ("off", "", false, ["accepts wait for no standby", "synchronous_commit is off", "fsync is off"]),
        ])
    func settings(commit: String, standbys: String, isFlushed: Bool, risks: [String]) {
        let notes = Durability(commit: commit, standbys: standbys, isFlushed: isFlushed).notes
            .filter { $0.hasPrefix("note: ") }
        #expect(notes.count == risks.count)
        for (note, risk) in zip(notes, risks) { #expect(note.contains(risk), "\(note)") }
    }
}
