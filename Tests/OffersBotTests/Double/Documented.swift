import JSONRPC

/// What the Bot API documents about the requests that the bot makes: names, types, limits.
enum Documented {
    private enum Kind { case integer, string, boolean, strings, keyboard, commands, linkPreview }
    private typealias Parameter = (name: String, kind: Kind, isRequired: Bool)

    private static let screen: [Parameter] = [
        ("chat_id", .integer, true), ("text", .string, true), ("parse_mode", .string, false),
        ("link_preview_options", .linkPreview, false), ("reply_markup", .keyboard, false),
    ]
    private static let message: [Parameter] = [("chat_id", .integer, true), ("message_id", .integer, true)]
    private static let methods: [String: [Parameter]] = [
        "getMe": [],
        "getUpdates": [
            ("offset", .integer, false), ("limit", .integer, false), ("timeout", .integer, false),
            ("allowed_updates", .strings, false),
        ],
        "deleteWebhook": [("drop_pending_updates", .boolean, false)],
        "getMyCommands": [],
        "setMyCommands": [("commands", .commands, true)],
        "sendMessage": screen,
        "editMessageText": screen + [("message_id", .integer, true)],
        "editMessageReplyMarkup": message + [("reply_markup", .keyboard, false)],
        "answerCallbackQuery": [("callback_query_id", .string, true), ("text", .string, false)],
        "deleteMessage": message,
    ]

    /// What is wrong with a request; empty if nothing is.
    static func violations(_ method: String, _ body: JSONValue) -> [String] {
        guard let parameters = methods[method] else { return ["\(method) is no method that the bot may use"] }
        guard let members = body.members else { return ["\(method): the body is no object"] }
        var violations: [String] = []
        for member in members where !parameters.contains(where: { $0.name == member.name }) {
            violations.append("\(method): unknown parameter \(member.name)")
        }
        for parameter in parameters {
            guard let value = body[parameter.name] else {
                if parameter.isRequired { violations.append("\(method): no \(parameter.name)") }
                continue
            }
            if !isRight(value, parameter.kind) { violations.append("\(method): wrong \(parameter.name)") }
        }
        if let text = body["text"]?.stringValue {
            let limit = method == "answerCallbackQuery" ? 200 : 4096
            if text.utf16.count > limit || method != "answerCallbackQuery" && text.isEmpty {
                violations.append("\(method): text of \(text.utf16.count) units")
            }
            if body["parse_mode"]?.stringValue == "HTML", !isBalanced(text) { violations.append("\(method): \(text)") }
        }
        if let limit = body["limit"]?.int64Value, !(1...100).contains(limit) { violations.append("limit \(limit)") }
        return violations
    }

    private static func isRight(_ value: JSONValue, _ kind: Kind) -> Bool {
        switch kind {
        case .integer: value.int64Value != nil
        case .string: value.stringValue != nil
        case .boolean: value.boolValue != nil
        case .strings: value.elements?.allSatisfy { $0.stringValue != nil } == true
        case .linkPreview: value["is_disabled"]?.boolValue != nil
        case .commands:
            value.elements?.allSatisfy {
                (1...32).contains($0["command"]?.stringValue?.count ?? 0)
                    && (1...256).contains($0["description"]?.stringValue?.count ?? 0)
            } == true
        case .keyboard:
            value["inline_keyboard"]?.elements?.allSatisfy { row in
                row.elements?.allSatisfy {
                    $0["text"]?.stringValue?.isEmpty == false
                        && (1...64).contains($0["callback_data"]?.stringValue?.utf8.count ?? 0)
                } == true
            } == true
        }
    }

    /// Whether the HTML is what Telegram takes: the tags we use, closed, and entities that it knows.
    private static func isBalanced(_ text: String) -> Bool {
        var open: [Substring] = []
        var rest = text[...]
        while let mark = rest.firstIndex(where: { "<>&".contains($0) }) {
            guard rest[mark] != ">", let end = rest[mark...].firstIndex(of: rest[mark] == "<" ? ">" : ";") else {
                return false
            }
            let piece = rest[mark...end]
            switch piece {
            case "&amp;", "&lt;", "&gt;", "&quot;", "&#x27;": break
            case "<b>", "<i>": open.append(piece.dropFirst().dropLast())
            case "</b>", "</i>": guard open.popLast() == piece.dropFirst(2).dropLast() else { return false }
            default: return false
            }
            rest = rest[rest.index(after: end)...]
        }
        return open.isEmpty
    }
}
