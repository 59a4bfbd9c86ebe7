import EmbeddedPostgres
import Foundation

/// A second cluster that follows a first one by streaming replication.
enum Standby {
    /// Settings of a primary whose commits wait until the standby has them: what was acknowledged survives the primary.
    static let primarySettings: [EmbeddedPostgres.Options.Setting] = [
        ("synchronous_commit", "remote_apply"), ("max_wal_senders", "5"),
    ]

    /// Lends a standby of `primary` that has caught up and that commits wait for from now on.
    static func run<Value: Sendable>(
        of primary: EmbeddedPostgres.Server, _ body: (EmbeddedPostgres.Server) async throws -> Value
    ) async throws -> Value {
        try await EmbeddedPostgres.withServer { standby in
            try await standby.stop(.immediate)
            let data = standby.folder + "/data"
            try FileManager.default.removeItem(atPath: data)
            let asOwner = try Programs.withUs(asOwnerOf: standby.folder)
            try await Programs.run(
                asOwner + [
                    standby.installation.programs + "/pg_basebackup", "--host=\(primary.folder)",
                    "--port=\(EmbeddedPostgres.Server.port)", "--username=\(EmbeddedPostgres.Server.superuser)",
                    "--pgdata=\(data)", "--write-recovery-conf", "--checkpoint=fast", "--no-sync",
                ])
            // The backup brought the primary's settings with it; the last word of a name counts.
            let file = data + "/postgresql.auto.conf"
            let settings = try String(contentsOfFile: file, encoding: .utf8)
            let own = "unix_socket_directories = '\(standby.folder)'\nsynchronous_standby_names = ''\n"
            let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: file))
            try handle.truncate(atOffset: 0)
            try handle.write(contentsOf: Data((settings + own).utf8))
            try handle.close()
            try await standby.start()
            try await primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
            try await primary.sql("SELECT pg_reload_conf()")
            return try await body(standby)
        }
    }
}
