/// The words for labels of the database. A label of a later version is shown as it is.
enum Labels {
    static func category(_ label: String?) -> FormattedText {
        guard let label = label.nonBlank else { return "—" }
        return categories[label].map { "\($0)" } ?? "\(label, atMost: 60)"
    }

    static func status(_ label: String) -> FormattedText {
        statuses[label].map { "\($0)" } ?? "\(label, atMost: 60)"
    }

    private static let categories = [
        "ELECTRICS": "⚡ Электрика",
        "PLUMBING": "🚰 Сантехника",
        "APPLIANCES": "🔌 Бытовая техника",
        "WINDOWS": "🪟 Окна",
        "HANDYMAN": "🔧 Мелкий ремонт",
        "ROADSIDE": "🚗 Помощь на дороге",
    ]

    private static let statuses = [
        "ASSIGNED": "Назначено мастеру",
        "EN_ROUTE": "Мастер в пути",
        "WORKING": "Мастер работает",
        "PAYMENT": "Ожидает подтверждения оплаты",
        "CLOSED": "Заказ закрыт",
        "DEFERRED": "Заказ отложен",
        "GUARANTEE": "Гарантийный визит",
        "CANCELED": "Заказ отменён",
        "CREATED": "Создан",
        "SEARCHING": "Идёт поиск мастера",
    ]
}

extension String? {
    /// The text, or nil if there is nothing to read in it.
    var nonBlank: String? {
        flatMap { $0.allSatisfy(\.isWhitespace) ? nil : $0 }
    }
}
