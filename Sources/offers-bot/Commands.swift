import ArgumentParser
import FoundationEssentials
import Glibc
import Logging
import Offers
import ServiceLifecycle
import UnixSignals

/// `offers-bot telegram`
struct TelegramCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "telegram",
        abstract: "Serve masters in Telegram (Bot API, long polling).",
        discussion: """
            The token is read from --token-file, else from bot-token in $CREDENTIALS_DIRECTORY (systemd's \
            LoadCredential), else from $OFFERS_BOT_TOKEN. A token has one poller, and this bot serves new orders \
            alone. Commands of the token are kept.
            """)

    @OptionGroup var service: ServiceOptions

    @Option(help: "The file that holds the bot's token.")
    var tokenFile: String?

    @Option(help: "Where the Bot API is, without /bot…; http is allowed, for a local server.")
    var apiBase = "https://api.telegram.org"

    @Option(help: "The least severe messages in the log: trace, debug, info, notice, warning, error, critical.")
    var logLevel = "info"

    @Flag(help: "Check whether Telegram and offersd can be used, and exit: 0 if both can.")
    var check = false

    func validate() throws {
        _ = try base()
        _ = try level()
    }

    func run() async throws {
        let level = try level()
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = level
            return handler
        }
        let logger = Logger(label: "offers-bot")
        let environment = ProcessInfo.processInfo.environment
        let token: Token
        do {
            token = try Token.find(file: tokenFile, environment: environment)
        } catch {
            throw Failure(message: "\(error)")
        }
        try await BotAPI.withConnections(base: try base(), token: token) { api in
            if check {
                guard try await Check(api: api, offersd: service.offersd).run() else { throw ExitCode.failure }
                return
            }
            try await TelegramBot(api: api, adapter: service.adapter, logger: logger).runUntilSignal(logger)
        }
    }

    /// The base without a slash at its end.
    private func base() throws -> String {
        let base = String(apiBase.reversed().drop { $0 == "/" }.reversed())
        guard let url = URL(string: base), ["http", "https"].contains(url.scheme), url.host?.isEmpty == false,
            url.query == nil, url.fragment == nil, !url.pathComponents.contains(where: { $0.hasPrefix("bot") })
        else {
            throw ValidationError("--api-base is a URL such as http://127.0.0.1:8081, without /bot and what follows.")
        }
        return base
    }

    private func level() throws -> Logger.Level {
        guard let level = Logger.Level(rawValue: logLevel) else {
            throw ValidationError(
                "--log-level is \"\(logLevel)\": allowed are \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))."
            )
        }
        return level
    }
}

/// `offers-bot console`
struct ConsoleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "console",
        abstract: "Show the same screens in this terminal, with buttons by number.",
        discussion: """
            To try it, start offers-demo in another terminal and give the socket it prints:
              offers-bot console --socket FOLDER/offers.sock --telegram-user 7000000007
            """)

    @OptionGroup var service: ServiceOptions

    @Option(help: "The Telegram user id of the master.")
    var telegramUser: Int64

    func run() async throws {
        // Nothing but screens belongs on a terminal.
        let logger = Logger(label: "offers-bot") { _ in SwiftLogNoOpLogHandler() }
        let offersd = service.offersd
        let console = Console(adapter: service.adapter, user: telegramUser) {
            do {
                _ = try await offersd.health()
                return nil
            } catch {
                return "Внимание: offersd не отвечает на сокете \(offersd.socket)."
            }
        }
        try await console.runUntilSignal(logger)
    }
}

/// How both find offersd.
struct ServiceOptions: ParsableArguments {
    @Option(help: "offersd's socket. Default: \(SocketPath.rule)")
    var socket: String?

    var offersd: Offersd {
        Offersd(socket: socket ?? SocketPath.standard(ProcessInfo.processInfo.environment) { access($0, F_OK) == 0 })
    }

    var adapter: Adapter {
        Adapter(calls: offersd)
    }
}

/// A sentence for stderr; the exit status is 1.
struct Failure: Error, CustomStringConvertible {
    let message: String
    var description: String { message }
}

extension Service {
    /// Runs until it ends, or SIGTERM or SIGINT ends it.
    fileprivate func runUntilSignal(_ logger: Logger) async throws {
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [
                    .init(
                        service: self, successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .gracefullyShutdownGroup)
                ],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        do {
            try await group.run()
        } catch {
            throw Failure(message: "\(error)")
        }
    }
}
