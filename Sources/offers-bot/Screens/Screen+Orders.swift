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
        buttons: [[.refresh(page: 1)], [.menu]])

    /// The last page of a list of `total` orders.
    static func lastPage(_ total: Int64) -> Int {
        Int((max(total, 1) - 1) / Int64(pageSize)) + 1
    }

    /// For "as soon as possible".
    private static let noSlot = "сегодня/ASAP"

    /// A page of the list. Which day is today is told by the database's clock.
    static func list(_ result: ListOffersResult, page: Int) -> Screen {
        guard result.total > 0 else { return emptyList }
        let pages = lastPage(result.total)
        let lines: [FormattedText] = result.offers.map { offer in
            let times = SlotText(timezone: offer.timezone, now: result.asOf)
            return """
                #\(offer.orderId) • \(place(offer.city, offer.district)) • \(Labels.category(offer.category)) • \
                \(times.text(offer.timeslot) ?? noSlot) • \(times.until(offer.expiresAt))
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
                    .italic("Главное меню > Новые заказы"),
                    .bold("🆕 Новые заказы"),
                    "Страница \(page)/\(pages) • всего: \(result.total)",
                    "",
                ] + lines),
            buttons: cards + (turns.isEmpty ? [] : [turns]) + [[.refresh(page: page)], [.menu]])
    }

    /// An offer that can be taken.
    ///
    /// - Parameter now: By the database's clock.
    static func card(_ offer: OfferCard, page: Int, now: Timestamp) -> Screen {
        let entry = offer.entry
        let times = SlotText(timezone: entry.timezone, now: now)
        let order = Tap.OrderOnPage(order: entry.orderId, page: page)
        let description = offer.description.nonBlank.map {
            FormattedText(value: $0.trimmed, atMost: 2500, keepingLines: true)
        }
        return Screen(
            text: .lines([
                .bold("Заявка #\(entry.orderId)"),
                "📍 Адрес: \(place(entry.city, entry.district, offer.street, offer.house))",
                "🗓 Слот: \(times.text(entry.timeslot) ?? noSlot)",
                "\(times.until(entry.expiresAt))",
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
    ///
    /// - Parameter now: By the database's clock. Without it, days have dates and no words.
    static func accepted(_ order: AcceptedOrder, now: Timestamp?) -> Screen {
        let isActive = ["ASSIGNED", "EN_ROUTE", "WORKING", "PAYMENT"].contains(order.status)
        let address = place(order.city, order.district, order.street, order.house)
        var lines: [FormattedText] = [
            .italic("Главное меню > \(isActive ? "Активные заказы > " : "")Заказ #\(order.orderId)"),
            .bold("\(isActive ? "Активный заказ" : "Заказ") #\(order.orderId)"),
            "📍 Адрес: \(address)",
        ]
        // The old card leaves these two out; a master at the door needs them.
        if let apartment = order.apartment.nonBlank { lines.append("🚪 Квартира: \(apartment, atMost: 60)") }
        if let comment = order.addressComment.nonBlank { lines.append("💬 Комментарий: \(comment, atMost: 500)") }
        lines += [
            "🗓 Слот: \(SlotText(timezone: order.timezone, now: now).text(order.timeslot, dated: true) ?? noSlot)",
            "🛠 Категория: \(Labels.category(order.category))",
            "🔁 Текущий статус: \(Labels.status(order.status))",
            "👤 Клиент: \(order.clientName.nonBlank ?? "—", atMost: 150)",
            "📞 Телефон: \(order.clientPhone.nonBlank ?? "—", atMost: 60)",
        ]
        if let description = order.description.nonBlank {
            lines += ["", FormattedText(value: description, atMost: 2000, keepingLines: true)]
        }
        var copies: [Button] = []
        if let phone = order.clientPhone.nonBlank { copies.append(Button(title: "📋 Телефон", copying: phone.trimmed)) }
        if address.plain != nothing { copies.append(Button(title: "📋 Адрес", copying: address.plain)) }
        return Screen(
            text: .lines(lines), buttons: (copies.isEmpty ? [] : [copies]) + [[.back(toPage: 1), .menu]],
            accepted: order.orderId)
    }

    /// What stands for a value that is not there.
    private static let nothing = "—"

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
        text: "Заявка не найдена. Возможно, её уже взял другой мастер.",
        buttons: [[.back(toPage: 1), .menu]])

    private static func place(_ city: String, _ rest: String?...) -> FormattedText {
        let parts = [Optional(city).nonBlank ?? nothing] + rest.compactMap(\.nonBlank)
        return .joined(parts.map { "\($0)" }, by: ", ")
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
