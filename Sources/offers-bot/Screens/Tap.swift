/// What a button asks for: `callback_data`, in the old bot's form, so that the buttons of its messages still work.
enum Tap: Hashable, Sendable {
    /// `m:menu`
    case menu
    /// `m:new`, `m:new:<page>`
    case list(page: Int)
    /// `m:new:card:<order>[:<page>]`
    case card(OrderOnPage)
    /// `m:new:acc:<order>[:<page>]`
    case accept(OrderOnPage)
    /// `m:new:dec:<order>[:<page>]`
    case askToDecline(OrderOnPage)
    /// `m:new:dec_yes:<order>[:<page>]`
    case decline(OrderOnPage)
    /// One of these four with something that is no number.
    case noOrder
    /// A button of another part of the old bot.
    case foreign

    /// An order, and the page of the list that leads to it.
    struct OrderOnPage: Hashable, Sendable {
        /// `orders.id`. A number beyond 64 bits is the largest one, which is no order either.
        let order: Int64
        /// From 1.
        let page: Int
    }

    /// The last page that `offset` (0…2147483647) could still reach.
    private static let lastPage = Int(Int32.max) / Screen.pageSize

    /// Reads what Telegram brings back. It may be anything.
    init(data: String) {
        let parts = data.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.first == "m", parts.count > 1 else { self = .foreign; return }
        if data == "m:menu" { self = .menu; return }
        guard parts[1] == "new" else { self = .foreign; return }
        guard parts.count > 2 else { self = .list(page: 1); return }
        if let page = Self.page(parts[2]) {
            self = parts.count == 3 ? .list(page: page) : .foreign
            return
        }
        let action: (OrderOnPage) -> Tap
        switch parts[2] {
        case "card": action = Tap.card
        case "acc": action = Tap.accept
        case "dec": action = Tap.askToDecline
        case "dec_yes": action = Tap.decline
        default: self = .foreign; return
        }
        guard parts.count > 3, Self.isNumber(parts[3]) else { self = .noOrder; return }
        let page = parts.count > 4 ? Self.page(parts[4]) ?? 1 : 1
        self = action(OrderOnPage(order: Int64(parts[3]) ?? .max, page: page))
    }

    /// `callback_data`: at most 64 bytes (Bot API, `InlineKeyboardButton`); the longest here has 43.
    var data: String {
        switch self {
        case .menu: "m:menu"
        case .list(let page): page > 1 ? "m:new:\(page)" : "m:new"
        case .card(let order): "m:new:card:\(order.order):\(order.page)"
        case .accept(let order): "m:new:acc:\(order.order):\(order.page)"
        case .askToDecline(let order): "m:new:dec:\(order.order):\(order.page)"
        case .decline(let order): "m:new:dec_yes:\(order.order):\(order.page)"
        case .noOrder: "m:new"
        case .foreign: "m:menu"
        }
    }

    /// The name for logs.
    var name: String {
        switch self {
        case .menu: "menu"
        case .list: "list"
        case .card: "card"
        case .accept: "accept"
        case .askToDecline: "askToDecline"
        case .decline: "decline"
        case .noOrder: "noOrder"
        case .foreign: "foreign"
        }
    }

    /// Whether it changes something.
    var isWrite: Bool {
        switch self {
        case .accept, .decline: true
        case .menu, .list, .card, .askToDecline, .noOrder, .foreign: false
        }
    }

    /// The order it is about, if it is about one.
    var order: Int64? {
        switch self {
        case .card(let order), .accept(let order), .askToDecline(let order), .decline(let order): order.order
        case .menu, .list, .noOrder, .foreign: nil
        }
    }

    private static func isNumber(_ text: Substring) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }

    private static func page(_ text: Substring) -> Int? {
        guard isNumber(text) else { return nil }
        return min(max(Int(text) ?? lastPage, 1), lastPage)
    }
}
