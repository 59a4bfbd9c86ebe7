import JSONRPC

/// What the Bot API documents about the requests that the bot makes: names, types, limits.
enum Documented {
    private enum Kind { case integer, string, boolean, strings, keyboard, commands, noPreview, entities }
    private typealias Parameter = (name: String, kind: Kind, isRequired: Bool)

    private static let screen: [Parameter] = [
        ("chat_id", .integer, true), ("text", .string, true), ("entities", .entities, false),
        ("link_preview_options", .noPreview, true), ("reply_markup", .keyboard, false),
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
        "answerCallbackQuery": [
            ("callback_query_id", .string, true), ("text", .string, false), ("show_alert", .boolean, false),
        ],
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
            if let entities = body["entities"], !areRight(entities, in: text) {
                violations.append("\(method): entities")
            }
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
        case .noPreview: value["is_disabled"]?.boolValue == true
        case .entities:
            value.elements?.allSatisfy {
                ["bold", "italic"].contains($0["type"]?.stringValue) && $0["offset"]?.int64Value != nil
                    && $0["length"]?.int64Value != nil && $0.members?.count == 3
            } == true
        case .commands:
            value.elements?.allSatisfy {
                (1...32).contains($0["command"]?.stringValue?.count ?? 0)
                    && (1...256).contains($0["description"]?.stringValue?.count ?? 0)
            } == true
        case .keyboard:
            value["inline_keyboard"]?.elements?.allSatisfy { row in
                row.elements?.allSatisfy {
                    $0["text"]?.stringValue?.isEmpty == false && $0.members?.count == 2
                        && ((1...64).contains($0["callback_data"]?.stringValue?.utf8.count ?? 0)
                            || (1...256).contains($0["copy_text"]?["text"]?.stringValue?.utf16.count ?? 0))
                } == true
            } == true
        }
    }

    /// Whether the entities stand inside the text, begin and end between whole characters of UTF-16, and either do not
    /// overlap or one contains the other (Bot API, `MessageEntity`).
    static func areRight(_ entities: JSONValue, in text: String) -> Bool {
        let units = Array(text.utf16)
        let ranges = (entities.elements ?? []).map { entity in
            let offset = Int(entity["offset"]?.int64Value ?? -1)
            return offset..<max(offset, offset + Int(entity["length"]?.int64Value ?? 0))
        }
        let areInside = ranges.allSatisfy { range in
            !range.isEmpty && range.lowerBound >= 0 && range.upperBound <= units.count
                && [range.lowerBound, range.upperBound].allSatisfy {
                    $0 == units.count || !UTF16.isTrailSurrogate(units[$0])
                }
        }
        let areNested = ranges.allSatisfy { one in
            ranges.allSatisfy { !one.overlaps($0) || one == one.clamped(to: $0) || $0 == $0.clamped(to: one) }
        }
        return areInside && areNested
    }
}
