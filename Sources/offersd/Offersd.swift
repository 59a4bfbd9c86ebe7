import ArgumentParser
import OffersServer

/// The service that lists and accepts offers.
struct Offersd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "offersd",
        abstract: "Lists and accepts offers straight from Postgres, over JSON-RPC 2.0 on a Unix socket.",
        version: OffersService.version,
        subcommands: [Serve.self, Check.self, PrintSchema.self, PrintGrants.self],
        defaultSubcommand: Serve.self)
}
