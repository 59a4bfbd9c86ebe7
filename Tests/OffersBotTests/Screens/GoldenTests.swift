import FoundationEssentials
import JSONRPC
import NIOCore
import Offers
import Synchronization
import Testing

@testable import offers_bot

/// What masters see, against `Protocol/conformance/screens.json`, which the tests of the package for Python read, too.
struct GoldenTests {
    private static let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Protocol/conformance/screens.json")

    private static func cases(_ kind: String) throws -> [JSONValue] {
        let golden = try JSONValue(parsing: ByteBuffer(bytes: Data(contentsOf: file)))
        return try #require(golden[kind]?.elements)
    }

    @Test("Every tap leads to the golden toast and screens")
    func taps() async throws {
        for golden in try Self.cases("taps") {
            let name = try #require(golden["name"]?.stringValue)
            let data = try #require(golden["tap"]?.stringValue)
            let replies = GoldenReplies(golden["replies"]?.elements ?? [])
            let adapter = Adapter(calls: replies)
            let response = try await adapter.respond(to: Tap(data: data), data: data, from: 7)
            #expect(response.toast == golden["toast"]?.stringValue, "\(name)")
            #expect(response.isAlert == golden["alert"]?.boolValue, "\(name)")
            #expect(Shown(response.screen) == Shown(golden: golden["screen"]), "\(name)")
            #expect(Shown(response.screenWithoutToast) == Shown(golden: golden["screenWithoutToast"]), "\(name)")
            #expect(replies.areUsedUp, "\(name)")
        }
    }

    @Test("Values are cut as the golden ones")
    func cuts() throws {
        for golden in try Self.cases("cuts") {
            let (value, limit) = try (#require(golden["value"]?.stringValue), #require(golden["limit"]?.int64Value))
            let keepingLines = golden["keepingLines"]?.boolValue == true
            let text = DataText.fit(value, to: Int(limit), keepingLines: keepingLines)
            #expect(text == golden["shown"]?.stringValue)
        }
        for golden in try Self.cases("toasts") {
            let (value, limit) = try (#require(golden["value"]?.stringValue), #require(golden["limit"]?.int64Value))
            #expect(Toast.cut(value, to: Int(limit)) == golden["shown"]?.stringValue)
        }
    }

    @Test("Slots are written as the golden ones")
    func slots() throws {
        for golden in try Self.cases("slots") {
            let now = try #require(golden["now"]?.stringValue.flatMap(Timestamp.init(text:)))
            let slot = Timeslot(
                start: golden["start"]?.stringValue.flatMap(Timestamp.init(text:)),
                end: golden["end"]?.stringValue.flatMap(Timestamp.init(text:)))
            let text = SlotText(timezone: golden["timezone"]?.stringValue, now: now).text(slot)
            #expect(text == golden["shown"]?.stringValue, "\(golden)")
        }
    }

    @Test("Every reason has a golden answer to an accept")
    func reasons() throws {
        let replies = try Self.cases("taps").flatMap { $0["replies"]?.elements ?? [] }
        let reasons = replies.filter { $0["method"]?.stringValue == "acceptOffer" }
            .compactMap { $0["error"].flatMap(RPCError.init)?.knownReason }
        #expect(Set(reasons) == Set(Reason.allCases))
        for error in replies.compactMap({ $0["error"].flatMap(RPCError.init) }) {
            guard let reason = error.knownReason else { continue }
            #expect(error.code == reason.code && error.retryable == reason.retryable)
        }
    }
}

/// A screen in the form of the golden ones.
private struct Shown: Equatable {
    let text: String
    let entities: [String]
    let buttons: [[String]]

    init?(_ screen: Screen?) {
        guard let screen else { return nil }
        text = screen.text.plain
        entities = screen.text.entities.map { "\($0.style.rawValue) \($0.offset) \($0.length)" }
        buttons = screen.buttons.map { row in
            row.map { button in
                switch button.action {
                case .tap(let data): "\(button.title) → \(data)"
                case .copy(let text): "\(button.title) copies \(text)"
                }
            }
        }
    }

    /// nil for null.
    init?(golden: JSONValue?) {
        guard let golden, !golden.isNull else { return nil }
        text = golden["text"]?.stringValue ?? ""
        entities = (golden["entities"]?.elements ?? []).map { entity in
            let parts = entity.elements ?? []
            return "\(parts[0].stringValue ?? "") \(parts[1].int64Value ?? -1) \(parts[2].int64Value ?? -1)"
        }
        buttons = (golden["buttons"]?.elements ?? []).map { row in
            (row.elements ?? []).map { button in
                let title = button.elements?.first?.stringValue ?? ""
                let action = button.elements?.last
                if let text = action?["copy"]?.stringValue { return "\(title) copies \(text)" }
                return "\(title) → \(action?.stringValue ?? "")"
            }
        }
    }
}

/// Gives the replies of a case, one after the other.
private final class GoldenReplies: OfferCalls {
    private let left: Mutex<[JSONValue]>

    init(_ replies: [JSONValue]) {
        left = Mutex(replies.reversed())
    }

    var areUsedUp: Bool { left.withLock(\.isEmpty) }

    func list(for user: Int64, limit: Int, offset: Int) async throws -> ListOffersResult {
        try .init(json: next("listOffers"))
    }

    func card(_ order: Int64, for user: Int64) async throws -> GetOfferResult {
        try .init(json: next("getOffer"))
    }

    func accept(_ order: Int64, for user: Int64) async throws -> AcceptOfferResult {
        try .init(json: next("acceptOffer"))
    }

    func decline(_ order: Int64, for user: Int64) async throws -> DeclineOfferResult {
        try .init(json: next("declineOffer"))
    }

    private func next(_ method: String) throws -> JSONValue {
        let reply = try #require(left.withLock { $0.popLast() })
        #expect(reply["method"]?.stringValue == method)
        if let error = reply["error"].flatMap(RPCError.init) { throw CallFailure.refused(error) }
        switch reply["failure"]?.stringValue {
        case "unreachable": throw CallFailure.unreachable
        case "outcomeUnknown": throw CallFailure.outcomeUnknown
        case "tooSlow": throw CallFailure.tooSlow
        case "unintelligible": throw CallFailure.unintelligible
        default: return try #require(reply["result"])
        }
    }
}
