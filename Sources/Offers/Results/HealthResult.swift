package import JSONRPC

/// The result of `health`.
package struct HealthResult: ContractResult {
    /// How much of its work the service can do.
    package enum Status: String, CaseIterable, Comparable, Decodable, Sendable {
        /// Everything.
        case ok
        /// Lists, but not every write: the database is read-only, lacks something, or does not carry it out.
        case degraded
        /// Nothing: the database cannot be reached, or lacks what even lists need.
        case down

        /// The worse, the greater.
        package static func < (one: Self, other: Self) -> Bool {
            (allCases.firstIndex(of: one) ?? 0) < (allCases.firstIndex(of: other) ?? 0)
        }
    }

    /// What the service knows of its database. After `reachable: false` everything that only the database can tell is
    /// nil or empty.
    package struct Database: Decodable, Equatable, Sendable {
        /// Whether it answered just now.
        package let reachable: Bool
        /// Whether it refuses writes: a standby, or read-only by default.
        package let readOnly: Bool?
        /// `server_version`, such as `15.8`.
        package let serverVersion: String?
        /// Which generation of the schema it is, such as `G3`; nil if unknown.
        package let generation: String?
        /// What it lacks, one name each, such as `order_status_history.actor_type`.
        package let missing: [String]
        /// Its clock.
        package let serverTime: Timestamp?
        /// How many connections to it are open, of all kinds.
        package let connections: Int64
        /// What became of the last request that it did not carry out: a SQLSTATE, or a word of the service; nil if
        /// there was none since the start.
        package let lastError: String?
        /// When that was, by the clock of the service.
        package let lastErrorAt: Timestamp?
        /// What does not work, and what works and should be known: sentences for an operator.
        package var notes: [String] { sentNotes ?? [] }
        /// Nil: the service is of a version that has none.
        private let sentNotes: [String]?

        private enum CodingKeys: String, CodingKey {
            case reachable, readOnly, serverVersion, generation, missing, serverTime, connections, lastError
            case lastErrorAt
            case sentNotes = "notes"
        }

        /// What was found out.
        package init(
            reachable: Bool, readOnly: Bool?, serverVersion: String?, generation: String?, missing: [String],
            serverTime: Timestamp?, connections: Int64 = 0, lastError: String? = nil, lastErrorAt: Timestamp? = nil,
            notes: [String] = []
        ) {
            self.reachable = reachable
            self.readOnly = readOnly
            self.serverVersion = serverVersion
            self.generation = generation
            self.missing = missing
            self.serverTime = serverTime
            self.connections = connections
            self.lastError = lastError
            self.lastErrorAt = lastErrorAt
            self.sentNotes = notes
        }

        static let schema = JSONSchema.object([
            .init("reachable", .boolean, "Whether the database answered just now."),
            .init("readOnly", .nullable(.boolean), "Whether it refuses writes; null if it did not answer."),
            .init("serverVersion", .nullable(.string), "The server's version; null if it did not answer."),
            .init("generation", .nullable(.string), "The generation of the schema; null if it is not known."),
            .init("missing", .array(.string), "The tables, columns and privileges that the service lacks."),
            .init("serverTime", .nullable(.timestamp), "The database's clock; null if it did not answer."),
            .init("connections", .integer(0...Int64.max), "How many connections to it are open."),
            .init(
                "lastError", .nullable(.string),
                "Why it last did not carry out a request: a SQLSTATE or a word; null if that has not happened."),
            .init("lastErrorAt", .nullable(.timestamp), "When that was, by the clock of the service; null likewise."),
            .init("notes", .array(.string), "Sentences about what fails, and about what works and should be known."),
        ])
    }

    /// How much of its work the service can do.
    package let status: Status
    /// Its database.
    package let database: Database
    /// Whole seconds since the process started.
    package let uptimeSeconds: Int64
    /// The version of the program.
    package let version: String

    /// The state of the service now.
    package init(status: Status, database: Database, uptimeSeconds: Int64, version: String) {
        self.status = status
        self.database = database
        self.uptimeSeconds = uptimeSeconds
        self.version = version
    }

    package static let schema = JSONSchema.object([
        .init(
            "status", .choice(Status.allCases.map(\.rawValue)),
            "ok: everything works; degraded: lists work, something else does not; down: the database cannot be used."),
        .init("database", .reference("DatabaseHealth")),
        .init("uptimeSeconds", .integer(0...Int64.max), "Whole seconds since the service started."),
        .init("version", .string, "The version of the service."),
    ])

    package func encode(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("status", status.rawValue)
        writer.key("database")
        writer.beginObject()
        writer.member("reachable", database.reachable)
        writer.key("readOnly")
        if let readOnly = database.readOnly { writer.bool(readOnly) } else { writer.null() }
        writer.member("serverVersion", database.serverVersion)
        writer.member("generation", database.generation)
        writer.key("missing")
        writer.beginArray()
        for name in database.missing { writer.string(name) }
        writer.endArray()
        writer.member("serverTime", database.serverTime)
        writer.member("connections", database.connections)
        writer.member("lastError", database.lastError)
        writer.member("lastErrorAt", database.lastErrorAt)
        writer.key("notes")
        writer.beginArray()
        for note in database.notes { writer.string(note) }
        writer.endArray()
        writer.endObject()
        writer.member("uptimeSeconds", uptimeSeconds)
        writer.member("version", version)
        writer.endObject()
    }
}
