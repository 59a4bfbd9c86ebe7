import Offers

/// The screens of the list and of one order.
extension Screen {
    /// What `/start`, `m:menu` and any other message show.
    static let greeting = Screen(
        text: "Здравствуйте! Здесь новые заказы: их можно посмотреть, взять или отклонить.",
        buttons: [[Button(title: "🆕 Новые заказы", tap: .list(page: 1))]])

    /// The list is empty.
    static let emptyList = Screen(
        text: "Нет новых предложений",
        buttons: [[Button(title: "🔄 Обновить", tap: .list(page: 1))], [.menu]])

    /// The last page of a list of `total` orders.
    static func lastPage(_ total: Int64) -> Int {
        Int((max(total, 1) - 1) / Int64(pageSize)) + 1
    }

    /// A page of the list.
    static func list(_ result: ListOffersResult, page: Int, now: Timestamp) -> Screen {
        guard result.total > 0 else { return emptyList }
        let pages = lastPage(result.total)
        let lines: [HTML] = result.offers.map { offer in
            let slot = SlotText(timezone: offer.timezone, now: now).text(offer.timeslot) ?? "сегодня/ASAP"
            return """
                #\(offer.orderId) • \(place(offer.city, offer.district)) • \(Labels.category(offer.category)) • \(slot)
                """
        }
        var turns: [Button] = []
        if page > 1 { turns.append(Button(title: "◀️ Назад", data: "m:new:\(page - 1)")) }
        if page < pages { turns.append(Button(title: "Вперёд ▶️", tap: .list(page: page + 1))) }
        let cards = result.offers.map { offer in
            [Button(title: "Открыть #\(offer.orderId)", tap: .card(.init(order: offer.orderId, page: page)))]
        }
        return Screen(
            text: .lines(
                [
                    "<i>Главное меню &gt; Новые заказы</i>",
                    "<b>🆕 Новые заказы</b>",
                    "Страница \(page)/\(pages) • всего: \(result.total)",
                    "",
                ] + lines),
            buttons: cards + (turns.isEmpty ? [] : [turns]) + [[.menu]])
    }

    /// An offer that can be taken.
    static func card(_ offer: OfferCard, page: Int, now: Timestamp) -> Screen {
        let entry = offer.entry
        let order = Tap.OrderOnPage(order: entry.orderId, page: page)
        let description = offer.description.nonBlank.map {
            HTML(value: $0.trimmed, atMost: 2500, keepingLines: true)
        }
        return Screen(
            text: .lines([
                "<b>Заявка #\(entry.orderId)</b>",
                "📍 Адрес: \(place(entry.city, entry.district, offer.street, offer.house))",
                "🗓 Слот: \(SlotText(timezone: entry.timezone, now: now).text(entry.timeslot) ?? "—")",
                "🛠 Категория: \(Labels.category(entry.category))",
                "📝 Описание: \(description ?? "—")",
            ]),
            buttons: [
                [
                    Button(title: "✅ Взять", tap: .accept(order)),
                    Button(title: "✖️ Отказаться", tap: .askToDecline(order)),
                ],
                [.back(toPage: page), .menu],
            ])
    }

    /// An order that is the master's: the only screen with the client's data.
    static func accepted(_ order: AcceptedOrder, now: Timestamp) -> Screen {
        let isActive = ["ASSIGNED", "EN_ROUTE", "WORKING", "PAYMENT"].contains(order.status)
        var lines: [HTML] = [
            isActive
                ? "<i>Главное меню &gt; Активные заказы &gt; Заказ #\(order.orderId)</i>"
                : "<i>Главное меню &gt; Заказ #\(order.orderId)</i>",
            isActive ? "<b>Активный заказ #\(order.orderId)</b>" : "<b>Заказ #\(order.orderId)</b>",
            "📍 Адрес: \(place(order.city, order.district, order.street, order.house))",
        ]
        // The old card leaves these two out; a master at the door needs them.
        if let apartment = order.apartment.nonBlank { lines.append("🚪 Квартира: \(apartment, atMost: 60)") }
        if let comment = order.addressComment.nonBlank { lines.append("💬 Комментарий: \(comment, atMost: 500)") }
        lines += [
            "🗓 Слот: \(SlotText(timezone: order.timezone, now: now).text(order.timeslot) ?? "—")",
            "🛠 Категория: \(Labels.category(order.category))",
            "🔁 Текущий статус: \(Labels.status(order.status))",
            "👤 Клиент: \(order.clientName.nonBlank ?? "—", atMost: 150)",
            "📞 Телефон: \(order.clientPhone.nonBlank ?? "—", atMost: 60)",
        ]
        if let description = order.description.nonBlank {
            lines += ["", HTML(value: description, atMost: 2000, keepingLines: true)]
        }
        return Screen(text: .lines(lines), buttons: [[.back(toPage: 1), .menu]])
    }

    /// The question before a decline.
    static func declineQuestion(_ order: Tap.OrderOnPage) -> Screen {
        Screen(
            text: """
                ⚠️ Вы уверены, что хотите отклонить заказ #\(order.order)?

                Отклонённый заказ пропадёт из списка.
                """,
            buttons: [
                [
                    Button(title: "✅ Да, отклонить", tap: .decline(order)),
                    Button(title: "❌ Нет, вернуться", tap: .card(order)),
                ]
            ])
    }

    /// The card of an order that was never offered to this master.
    static let noSuchOffer = Screen(
        text: "Заявка не найдена. Возможно, её уже приняли другим мастером.",
        buttons: [[.back(toPage: 1), .menu]])

    private static func place(_ city: String, _ rest: String?...) -> HTML {
        let parts = [city.isEmpty ? nil : city] + rest
        return .joined(
            [parts[0].nonBlank.map { "\($0)" } ?? "—"] + parts.dropFirst().compactMap(\.nonBlank).map { "\($0)" },
            by: ", ")
    }
}

extension String {
    /// Without white space at both ends.
    fileprivate var trimmed: String {
        let start = drop(while: \.isWhitespace)
        guard let last = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return String(start[...last])
    }
}
