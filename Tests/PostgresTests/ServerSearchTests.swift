import EmbeddedPostgres
import Glibc
import Synchronization
import TestDatabase
import Testing
import Turns

@testable import Postgres

/// A look at several addresses, one of which is silent.
@Suite("Search for the server", .inTurn)
struct ServerSearchTests {
    /// A folder whose socket takes connections into its queue, and nothing ever answers them.
    private struct SilentServer {
        let folder: String
        private let descriptor: Int32

        init() throws {
            folder = "/tmp/offersd-silent-\(UInt32.random(in: 0...UInt32.max))"
            try #require(mkdir(folder, 0o700) == 0)
            descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            let path = Array("\(folder)/.s.PGSQL.\(EmbeddedPostgres.Server.port)".utf8)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
            let bound = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            try #require(bound == 0 && listen(descriptor, 16) == 0)
        }

        /// Ends the connections in its queue.
        func end() {
            close(descriptor)
            unlink("\(folder)/.s.PGSQL.\(EmbeddedPostgres.Server.port)")
            rmdir(folder)
        }
    }

    @Test("a standby that is promoted while another address is silent is found by the search under way")
    func promotion() async throws {
        try await TestDatabase.withServer(.g3, options: .init(settings: Standby.primarySettings)) { database in
            try await Standby.run(of: database.server) { standby in
                let silent = try SilentServer()
                let configuration = PostgresConfiguration(
                    connectionInfo: "host=\(silent.folder),\(standby.folder) port=\(EmbeddedPostgres.Server.port) "
                        + "user=postgres dbname=\(database.name) connect_timeout=90")
                let (outcomes, tell) = AsyncStream.makeStream(of: ServerSearch.Outcome.self)
                let started = BlockingThread.start {
                    defer { tell.finish() }
                    guard let target = try? ConnectionTarget(configuration.connectionInfo) else { return }
                    var (addresses, lookups): (Set<ServerAddress>, [String: NameLookup]) = ([], [:])
                    ServerSearch.run(
                        configuration, target, options: StartupOptions("", .init()), silent: &addresses,
                        lookups: &lookups
                    ) { tell.yield($0) }
                }
                try #require(started)
                // The search has asked the standby when it has a session there, or has had one.
                _ = try await eventually {
                    try await standby.sql(
                        "SELECT sum(sessions) > 0 FROM pg_stat_database WHERE datname = '\(database.name)'")
                } until: {
                    $0 == ["t"]
                }
                try await standby.sql("SELECT pg_promote()")
                let first = await outcomes.first { _ in true }
                silent.end()
                #expect(first?.found.map(\.report.role) == [.primary], "\(String(describing: first?.found))")
                #expect(first?.isComplete == false)
                for await _ in outcomes {}
            }
        }
    }
}
