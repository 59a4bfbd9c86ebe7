import EmbeddedPostgres
import Glibc
import JSONRPC
import Subprocess
import TestDatabase
import Testing
import Turns

@testable import offers_bot

/// tap → HTTP → offers-bot → offersd → Postgres → screen, all of them real but Telegram.
@Suite(.amongFew)
struct WholeWayTests {
    private static let user = Stage.user

    @Test("List, pages, card, accept, double tap: golden screens, every request as documented, all confirmed")
    func walk() async throws {
        let ending = try await Stage.play { stage in
            let telegram = stage.telegram
            var orders: [Int] = []
            for _ in 0..<6 { orders.append(try await stage.offer()) }
            var until: [Int: String] = [:]
            for order in orders { until[order] = try await stage.until(order) }
            await telegram.writes("/start", user: Self.user)
            let greeting = await telegram.screen(1, chat: Self.user)
            #expect(greeting.method == "sendMessage" && greeting.data == ["m:new"])

            await telegram.presses("m:new", user: Self.user)
            let list = await telegram.screen(2, chat: Self.user)
            let newest = orders.reversed().prefix(5)
            #expect(
                list.text == """
                    Главное меню > Новые заказы
                    🆕 Новые заказы
                    Страница 1/2 • всего: 6

                    \(newest.map { "#\($0) • Примерск • ⚡ Электрика • сегодня/ASAP • \(until[$0] ?? "")" }.joined(separator: "\n"))
                    """)
            #expect(list.formatted == ["italic": "Главное меню > Новые заказы", "bold": "🆕 Новые заказы"])
            #expect(list.data == newest.map { "m:new:card:\($0):1" } + ["m:new:2", "m:new", "m:menu"])
            let message = await telegram.shown(in: Self.user).last?.id
            #expect(list.method == "editMessageText" && list.message == message)

            await telegram.presses("m:new:99", user: Self.user)
            let last = await telegram.screen(3, chat: Self.user)
            #expect(last.data == ["m:new:card:\(orders[0]):2", "m:new:1", "m:new:2", "m:menu"])

            let order = orders[0]
            await telegram.presses("m:new:card:\(order):2", user: Self.user)
            let card = await telegram.screen(4, chat: Self.user)
            #expect(
                card.text == """
                    Заявка #\(order)
                    📍 Адрес: Примерск, 10
                    🗓 Слот: сегодня/ASAP
                    \(until[order] ?? "")
                    🛠 Категория: ⚡ Электрика
                    📝 Описание: A lamp flickers
                    """)
            #expect(card.data == ["m:new:acc:\(order):2", "m:new:dec:\(order):2", "m:new:2", "m:menu"])

