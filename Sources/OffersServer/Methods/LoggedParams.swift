import Offers

/// The params of a method, as far as its line in the log tells them.
protocol LoggedParams: Sendable {
    /// The master and the order that the call is about; nil for a call that is about none.
    var subject: Subject? { get }
}

/// The master, and the order if there is one, that a call is about.
struct Subject: Sendable {
    let master: MasterReference
    /// As it is written in the log; nil for a list.
    let order: String?

    /// The master as it is written in the log. A number beyond 64 bits is a question mark.
    var masterText: String {
        switch master {
        case .id(let number): number.map(String.init) ?? "?"
        case .telegramUser(let number): "telegram:" + (number.map(String.init) ?? "?")
        }
    }
}

extension ListOffersParams: LoggedParams {
    var subject: Subject? { Subject(master: master, order: nil) }
}

extension OrderParams: LoggedParams {
    var subject: Subject? { Subject(master: master, order: order.map(String.init) ?? "?") }
}

extension MetricsParams: LoggedParams {
    var subject: Subject? { nil }
}

extension NoParams: LoggedParams {
    var subject: Subject? { nil }
}
