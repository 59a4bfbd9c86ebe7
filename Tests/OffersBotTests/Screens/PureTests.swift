import JSONRPC
import Offers
import Testing

@testable import offers_bot

struct FormattedTextTests {
    @Test("Only what is written in bold or italics is so, whatever is interpolated; offsets are in UTF-16")
    func entities() {
        let text = FormattedText.lines([
            .italic("🆕 <b>"), "\("👩‍👩‍👧\u{0301}<i>") \(7) \(FormattedText.bold("x"))", .bold(""),
        ])
        #expect(text.plain == "🆕 <b>\n👩‍👩‍👧\u{0301}<i> 7 x\n")
        #expect(
            text.entities == [
                .init(style: .italic, offset: 0, length: 6), .init(style: .bold, offset: 22, length: 1),
            ])
        #expect(text.withoutFormat.plain == text.plain && text.withoutFormat.entities.isEmpty)
    }

    @Test(
        "No character joins a value to what is markup elsewhere, and no direction goes on behind it",
        arguments: ["\u{0301}", "\u{FE0F}", "\u{0338}", "\u{200D}", "\u{0600}", "\u{200F}", "\u{202E}", "\u{2067}"])
    func hostile(mark: String) {
        for value in ["<\(mark)b>x</b>", "\(mark)<b>", "x\(mark)", "&\(mark)amp;", "**\(mark)x**"] {
            let text: FormattedText = "\(FormattedText.bold("Заявка"))\(value) конец"
            #expect(text.entities == [.init(style: .bold, offset: 0, length: 6)])
            let ends = ["\u{202E}": "\u{202C}", "\u{2067}": "\u{2069}"][mark] ?? ""
            #expect(Array(text.plain.utf16) == Array("Заявка\(value)\(ends) конец".utf16))
        }
    }

    @Test("The longest card and the longest accepted order fit into a message")
    func longest() {
        let long = String(repeating: "&", count: 5000)
        let entry = OfferEntry(
            offerId: .max, orderId: .max, round: 1, state: "SENT", category: long, city: long, district: long,
            timezone: nil, timeslot: nil, sentAt: nil, expiresAt: nil)
        let card = Screen.card(
            OfferCard(entry: entry, street: long, house: long, description: long), page: 9, now: .epoch)
        let order = AcceptedOrder(
            orderId: .max, category: long, city: long, district: long, timezone: long, timeslot: nil, street: long,
            house: long, description: long, status: long, apartment: long, addressComment: long, clientName: long,
            clientPhone: long, version: 1)
        for screen in [card, .accepted(order, now: .epoch), .accepted(order, now: .epoch).headed(by: long)] {
            #expect(screen.text.plain.utf16.count <= 4096)
            for button in screen.buttons.joined() {
                switch button.action {
                case .tap(let data): #expect(data.utf8.count <= 64)
                case .copy(let text): #expect((1...256).contains(text.utf16.count))
                }
            }
        }
    }
}

struct TapTests {
    @Test(
        "The old bot's callbacks are understood",
        arguments: [
            ("m:menu", .menu), ("m:new", .list(page: 1)), ("m:new:3", .list(page: 3)), ("m:new:0", .list(page: 1)),
            ("m:new:card:17", .card(.init(order: 17, page: 1))), ("m:new:card:17:4", .card(.init(order: 17, page: 4))),
            ("m:new:acc:17:x", .accept(.init(order: 17, page: 1))),
            ("m:new:dec:17:0", .askToDecline(.init(order: 17, page: 1))),
            ("m:new:dec_yes:17:2", .decline(.init(order: 17, page: 2))),
            ("m:new:acc:99999999999999999999:2", .accept(.init(order: .max, page: 2))),
            ("m:new:acc:", .noOrder), ("m:new:acc:-1", .noOrder), ("m:new:acc", .noOrder), ("m:act", .foreign),
            ("m:new:huh", .foreign), ("retry:execute", .foreign), ("", .foreign), ("m", .foreign),
        ] as [(String, Tap)])
    func reading(data: String, tap: Tap) {
        #expect(Tap(data: data) == tap)
    }

