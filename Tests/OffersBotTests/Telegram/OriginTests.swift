import JSONRPC
import NIOCore
import Testing

@testable import offers_bot

struct OriginTests {
    @Test(
        "A message is a screen of new orders, or it is left alone",
        arguments: [
            ("Нет новых предложений", ["m:new", "m:menu"], true),
            ("Заявка #5\\n📍 Адрес: Примерск", ["m:new:acc:5:1", "m:new:dec:5:1", "m:new", "m:menu"], true),
            ("x", nil, true),
            // The old bot's menu, other parts of it, and buttons of other kinds.
            ("Рады видеть вас на смене!", ["m:sh:on", "m:new", "m:act"], false),
            ("Сейчас нет активных заказов.", ["m:menu"], false), ("x", ["m:fin", "m:menu"], false),
            ("x", ["", "m:new"], false),
            // Accepted orders, this bot's and the old one's.
            ("Главное меню > Активные заказы > Заказ #5\\nАктивный заказ #5", ["m:new", "m:menu"], false),
            ("Сначала\\n\\nГлавное меню > Заказ #5\\nЗаказ #5\\n📍", ["m:new", "m:menu"], false),
            ("Активный заказ #5\\n📞 Телефон: +70000000000", nil, false),
            // A photo, and a message that Telegram does not show.
            (nil, ["m:menu"], false), (nil, nil, false),
        ] as [(String?, [String]?, Bool)])
    func kinds(text: String?, taps: [String]?, isScreen: Bool) throws {
        let content = text.map { #","text":"\#($0)""# } ?? ""
        let buttons = taps.map { taps in
            let row = taps.map {
                $0.isEmpty ? #"{"text":"x","url":"https://x"}"# : #"{"text":"x","callback_data":"\#($0)"}"#
            }
            return #","reply_markup":{"inline_keyboard":[[\#(row.joined(separator: ","))]]}"#
        }
        let json = #"{"message_id":7,"date":1,"chat":{"id":1,"type":"private"}\#(content)\#(buttons ?? "")}"#
        let origin = try #require(Origin(JSONValue(parsing: ByteBuffer(string: json))))
        #expect(origin == Origin(id: 7, kind: isScreen ? .screen : .other))
    }
}

struct RefusalTests {
    @Test(
        "Only a refusal that another form may avoid leads to a plain one",
        arguments: [
            ("can't parse entities: x", true), ("ENTITY_BOUNDS_INVALID", true), ("BUTTON_COPY_TEXT_INVALID", true),
            ("message is too long", true), ("chat not found", false), ("message can't be edited", false),
            ("message to edit not found", false), ("there is no text in the message to edit", false),
        ])
    func format(text: String, isOfFormat: Bool) throws {
        let json = try JSONValue(
            parsing: ByteBuffer(string: #"{"ok":false,"error_code":400,"description":"Bad Request: \#(text)"}"#))
        do {
            _ = try BotError.result(status: 400, retryAfter: nil, body: json)
            Issue.record("no error")
        } catch BotError.refused(let refusal) {
            #expect(refusal.mayBeOfFormat == isOfFormat)
        }
    }
}
