import ArgumentParser
import OffersServer

/// Which database, and what is between it and us.
struct DatabaseOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "libpq connection string or URI; without it the PG* variables, service and password file apply. [OFFERSD_DATABASE]",
            valueName: "conninfo"))
    var database: String?
    @Flag(
        help:
            "Prepare no statements and set nothing per session, for a transaction pooler. [OFFERSD_NO_PREPARED_STATEMENTS]"
    )
    var noPreparedStatements = false

    /// - Throws: `ValidationError` when libpq cannot parse the connection string.
    func connectionInfo() throws -> String {
        let text = Environment.text(database, "OFFERSD_DATABASE") ?? ""
        if let problem = Settings.problem(withConnectionInfo: text) {
            throw ValidationError("the connection string cannot be used: \(problem)")
        }
        return text
    }

    /// - Throws: `ValidationError` when the variable is neither on nor off.
    func preparesStatements() throws -> Bool {
        try !Environment.isSet(noPreparedStatements, "OFFERSD_NO_PREPARED_STATEMENTS")
    }
}