            let tapped = try #require(await telegram.shown(in: Self.user).last)
            for _ in 0..<2 {
                await telegram.has(tapped)
                let query = await telegram.presses("m:new:acc:\(order):2", user: Self.user)
                let toast = await telegram.answer(to: query)
                #expect(toast.text == "Заявка принята. Удачи в работе!" && toast.body["show_alert"] == nil)
                await telegram.untilConfirmed()
            }
            let accepted = await telegram.screen(5, chat: Self.user)
            #expect(accepted.text?.contains("👤 Клиент: Test Client\n📞 Телефон: +70000000000") == true)
            #expect(
                accepted.text?.hasPrefix(
                    "Главное меню > Активные заказы > Заказ #\(order)\nАктивный заказ #\(order)\n") == true)
            #expect(accepted.copies == ["+70000000000", "Примерск, 10"])
            try #expect(
                await stage.database.sql("SELECT assigned_master_id FROM orders WHERE id = \(order)")
                    == ["\(stage.master)"])

            // The button is still there when all is done.
            try await stage.database.sql("UPDATE orders SET status = 'CLOSED' WHERE id = \(order)")
            let late = await telegram.presses("m:new:acc:\(order):2", user: Self.user)
            #expect(await telegram.answer(to: late).text == "Этот заказ уже ваш.")
            #expect(
                await telegram.screen(6, chat: Self.user).text?.hasPrefix(
                    "Главное меню > Заказ #\(order)\nЗаказ #\(order)") == true)

            await telegram.presses("m:new", user: Self.user)
            #expect(await telegram.screen(7, chat: Self.user).text?.contains("всего: 5") == true)
            await telegram.untilConfirmed()
            #expect(await telegram.violations == [])
        }
        #expect(ending.status == .exited(0))
        #expect(!ending.errors.joined().contains(BotAPIDouble.token))
        #expect(!ending.errors.joined().contains("Test Client"))
        #expect(!ending.errors.joined().contains("+70000000000"))
    }

    @Test("Rival, decline, limit, blocked, expired, unknown, foreign buttons: the toast and the screen of the table")
    func refusals() async throws {
        try await Stage.play { stage in
            let telegram = stage.telegram
            var screens = 0
            /// Presses, and returns the toast and the screen; nil for a screen that stays.
            func tap(_ data: String, user: Int64 = Self.user, changes: Bool = true) async -> (String?, String?) {
                let query = await telegram.presses(data, user: user, onNew: true)
                let toast = await telegram.answer(to: query).text
                guard changes else { return (toast, nil) }
                if user == Self.user { screens += 1 }
                return (toast, await telegram.screen(user == Self.user ? screens : 1, chat: user).text)
            }
            let order = try await stage.offer(toRival: true)
            #expect(await tap("m:new:acc:\(order)", user: Stage.rivalUser).0 == "Заявка принята. Удачи в работе!")
            #expect(await tap("m:new:acc:\(order)") == ("⚠️ Заказ уже занят другим мастером", "Нет новых предложений"))
            #expect(await tap("m:new:card:\(order)") == ("⚠️ Заказ уже занят другим мастером", "Нет новых предложений"))
            #expect(await tap("m:new:acc:99999") == ("⚠️ Заказ не найден", "Нет новых предложений"))
            #expect(
                await tap("m:new:card:99999")
                    == (nil, "Заявка не найдена. Возможно, её уже взял другой мастер."))

            let unwanted = try await stage.offer()
            let other = try await stage.offer()
            #expect(
                await tap("m:new:dec:\(unwanted):1")
                    == (
                        nil,
                        """
                        ⚠️ Вы уверены, что хотите отклонить заказ #\(unwanted)?

                        Отклонённый заказ пропадёт из списка.
                        """
                    ))
            let declined = await tap("m:new:dec_yes:\(unwanted):1")
            #expect(declined.0 == "Предложение скрыто." && declined.1?.contains("всего: 1") == true)
            #expect(await tap("m:new:dec_yes:\(unwanted):1").0 == "Предложение скрыто.")
            #expect(await tap("m:new:acc:\(unwanted)").0 == "❌ Вы уже отклонили этот заказ")

            try await stage.database.sql(
                "UPDATE offers SET expires_at = now() - interval '1 s' WHERE order_id = \(other)")
            #expect(
                await tap("m:new:acc:\(other)")
                    == ("⏰ Время истекло. Заказ ушёл другим мастерам.", "Нет новых предложений"))

            let last = try await stage.offer()
            try await stage.database.sql("UPDATE masters SET max_active_orders_override = 1 WHERE id = \(stage.rival)")
            _ = try await stage.database.insert(OfferRow(orderID: last, masterID: stage.rival))
            #expect(
                await tap("m:new:acc:\(last)", user: Stage.rivalUser, changes: false).0
                    == "Достигнут лимит активных заказов (1 из 1). Завершите текущие, чтобы брать новые.")
            try await stage.database.sql(
                "UPDATE masters SET is_blocked = true, blocked_reason = '<b>' || repeat('я', 500) WHERE id = \(stage.master)"
            )
            let blocked = await tap("m:new:acc:\(last)", changes: false).0
            #expect(blocked?.hasPrefix("⛔️ Ваш аккаунт заблокирован.\n\nПричина: <b>яя") == true)
            #expect(blocked?.hasSuffix("я…\n\nОбратитесь в поддержку для разблокировки.") == true)
            #expect(blocked?.utf16.count == 200)
            #expect(await tap("m:act:enr:1", changes: false).0?.isEmpty == false)
            #expect(await tap("m:menu").1 == Screen.greeting.text.plain)
            #expect(await tap("m:new", user: 5_000_000_009).1 == Verdict.unregistered)
            #expect(await telegram.violations == [])
        }
    }

    @Test("The database is down: an honest sentence as toast and on the screen, with the same callback again")
    func databaseDown() async throws {
        try await Stage.set { stage in
            try await stage.withOffersd(on: "host=/nonexistent") { _ in
                _ = try await stage.withBot { _ in
                    let query = await stage.telegram.presses("m:new:acc:17:3", user: Self.user)
                    let sentence = "🔌 Сервис временно недоступен. Ничего не изменилось, повторите чуть позже."
                    #expect(await stage.telegram.answer(to: query).text == sentence)
                    let screen = await stage.telegram.screen(chat: Self.user)
                    #expect(screen.text == sentence && screen.data == ["m:new:acc:17:3", "m:menu"])
                }
            }
        }
    }

    @Test("A stuck accept: hourglass in time, strangers unhurt; offersd killed in the middle and restarted: the card")
    func offersdKilled() async throws {
        try await Stage.set { stage in
            let telegram = stage.telegram
            let order = try await stage.offer()
            let ending = try await stage.withBot { _ in
                try await stage.withLocked(order) { release in
                    try await stage.withOffersd { offersd in
                        let query = await telegram.presses("m:new:acc:\(order):1", user: Self.user)
                        await telegram.presses("m:new", user: Stage.rivalUser)
                        let strangers = await telegram.screen(chat: Stage.rivalUser)
                        #expect(strangers.text == "Нет новых предложений")
                        // The accept itself is stuck for four and a half seconds.
                        #expect(await telegram.duration(from: query, to: strangers) < .seconds(3))
                        let answer = await telegram.answer(to: query)
                        #expect(answer.text == "⏳ Ещё работаем, результат появится на экране")
                        #expect(await telegram.duration(from: query, to: answer) < .seconds(3))
                        offersd.send(SIGKILL)
                    }
                    release()
                }
                try await stage.withOffersd { _ in
                    let screen = await telegram.screen(chat: Self.user)
                    #expect(screen.text?.contains("Активный заказ #\(order)\n") == true, "\(screen.text ?? "")")
                }
            }
            #expect(ending.status == .exited(0))
            try #expect(
                await stage.database.sql("SELECT count(*) FROM order_status_history WHERE order_id = \(order)") == ["1"]
            )
        }
    }

    @Test("Postgres killed in the middle of an accept and started again: a true sentence, and the repetition gets it")
    func postgresKilled() async throws {
        try await Stage.set(hasOwnServer: true) { stage in
            let telegram = stage.telegram
            let order = try await stage.offer()
            try await stage.withOffersd { _ in
                _ = try await stage.withBot { _ in
                    try await stage.withLocked(order) { _ in
                        let query = await telegram.presses("m:new:acc:\(order):1", user: Self.user)
                        _ = await telegram.answer(to: query)
                        try await stage.database.server.stop(.immediate)
                        let screen = await telegram.screen(1, chat: Self.user)
                        #expect(
                            screen.text == "❔ Связь оборвалась, результат неизвестен. Повторите: это безопасно."
                                || screen.text?.hasPrefix("🔌 Сервис временно недоступен. Ничего не изменилось") == true,
                            "\(screen.text ?? "")")
                        #expect(screen.data == ["m:new:acc:\(order):1", "m:menu"])
                        try await stage.database.server.start()
                    }
                    // The service reconnects in its own time; until then it says so, and the master taps again.
                    var screens = 1
                    var text: String?
                    repeat {
                        screens += 1
                        await telegram.presses("m:new:acc:\(order):1", user: Self.user, onNew: true)
                        text = await telegram.screen(screens, chat: Self.user).text
                    } while text?.contains("🔌") == true
                    #expect(text?.contains("Активный заказ #\(order)\n") == true, "\(text ?? "")")
                    try #expect(
                        await stage.database.sql("SELECT count(*) FROM order_status_history WHERE order_id = \(order)")
                            == ["1"])
                }
            }
        }
    }

    @Test("The bot killed in the middle of an accept: after a restart the update comes again and shows the card")
    func botKilled() async throws {
        try await Stage.set { stage in
            let telegram = stage.telegram
            let order = try await stage.offer()
            try await stage.withOffersd { _ in
                try await stage.withLocked(order) { _ in
                    _ = try await stage.withBot { bot in
                        let query = await telegram.presses("m:new:acc:\(order):1", user: Self.user)
                        _ = await telegram.answer(to: query)
                        bot.send(SIGKILL)
                    }
                }
                await telegram.fails(
                    "answerCallbackQuery",
                    .error(400, "Bad Request: query is too old and response timeout expired or query ID is invalid"))
                let ending = try await stage.withBot { _ in
                    let screen = await telegram.screen(chat: Self.user)
                    #expect(screen.method == "sendMessage")
                    #expect(screen.text?.contains("Активный заказ #\(order)\n") == true)
                    await telegram.until { $0.contains { $0.method == "deleteMessage" } }
                }
                #expect(ending.status == .exited(0))
                #expect(await telegram.offset > telegram.lastUpdate)
            }
        }
    }
}
