import FoundationEssentials

/// The bot's secret. It prints as `<token>`, and is part of a URL only inside ``BotAPI``.
struct Token: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The secret itself.
    let secret: String

    var description: String { "<token>" }
    var debugDescription: String { "<token>" }
    var customMirror: Mirror { Mirror(self, children: []) }

    /// Why there is no token. Never quotes one.
    enum Problem: Error, Equatable, CustomStringConvertible {
        case missing
        case unreadable(path: String)
        case malformed(source: String)

        var description: String {
            switch self {
            case .missing:
                "There is no bot token: give --token-file, or bot-token in $CREDENTIALS_DIRECTORY, or "
                    + "$OFFERS_BOT_TOKEN."
            case .unreadable(let path): "The token file \(path) cannot be read."
            case .malformed(let source):
                "What \(source) holds is no bot token: letters, digits and :_- only, and not empty."
            }
        }
    }

    /// Takes a token that a person or a program wrote down: white space around it is not part of it.
    ///
    /// - Throws: ``Problem/malformed(source:)`` for what could not stand in a URL as it is.
    init(_ text: String, from source: String) throws(Problem) {
        var secret = text[...]
        while secret.first?.isWhitespace == true { secret.removeFirst() }
        while secret.last?.isWhitespace == true { secret.removeLast() }
        let isPlain = secret.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: ":"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        guard isPlain, !secret.isEmpty else { throw .malformed(source: source) }
        self.secret = String(secret)
    }

    /// The token of the file, else of systemd's credential `bot-token`, else of `$OFFERS_BOT_TOKEN`.
    static func find(file: String?, environment: [String: String]) throws(Problem) -> Token {
        if let file { return try read(file) }
        if let folder = environment["CREDENTIALS_DIRECTORY"], !folder.isEmpty {
            let path = "\(folder)/bot-token"
            if FileManager.default.fileExists(atPath: path) { return try read(path) }
        }
        if let text = environment["OFFERS_BOT_TOKEN"], !text.isEmpty {
            return try Token(text, from: "$OFFERS_BOT_TOKEN")
        }
        throw .missing
    }

    private static func read(_ path: String) throws(Problem) -> Token {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { throw .unreadable(path: path) }
        return try Token(text, from: path)
    }

    /// The text without the token, for errors of libraries that may quote a URL.
    func redacted(_ text: String) -> String {
        text.split(separator: secret, omittingEmptySubsequences: false).joined(separator: "<token>")
    }
}