    @Test("A page that is no page of any list is the last that can be asked for")
    func hugePage() {
        guard case .list(let page) = Tap(data: "m:new:99999999999999999999") else { Issue.record("no list"); return }
        #expect((page - 1) * Screen.pageSize <= Int(Int32.max))
    }

    @Test("What is written is read as the same")
    func roundTrip() {
        let order = Tap.OrderOnPage(order: 12, page: 3)
        for tap in [
            .menu, .list(page: 1), .list(page: 7), .card(order), .accept(order), .askToDecline(order), .decline(order),
        ]
            as [Tap]
        {
            #expect(Tap(data: tap.data) == tap)
        }
    }
}

struct SlotTextTests {
    // 2026-03-10 is a Tuesday. In New York summer time began on 2026-03-08 at 07:00 UTC, in Berlin it begins on 03-29.
    @Test(
        "The text follows zone, midnight and summer time",
        arguments: [
            (
                "Europe/Moscow", "2026-03-10T09:00:00Z", "2026-03-10T07:00:00Z", "2026-03-10T10:00:00Z",
                "сегодня 10:00-13:00"
            ),
            (
                "Asia/Yekaterinburg", "2026-03-10T09:00:00Z", "2026-03-10T20:00:00Z", "2026-03-10T21:30:00Z",
                "завтра 01:00-02:30"
            ),
            (nil, "2026-03-10T22:00:00Z", "2026-03-10T20:00:00Z", "2026-03-10T20:30:00Z", "вчера 23:00-23:30"),
            ("", "2026-03-10T09:00:00Z", "2026-03-12T07:00:00Z", "2026-03-12T10:00:00Z", "12.03 10:00-13:00"),
            ("  ", "2026-03-10T09:00:00Z", "2026-03-10T07:00:00Z", nil, "сегодня 10:00"),
            ("No/Such_Zone", "2026-03-10T09:00:00Z", "2026-03-10T07:00:00Z", nil, "сегодня 07:00"),
            ("GMT+3", "2026-03-10T09:00:00Z", "2026-03-10T07:00:00Z", nil, "сегодня 07:00"),
            ("MSK", "2026-03-10T09:00:00Z", "2026-03-10T07:00:00Z", nil, "сегодня 07:00"),
            ("Etc/GMT-3", "2026-03-10T09:00:00Z", "2026-03-10T07:00:00Z", nil, "сегодня 10:00"),
            ("/etc/localtime", "2026-03-10T09:00:00Z", nil, "2026-03-10T07:05:00Z", "сегодня 07:05"),
            (
                "Europe/Moscow", "2026-03-10T09:00:00Z", "2026-03-10T19:00:00Z", "2026-03-11T05:00:00Z",
                "сегодня 22:00 – завтра 08:00"
            ),
            (
                "Europe/Moscow", "2026-03-10T09:00:00Z", "2025-12-31T20:00:00Z", "2025-12-31T21:00:00Z",
                "31.12 23:00 – 01.01 00:00"
            ),
            (
                "Europe/Berlin", "2026-03-28T22:30:00Z", "2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z",
                "завтра 01:30-03:30"
            ),
            (
                "Europe/Berlin", "2026-10-25T12:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z",
                "сегодня 02:30-02:30"
            ),
            (
                "America/New_York", "2026-03-08T12:00:00Z", "2026-03-08T06:59:00Z", "2026-03-08T07:00:00Z",
                "сегодня 01:59-03:00"
            ),
            ("Asia/Kathmandu", "2026-03-10T09:00:00Z", "2026-03-10T18:15:00Z", nil, "завтра 00:00"),
            ("Europe/Moscow", "2026-03-10T09:00:00Z", nil, nil, nil),
        ] as [(String?, String, String?, String?, String?)])
    func text(zone: String?, now: String, start: String?, end: String?, expected: String?) throws {
        let slot = Timeslot(start: start.flatMap(Timestamp.init(text:)), end: end.flatMap(Timestamp.init(text:)))
        let now = try #require(Timestamp(text: now))
        let text = SlotText(timezone: zone, now: now).text(slot)
        #expect(text == expected)
    }
}

