import FoundationEssentials

extension EmbeddedPostgres {
    /// The folder with the server's programs.
    package struct Installation: Sendable {
        /// The folder that holds `initdb`, `postgres`, `pg_isready` and `psql`.
        package let programs: String

        /// The path of one of the programs.
        func path(_ program: String) -> String {
            "\(programs)/\(program)"
        }

        /// Finds the server: in the folder that `OFFERSD_POSTGRES_BIN` names if it is set, else the newest of Debian's
        /// `/usr/lib/postgresql/VERSION/bin`, else along `PATH`.
        ///
        /// - Throws: ``Failure``, which says what to install.
        package static func find(
            environment: [String: String] = ProcessInfo.processInfo.environment,
            debianRoot: String = "/usr/lib/postgresql"
        ) throws -> Installation {
            if let wish = environment["OFFERSD_POSTGRES_BIN"] {
                guard isComplete(wish) else {
                    throw Failure("OFFERSD_POSTGRES_BIN is \(wish), but not all of \(needed) are there")
                }
                return Installation(programs: wish)
            }
            let path = environment["PATH", default: ""].split(separator: ":").map(String.init)
            guard let programs = (debianFolders(debianRoot) + path).first(where: isComplete) else {
                throw Failure(
                    "no Postgres server found in \(debianRoot), in PATH or by OFFERSD_POSTGRES_BIN",
                    details: "on Debian and Ubuntu: apt-get install postgresql")
            }
            return Installation(programs: programs)
        }

        private static let needed = ["initdb", "postgres", "pg_isready", "psql"]

        private static func isComplete(_ folder: String) -> Bool {
            needed.allSatisfy { FileManager.default.isExecutableFile(atPath: "\(folder)/\($0)") }
        }

        /// Debian's folders, the newest version first.
        private static func debianFolders(_ root: String) -> [String] {
            let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
            return versions.compactMap { name in Int(name) }.sorted(by: >).map { "\(root)/\($0)/bin" }
        }
    }
}
