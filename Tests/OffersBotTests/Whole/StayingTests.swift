import Subprocess
import TestDatabase
import Testing
import Turns

@testable import offers_bot

/// What stays in a chat, whatever is tapped.
@Suite(.amongFew)
struct StayingTests {
    private static let user = Stage.user

    @Test("The card of an accepted order stays, even if what is tapped comes from before it")
    func card() async throws {
        try await Stage.play { stage in
            let telegram = stage.telegram
            let order = try await stage.offer()
            await telegram.presses("m:new:card:\(order):1", user: Self.user)
            _ = await telegram.screen(1, chat: Self.user)
            let offer = try #require(await telegram.shown(in: Self.user).last)
            await telegram.presses("m:new:acc:\(order):1", user: Self.user)
            let card = await telegram.screen(2, chat: Self.user)
            #expect(card.method == "editMessageText" && card.copies == ["+70000000000", "Примерск, 10"])
            // "Назад" below the card, and below the offer that was there when it was tapped.
            for (screen, message) in [(3, nil), (4, offer)] {
                if let message { await telegram.has(message) }
                await telegram.presses("m:new", user: Self.user, message: card.message)
                #expect(await telegram.screen(screen, chat: Self.user).method == "sendMessage")
            }
            await telegram.presses("m:menu", user: Self.user, message: card.message)
            #expect(await telegram.screen(5, chat: Self.user).method == "sendMessage")
            #expect(await telegram.calls.count { $0.message == card.message } == 2)
            #expect(await telegram.violations == [])
        }
    }

    @Test("A photo, a card of the old bot and its menu stay; what follows is a new message")
    func others() async throws {
        try await Stage.play { stage in
            let telegram = stage.telegram
            func keyboard(_ taps: String...) -> String {
                let buttons = taps.map { #"{"text":"x","callback_data":"\#($0)"}"# }
                return #"{"inline_keyboard":[[\#(buttons.joined(separator: ","))]]}"#
            }
            let messages: [BotAPIDouble.Message] = [
                .init(id: 1, chat: Self.user, text: nil, keyboard: keyboard("m:menu")),
                .init(
                    id: 2, chat: Self.user, text: "Активный заказ #5\n📞 Телефон: +70000000000",
                    keyboard: keyboard("m:act:enr:5", "m:menu")),
                .init(
                    id: 3, chat: Self.user, text: "Рады видеть вас на смене!", keyboard: keyboard("m:sh:on", "m:new")),
            ]
            for message in messages {
                await telegram.has(message)
                await telegram.presses(message.id == 3 ? "m:new" : "m:menu", user: Self.user, message: message.id)
                #expect(await telegram.screen(Int(message.id), chat: Self.user).method == "sendMessage")
            }
            #expect(
                await telegram.calls.contains { ["editMessageText", "deleteMessage"].contains($0.method) } == false)
            #expect(await telegram.shown(in: Self.user).prefix(3).map(\.text) == messages.map(\.text))
        }
    }

    @Test("A message that is too old to be edited is followed by a new one")
    func old() async throws {
        try await Stage.play { stage in
            let telegram = stage.telegram
            await telegram.has(
                .init(
                    id: 1, chat: Self.user, text: "x",
                    keyboard: #"{"inline_keyboard":[[{"text":"x","callback_data":"m:new"}]]}"#, isOld: true))
            await telegram.presses("m:new", user: Self.user, message: 1)
            #expect(await telegram.screen(1, chat: Self.user).method == "sendMessage")
        }
    }

    @Test("What Telegram refuses for its format comes as plain text, with the same words")
    func format() async throws {
        try await Stage.play { stage in
            let telegram = stage.telegram
            let order = try await stage.offer { $0.description = "<\u{301}b>Искрит" }
            await telegram.fails("editMessageText", .error(400, "Bad Request: can't parse entities: unsupported"))
            await telegram.presses("m:new:acc:\(order):1", user: Self.user)
            let card = await telegram.screen(1, chat: Self.user)
            #expect(card.method == "editMessageText" && card.formatted == [:] && card.copies == [])
            #expect(card.text?.hasSuffix("\n\n<\u{301}b>Искрит") == true)
            #expect(card.data == ["m:new", "m:menu"])
            #expect(await telegram.violations == [])
        }
    }

    @Test(
        "A 401 ends the bot only at getMe",
        arguments: ["deleteWebhook", "getMyCommands", "setMyCommands", "getUpdates"])
    func unauthorized(method: String) async throws {
        try await Stage.set { stage in
            let telegram = stage.telegram
            await telegram.fails(method, .error(401, "Unauthorized"))
            try await stage.withOffersd { _ in
                let ending = try await stage.withBot { _ in
                    await telegram.until { $0.contains { $0.method == "(\(method))" } }
                    await telegram.presses("m:menu", user: Self.user)
                    _ = await telegram.screen(1, chat: Self.user)
                }
                #expect(ending.status == .exited(0))
            }
        }
    }
}
