import Glibc
import JSONRPC
import Subprocess
import Synchronization
import TestDatabase
import Testing
import Turns

@testable import offers_bot

/// Telegram misbehaves; the masters hardly notice.
@Suite(.amongFew)
struct MisbehaviourTests {
    private static let user = Stage.user

    @Test("429 holds up that chat's screens only: its taps are answered, its accepts done, other chats served")
    func tooManyRequests() async throws {
        try await Stage.play { stage in
            let telegram = stage.telegram
            let order = try await stage.offer()
            await telegram.fails(
                "editMessageText", chat: Self.user, .error(429, "Too Many Requests: retry after 6", retryAfter: 6))
            let start = ContinuousClock.now
            let first = await telegram.presses("m:new", user: Self.user)
            _ = await telegram.answer(to: first)
            await telegram.until { $0.contains { $0.method == "(editMessageText)" } }
            let second = await telegram.presses("m:new:acc:\(order):1", user: Self.user)
            await telegram.presses("m:new", user: Stage.rivalUser)
            _ = await telegram.screen(chat: Stage.rivalUser)
            #expect(await telegram.answer(to: second).text == "Заявка принята. Удачи в работе!")
            #expect(await telegram.calls.contains { $0.isScreen && $0.chat == Self.user } == false)
            // Of all that waited only the newest comes.
            #expect(await telegram.screen(1, chat: Self.user).text?.contains("Активный заказ #\(order)") == true)
            #expect(ContinuousClock.now - start >= .seconds(6))
            await telegram.untilConfirmed()
            #expect(await telegram.calls.count { $0.isScreen && $0.chat == Self.user } == 1)
            #expect(await telegram.violations == [])
        }
    }

    @Test("A chat with more messages than there may be updates in hand, and no leave to send: the others are served")
    func floodOfMessages() async throws {
        try await Stage.play { stage in
            let telegram = stage.telegram
            await telegram.fails(
                "sendMessage", chat: Self.user, .error(429, "Too Many Requests: retry after 15", retryAfter: 15))
            await telegram.writes("/start", user: Self.user)
            await telegram.until { $0.contains { $0.method == "(sendMessage)" } }
            for _ in 0..<PollingState.mostInHand + 130 { await telegram.writes("/start", user: Self.user) }
            await telegram.presses("m:new", user: Stage.rivalUser)
            _ = await telegram.screen(chat: Stage.rivalUser)
            #expect(await telegram.calls.contains { $0.isScreen && $0.chat == Self.user } == false)
            // One greeting is enough for all of them.
            _ = await telegram.screen(chat: Self.user)
            await telegram.untilConfirmed()
            #expect(await telegram.calls.count { $0.isScreen && $0.chat == Self.user } == 1)
        }
    }

    @Test("More taps that wait than an answer holds: the others are served")
    func floodOfTaps() async throws {
        try await Stage.set { stage in
            let telegram = stage.telegram
            let order = try await stage.offer()
            try await stage.withOffersd { _ in
                try await stage.withLocked(order) { _ in
                    _ = try await stage.withBot { _ in
                        for _ in 0..<130 { await telegram.presses("m:new", user: Self.user) }
                        await telegram.fails(
                            "editMessageText", chat: Self.user,
                            .error(429, "Too Many Requests: retry after 60", retryAfter: 60))
                        await telegram.presses("m:new", user: Stage.rivalUser)
                        _ = await telegram.screen(chat: Stage.rivalUser)
                        let query = await telegram.presses("m:new:acc:\(order):1", user: Self.user)
                        for _ in 0..<130 { await telegram.presses("m:new", user: Self.user) }
                        #expect(await telegram.answer(to: query).text?.hasPrefix("⏳ Ещё работаем") == true)
                        await telegram.presses("m:menu", user: Stage.rivalUser)
                        _ = await telegram.screen(2, chat: Stage.rivalUser)
                    }
                }
            }
        }
    }

