import ArgumentParser

/// The adapter that masters touch.
@main
struct OffersBot: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "offers-bot",
        abstract: "The masters' screens of new orders, in Telegram or in a terminal. Works through offersd.",
        subcommands: [TelegramCommand.self, ConsoleCommand.self])
}
