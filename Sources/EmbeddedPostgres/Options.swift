extension EmbeddedPostgres {
    /// How a cluster is made and with which settings its server runs.
    package struct Options: Sendable {
        /// One line of `postgresql.conf`. The value is quoted as needed.
        package typealias Setting = (name: String, value: String)

        /// Settings of the server; a later one beats an earlier one and all defaults.
        package var settings: [Setting]

        /// Whether commits survive a crash of the machine. Without it (the default) `fsync`, `full_page_writes` and
        /// `synchronous_commit` are off, and even an immediate stop of the server may lose the last commits; set
        /// `synchronous_commit` to `on` in ``settings`` if only that matters.
        package var durable: Bool

        /// Where the cluster's folder is made. It must be short, for a socket's path has at most 107 bytes, and
        /// writable for the server's user.
        package var parentFolder: String

        /// The connection string of a primary that the cluster follows by streaming replication; nil: it is one by
        /// itself. Its files are a copy of the primary's, settings and all.
        package var primary: String?

        /// A throw-away cluster with Postgres's own settings, unless told otherwise.
        package init(settings: [Setting] = [], durable: Bool = false, parentFolder: String = "/tmp") {
            self.settings = settings
            self.durable = durable
            self.parentFolder = parentFolder
        }

        /// The arguments of the program that makes the files, without the folder: `initdb`, or `pg_basebackup` if the
        /// first is `--dbname`.
        var makingArguments: [String] {
            if let primary {
                return ["--dbname=\(primary)", "--write-recovery-conf", "--checkpoint=fast", "--no-sync"]
            }
            return ["--username=\(Server.superuser)", "--auth=trust", "--no-sync", "--encoding=UTF8", "--no-locale"]
        }

        /// What is appended to `postgresql.conf`; `folder` is where the socket goes.
        func configurationText(folder: String) -> String {
            var all: [Setting] = [
                ("listen_addresses", ""), ("unix_socket_directories", folder), ("port", "\(Server.port)"),
                // Times in logs and replies do not depend on the machine.
                ("timezone", "UTC"), ("log_timezone", "UTC"),
            ]
            if !durable {
                all += [("fsync", "off"), ("full_page_writes", "off"), ("synchronous_commit", "off")]
            }
            return (all + settings).map { "\($0.name) = \(Self.quoted($0.value))\n" }.joined()
        }

        /// A value in the quotes of `postgresql.conf` and of libpq's connection strings, which agree on the escape
        /// of a quote and of a backslash.
        static func quoted(_ value: String) -> String {
            var text = "'"
            for character in value {
                if character == "'" || character == "\\" { text.append("\\") }
                text.append(character)
            }
            return text + "'"
        }
    }
}