struct VerdictTests {
    @Test("Every negative code offers to try again, no other does", arguments: Reason.allCases)
    func retry(reason: Reason) {
        let verdict = Verdict(.refused(RPCError(code: reason.code, reason: reason.rawValue, message: "")))
        if case .tryAgain = verdict { #expect(reason.code < 0) } else { #expect(reason.code > 0) }
    }

    @Test("Every reason has its sentence")
    func sentences() {
        let inactive = "⛔️ Ваша анкета не подтверждена или отключена. Обратитесь в поддержку."
        let internalError = "⚠️ Внутренняя ошибка сервиса. Повторите или сообщите в поддержку."
        let expected: [Reason: Verdict] = [
            .masterNotFound: .notRegistered,
            .masterBlocked: .stay("⛔️ Ваш аккаунт заблокирован.\n\nОбратитесь в поддержку для подробностей."),
            .masterNotActive: .stay(inactive),
            .limitReached: .stay("Достигнут лимит активных заказов. Завершите текущие, чтобы брать новые."),
            .offerNotFound: .thenList("⚠️ Заказ не найден"),
            .offerExpired: .thenList("⏰ Время истекло. Заказ ушёл другим мастерам."),
            .offerDeclined: .thenList("❌ Вы уже отклонили этот заказ"),
            .offerCanceled: .thenList("⚠️ Предложение отозвано"),
            .orderTaken: .thenList("⚠️ Заказ уже занят другим мастером"),
            .orderNotAvailable: .thenList("⚠️ Заказ сейчас недоступен"),
            .alreadyYours: .thenList("✅ Вы уже приняли этот заказ"),
            .databaseUnavailable: .tryAgain(
                "🔌 Сервис временно недоступен. Ничего не изменилось, повторите чуть позже."),
            .overloaded: .tryAgain("⏳ Сервис перегружен. Ничего не изменилось, повторите чуть позже."),
            .timedOut: .tryAgain("⏳ Сервис не успел ответить. Ничего не изменилось, повторите."),
            .outcomeUnknown: .tryAgain("❔ Связь оборвалась, результат неизвестен. Повторите: это безопасно."),
            .shuttingDown: .tryAgain("🔄 Сервис перезапускается. Повторите через несколько секунд."),
        ]
        for reason in Reason.allCases {
            let verdict = Verdict(.refused(RPCError(code: reason.code, reason: reason.rawValue, message: "")))
            #expect(verdict == expected[reason] ?? .tryAgain(internalError), "\(reason)")
        }
    }

    @Test("A reason of a later version is an internal error, a lost connection is unknown, none at all a restart")
    func others() {
        #expect(
            Verdict(.refused(RPCError(code: 1999, reason: "NEW", message: "")))
                == .tryAgain("⚠️ Внутренняя ошибка сервиса. Повторите или сообщите в поддержку."))
        #expect(
            Verdict(.outcomeUnknown) == .tryAgain("❔ Связь оборвалась, результат неизвестен. Повторите: это безопасно.")
        )
        #expect(
            Verdict(.unreachable) == .tryAgain("🔄 Сервис перезапускается. Повторите через несколько секунд."))
    }
}

struct DialogueTests {
    @Test("Buttons by number, callback_data as it is, and everything else explained")
    func input() {
        var dialogue = Dialogue()
        _ = dialogue.show(.emptyList)
        #expect(dialogue.read(" 1 ") == .tap(.list(page: 1)))
        #expect(dialogue.read("2") == .tap(.menu))
        #expect(dialogue.read("3") == .wrong("Нет такой кнопки: есть от 1 до 2."))
        #expect(dialogue.read("m:new:acc:5") == .tap(.accept(.init(order: 5, page: 1))))
        #expect(dialogue.read("/start") == .start)
        #expect(dialogue.read("Q") == .quit)
        #expect(dialogue.read("") == .nothing)
    }

    @Test("No line is wider than the terminal")
    func width() {
        let text = String(repeating: "Ж🚰", count: 100) + " слово " + String(repeating: "слово ", count: 40)
        for line in Columns.wrap(text) { #expect(Columns.width(line) <= 80) }
        #expect(
            Columns.wrap("a  b\n\nc", to: 3) == ["a ", "b", "", "c"]
                || Columns.wrap("a  b\n\nc", to: 4) == ["a  b", "", "c"])
    }
}

extension Timestamp {
    /// 2000-01-01.
    static let epoch = Timestamp(microseconds: 0)
}
