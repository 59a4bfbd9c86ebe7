import ArgumentParser
import OffersServer
import StandardOutput

/// `offersd grants`: the SQL of a role with the rights that the service needs.
struct PrintGrants: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "grants",
        abstract: "Print the SQL of a role that can do what the service does, and no more.",
        discussion: """
            Run it as the owner of the tables: offersd grants | psql -v ON_ERROR_STOP=1 -d offers. It makes the role if \
            there is none, gives no password, takes nothing away, and can be run again. `offersd check`, as that role, \
            says whether anything is still missing.
            """)

    @Option(help: "The name of the role.")
    var role = "offersd"
    @OptionGroup var schema: SchemaOption

    func validate() throws { _ = try schema.name() }

    func run() throws {
        let sql: String
        let schema = try schema.name()
        do {
            sql = try Grants.sql(role: role, schema: schema)
        } catch {
            throw ValidationError("--role: \(error)")
        }
        try StandardOutput.write(sql)
    }
}
