import ArgumentParser
import OffersServer
import Postgres

/// The database, and whether a pooler is in front of it.
struct DatabaseOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "libpq connection string or URI; without it the PG* variables, service and password file apply. [OFFERSD_DATABASE]",
            valueName: "conninfo"))
    var database: String?
    @OptionGroup var schema: SchemaOption
    @Flag(
        help:
            "Prepare no statements and set nothing per session, as behind a pooler; a pooler is also detected without this. [OFFERSD_NO_PREPARED_STATEMENTS]"
    )
    var noPreparedStatements = false
    @Option(help: "Deadline of a read in milliseconds, default 2000. [OFFERSD_READ_DEADLINE_MS]")
    var readDeadlineMs: Int?
    @Option(help: "Deadline of accept and decline in milliseconds, default 5000. [OFFERSD_WRITE_DEADLINE_MS]")
    var writeDeadlineMs: Int?

    /// The settings that are about the database; the others are the defaults.
    ///
    /// - Throws: `ValidationError` that names what is wrong.
    func settings() throws -> Settings {
        var settings = Settings(connectionInfo: try connectionInfo())
        settings.postgres.preparesStatements =
            try !Environment.isSet(noPreparedStatements, "OFFERSD_NO_PREPARED_STATEMENTS")
        settings.postgres.schema = try schema.name()
        if let value = try Environment.integer(readDeadlineMs, "OFFERSD_READ_DEADLINE_MS", in: 100...60_000) {
            settings.postgres.readDeadline = .milliseconds(value)
        }
        if let value = try Environment.integer(writeDeadlineMs, "OFFERSD_WRITE_DEADLINE_MS", in: 1000...60_000) {
            settings.writeDeadline = .milliseconds(value)
        }
        return settings
    }

    private func connectionInfo() throws -> String {
        let text = Environment.text(database, "OFFERSD_DATABASE") ?? ""
        if let problem = Settings.problem(withConnectionInfo: text) {
            throw ValidationError("the connection string cannot be used: \(problem)")
        }
        return text
    }
}

/// In which schema the tables are.
struct SchemaOption: ParsableArguments {
    @Option(help: "The schema of the tables, whatever the search path says; default public. [OFFERSD_SCHEMA]")
    var schema: String?

    /// - Throws: `ValidationError` when it cannot be the name of a schema.
    func name() throws -> String {
        let name = Environment.text(schema, "OFFERSD_SCHEMA") ?? "public"
        guard !name.isEmpty, name.utf8.count <= 63, !name.utf8.contains(0) else {
            throw ValidationError("--schema is \"\(name)\": a schema's name has 1 to 63 bytes (OFFERSD_SCHEMA)")
        }
        return name
    }
}
