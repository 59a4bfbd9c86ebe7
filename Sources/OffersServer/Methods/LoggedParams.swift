import Offers

/// The params of a method, as far as its line in the log tells them.
protocol LoggedParams: Sendable {
    /// The master and the order that the call is about; nil for a call that is about none.
    var subject: Subject? { get }
}

/// The master, and the order if there is one, that a call is about.
struct Subject: Sendable {
    let master: MasterReference
    /// Nil for a list; of a number beyond 64 bits the value is nil.
    let order: Int64??

    /// The order as it is written in the log; nil for a list.
    var orderText: String? { order.map { $0.map(String.init) ?? "?" } }

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
    var subject: Subject? { Subject(master: master, order: .some(order)) }
}

extension ExplainOfferParams: LoggedParams {
    var subject: Subject? { Subject(master: master, order: order) }
}

extension MetricsParams: LoggedParams {
    var subject: Subject? { nil }
}

extension NoParams: LoggedParams {
    var subject: Subject? { nil }
}