    @Test("A write whose turn does not come in time is not begun, and the screen says so")
    func queuedWrite() async throws {
        try await Stage.set { stage in
            let telegram = stage.telegram
            let first = try await stage.offer()
            let second = try await stage.offer()
            try await stage.withOffersd { _ in
                try await stage.withLocked(first) { release in
                    _ = try await stage.withBot { _ in
                        // Two that wait for the lock as long as they may, and one behind them.
                        for page in 1...2 {
                            await telegram.presses("m:new:acc:\(first):\(page)", user: Self.user, onNew: true)
                        }
                        await telegram.presses("m:new:acc:\(second):1", user: Self.user, onNew: true)
                        _ = await telegram.screen(3, chat: Self.user)
                        let screens = await telegram.calls.filter { $0.isScreen && $0.chat == Self.user }
                        let sentence = "⏳ Сервис не успел ответить. Ничего не изменилось, повторите."
                        #expect(screens.allSatisfy { $0.text == sentence })
                        #expect(screens.contains { $0.data == ["m:new:acc:\(second):1", "m:menu"] })
                        await telegram.untilConfirmed()
                    }
                }
                try #expect(
                    await stage.database.sql("SELECT assigned_master_id IS NULL FROM orders WHERE id = \(second)")
                        == ["t"])
            }
        }
    }

    @Test("The old bot's message stays when a button of another part is pressed, even if the toast cannot be shown")
    func foreign() async throws {
        try await Stage.play { stage in
            let telegram = stage.telegram
            await telegram.fails(
                "answerCallbackQuery",
                .error(400, "Bad Request: query is too old and response timeout expired or query ID is invalid"))
            await telegram.presses("m:act:enr:5", user: Self.user)
            await telegram.until { $0.contains { $0.method == "(answerCallbackQuery)" } }
            await telegram.presses("m:menu", user: Self.user)
            #expect(await telegram.screen(1, chat: Self.user).text == Screen.greeting.text.plain)
            #expect(await telegram.calls.contains { $0.method == "deleteMessage" } == false)
        }
    }

    @Test("An answer to a tap that hangs does not hold up its screen, nor the chat's next one")
    func hangingAnswer() async throws {
        try await Stage.play { stage in
            let telegram = stage.telegram
            await telegram.fails("answerCallbackQuery", .slow(.seconds(60)))
            let query = await telegram.presses("m:new:acc:99999", user: Self.user)
            // Without the toast the screen says it.
            #expect(await telegram.screen(1, chat: Self.user).text?.hasPrefix("⚠️ Заказ не найден") == true)
            await telegram.presses("m:menu", user: Self.user)
            _ = await telegram.screen(2, chat: Self.user)
            #expect(
                await telegram.calls.contains { $0.body["callback_query_id"]?.stringValue == query } == false)
        }
    }

    @Test(
        "What is prepared at the start does not hold up polling, and is done in the end",
        arguments: [
            "getMe", "deleteWebhook", "getMyCommands", "setMyCommands",
        ])
    func preparation(method: String) async throws {
        try await Stage.set { stage in
            let telegram = stage.telegram
            for fault in [
                BotAPIDouble.Fault.error(429, "Too Many Requests: retry after 4", retryAfter: 4), .slow(.seconds(1)),
            ] {
                await telegram.fails(method, fault)
            }
            try await stage.withOffersd { _ in
                _ = try await stage.withBot { _ in
                    await telegram.presses("m:new", user: Self.user)
                    _ = await telegram.screen(chat: Self.user)
                    #expect(await telegram.calls.contains { $0.method == method } == false)
                    await telegram.until { $0.contains { $0.method == "setMyCommands" } }
                }
            }
        }
    }

    @Test("The commands that a token has are kept")
    func commands() async throws {
        try await Stage.set { stage in
            let telegram = stage.telegram
            await telegram.hasCommands()
            try await stage.withOffersd { _ in
                _ = try await stage.withBot { _ in
                    await telegram.until { $0.contains { $0.method == "getMyCommands" } }
                    await telegram.presses("m:new", user: Self.user)
                    _ = await telegram.screen(chat: Self.user)
                    await telegram.untilConfirmed()
                }
            }
            #expect(await telegram.calls.contains { $0.method == "setMyCommands" } == false)
            #expect(await telegram.violations == [])
        }
    }

    @Test("502, broken JSON, 500 and a slow answer when polling, answering and showing: everything arrives in the end")
    func weather() async throws {
        let ending = try await Stage.play { stage in
            let telegram = stage.telegram
            await telegram.fails("editMessageText", .raw(status: 502, "<html>Bad Gateway</html>"))
            await telegram.fails("editMessageText", .raw(status: 200, "{\"ok\":tr"))
            await telegram.fails("editMessageText", .slow(.milliseconds(300)))
            await telegram.fails("answerCallbackQuery", .error(500, "Internal Server Error"))
            await telegram.fails("getUpdates", .raw(status: 200, "[1"))
            await telegram.fails("getUpdates", .raw(status: 502, ""))
            let query = await telegram.presses("m:new", user: Self.user)
            #expect(await telegram.answer(to: query).text == nil)
            #expect(await telegram.screen(chat: Self.user).text == "Нет новых предложений")
            await telegram.untilConfirmed()
        }
        #expect(ending.status == .exited(0))
    }

    @Test("409 is explained and polling goes on after three seconds")
    func conflict() async throws {
        let ending = try await Stage.play { stage in
            let telegram = stage.telegram
            await telegram.fails(
                "getUpdates", .error(409, "Conflict: terminated by other getUpdates request; make sure only one"))
            // Lets the poll that is under way end.
            await telegram.writes("/start", user: Self.user)
            await telegram.until { $0.contains { $0.method == "(getUpdates)" } }
            await telegram.presses("m:new", user: Self.user)
            _ = await telegram.screen(2, chat: Self.user)
            let calls = await telegram.calls
            let polls = calls.filter { $0.method.contains("getUpdates") }
            let failed = try #require(polls.firstIndex { $0.method == "(getUpdates)" })
            #expect(
                polls[failed + 1].moment - polls[failed].moment >= .seconds(3),
                "\(calls.map { "\($0.method) \($0.moment - calls[0].moment) \($0.body)" })")
        }
        #expect(ending.errors.contains { $0.contains("another program polls with this token") })
    }

    @Test(
        "Duplicates are handled once; not modified is fine; a screen that cannot be edited comes anew; 403 is dropped")
    func oddities() async throws {
        try await Stage.play { stage in
            let telegram = stage.telegram
            await telegram.presses("m:new", user: Self.user)
            await telegram.repeatsLastUpdate()
            _ = await telegram.screen(1, chat: Self.user)
            await telegram.untilConfirmed()
            await telegram.repeatsLastUpdate()

            // Nothing has changed since.
            await telegram.presses("m:new", user: Self.user)
            await telegram.until { $0.count { $0.method == "(editMessageText)" } == 1 }

            await telegram.fails("editMessageText", .error(400, "Bad Request: message can't be edited"))
            await telegram.fails("deleteMessage", .error(400, "Bad Request: message can't be deleted"))
            await telegram.presses("m:new", user: Self.user, message: 6)
            #expect(await telegram.screen(2, chat: Self.user).method == "sendMessage")
            await telegram.until { $0.contains { $0.method == "editMessageReplyMarkup" } }

            await telegram.fails("editMessageText", .error(403, "Forbidden: bot was blocked by the user"))
            await telegram.presses("m:menu", user: Self.user)
            await telegram.until { $0.count { $0.method == "(editMessageText)" } == 3 }
            await telegram.presses("m:menu", user: Self.user)
            #expect(await telegram.screen(3, chat: Self.user).method == "editMessageText")
            #expect(await telegram.violations == [])
        }
    }

    @Test("SIGTERM in the middle of an accept: out in five seconds with 0, the rest confirmed, the accept not")
    func terminated() async throws {
        try await Stage.set { stage in
            let telegram = stage.telegram
            let order = try await stage.offer()
            try await stage.withOffersd { _ in
                try await stage.withLocked(order) { _ in
                    let stopping = Mutex(ContinuousClock.now)
                    let ending = try await stage.withBot { _ in
                        await telegram.writes("/start", user: Stage.rivalUser)
                        let query = await telegram.presses("m:new:acc:\(order):1", user: Self.user)
                        _ = await telegram.screen(chat: Stage.rivalUser)
                        _ = await telegram.answer(to: query)
                        stopping.withLock { $0 = .now }
                    }
                    #expect(ending.status == .exited(0))
                    #expect(stopping.withLock { .now - $0 } < .seconds(5))
                    #expect(await telegram.offset == telegram.lastUpdate)
                }
            }
        }
    }

    @Test("--check says what is wrong with the token and with offersd")
    func check() async throws {
        try await Stage.set { stage in
            @Sendable func check(_ token: String) async throws -> (String, TerminationStatus) {
                let run = try await Subprocess.run(
                    .path(try Program.path("offers-bot")),
                    arguments: ["telegram", "--check", "--socket", stage.socket, "--api-base", stage.telegram.base],
                    environment: .inherit.updating(["OFFERS_BOT_TOKEN": token]),
                    output: .string(limit: 1 << 16), error: .discarded)
                return (run.standardOutput, run.terminationStatus)
            }
            let (wrong, status) = try await check("1:wrong")
            #expect(
                wrong.contains("telegram: there is no bot with this token")
                    && wrong.contains("offersd: nothing listens")
            )
            #expect(status == .exited(1))
            try await stage.withOffersd { _ in
                let (right, status) = try await check(BotAPIDouble.token)
                #expect(right.contains("telegram: ok, the bot is @made_up_bot\noffersd: ok"))
                #expect(status == .exited(0))
            }
        }
    }

    @Test("A dialogue in the terminal, from a script")
    func console() async throws {
        try await Stage.set { stage in
            let order = try await stage.offer()
            let until = try await stage.until(order)
            let transcript = try await stage.withOffersd { _ in
                let run = try await Subprocess.run(
                    .path(try Program.path("offers-bot")),
                    arguments: ["console", "--socket", stage.socket, "--telegram-user", "\(Self.user)"],
                    input: .string("1\n1\n1\n1\n3\n9\n"), output: .string(limit: 1 << 16), error: .combinedWithOutput)
                #expect(run.terminationStatus == .exited(0))
                return run.standardOutput
            }
            let rule = String(repeating: "─", count: 80)
            #expect(
                transcript == """
                    Экраны бота в терминале. Введите номер кнопки, её callback_data (например,
                    m:new) или /start; q или Ctrl-D — выход.
                    \(rule)
                    Здравствуйте! Здесь новые заказы: их можно посмотреть, взять или отклонить.

                    [1] 🆕 Новые заказы
                    > 1
                    \(rule)
                    Главное меню > Новые заказы
                    🆕 Новые заказы
                    Страница 1/1 • всего: 1

                    #\(order) • Примерск • ⚡ Электрика • сегодня/ASAP • \(until)

                    [1] Открыть #\(order)
                    [2] 🔄 Обновить
                    [3] 🏠 Меню
                    > 1
                    \(rule)
                    Заявка #\(order)
                    📍 Адрес: Примерск, 10
                    🗓 Слот: сегодня/ASAP
                    \(until)
                    🛠 Категория: ⚡ Электрика
                    📝 Описание: A lamp flickers

                    [1] ✅ Взять   [2] ✖️ Отказаться
                    [3] ⬅️ Назад   [4] 🏠 Меню
                    > 1
                    » Заявка принята. Удачи в работе!
                    \(rule)
                    Главное меню > Активные заказы > Заказ #\(order)
                    Активный заказ #\(order)
                    📍 Адрес: Примерск, 10
                    🚪 Квартира: 4
                    💬 Комментарий: Back door
                    🗓 Слот: сегодня/ASAP
                    🛠 Категория: ⚡ Электрика
                    🔁 Текущий статус: Назначено мастеру
                    👤 Клиент: Test Client
                    📞 Телефон: +70000000000

                    A lamp flickers

                    [1] 📋 Телефон   [2] 📋 Адрес
                    [3] ⬅️ Назад   [4] 🏠 Меню
                    > 1
                    +70000000000
                    > 3
                    \(rule)
                    Нет новых предложений

                    [1] 🔄 Обновить
                    [2] 🏠 Меню
                    > 9
                    Нет такой кнопки: есть от 1 до 2.
                    >\u{20}

                    """)
        }
    }
}
