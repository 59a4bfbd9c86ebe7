import ArgumentParser
import Logging
import OffersServer
import StandardOutput

/// `offersd check`: does this database have what the service needs?
struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say what a database lacks, what fails on it, and what to do.",
        discussion: "Exit status: 0 nothing is missing, 1 something is, 3 the database cannot be reached.")

    @OptionGroup var database: DatabaseOptions

    func validate() throws {
        _ = try database.settings()
    }

    func run() async throws {
        let report = await DatabaseCheck.run(try database.settings())
        try StandardOutput.write(report.lines.map { $0 + "\n" }.joined())
        switch report.verdict {
        case .complete: break
        case .lacking: throw ExitCode(1)
        case .unreachable: throw ExitCode(3)
        }
    }
}

/// `offersd schema`: the SQL of a new database.
struct PrintSchema: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema", abstract: "Print the SQL of a new, complete database of the newest generation.")

    func run() throws {
        try StandardOutput.write(Schema.sql + "\n")
    }
}

/// An error that ends the program with a message on stderr and exit status 1.
struct Failure: Error, CustomStringConvertible {
    let message: String

    var description: String { message }
}
