import ArgumentParser
import OffersServer

/// Which database.
struct DatabaseOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "libpq connection string or URI; without it the PG* variables, service and password file apply. [OFFERSD_DATABASE]",
            valueName: "conninfo"))
    var database: String?

    /// - Throws: `ValidationError` when libpq cannot parse the connection string.
    func connectionInfo() throws -> String {
        let text = Environment.text(database, "OFFERSD_DATABASE") ?? ""
        if let problem = Settings.problem(withConnectionInfo: text) {
            throw ValidationError("the connection string cannot be used: \(problem)")
        }
        return text
    }
}
