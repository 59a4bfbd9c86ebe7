import ArgumentParser
import Offers
import StandardOutput

@main
enum Main {
    static func main() async {
        await OffersBot.runProgram()
    }
}

/// The adapter that masters touch.
struct OffersBot: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "offers-bot",
        abstract: "The masters' screens of new orders, in Telegram or in a terminal. Works through offersd.",
        version: Release.version,
        subcommands: [TelegramCommand.self, ConsoleCommand.self])
}
