import JSONRPC
import NIOCore
import Offers

/// The reported defect, walked through: accept an order, and see that it does not come back.
///
/// Every request goes over the wire as it is shown, and every reply is shown as it came, but for the line breaks.
struct Walk {
    private let client: Client
    private var step = 0

    /// Whether every check so far was ok.
    private(set) var isRight = true

    init(_ client: Client) {
        self.client = client
    }

    /// - Throws: `ClientError` when there is no answer. A refusal is an answer, and for the check to judge.
    mutating func run() async throws {
        let before = try await ask(
            "What can master \(DataSet.master) accept?", Contract.listOffers, #"{"masterId":\#(DataSet.master)}"#)
        check("the list has order \(DataSet.order)", before.orderIDs?.contains(DataSet.order) == true)

        let accepted = try await ask(
            "The master accepts order \(DataSet.order).", Contract.acceptOffer, pair(DataSet.master))
        check("the order is assigned, and was free before", accepted.result?["alreadyAccepted"]?.boolValue == false)

        let after = try await ask(
            "What can the master accept now?", Contract.listOffers, #"{"masterId":\#(DataSet.master)}"#)
        check("order \(DataSet.order) is gone from the list", after.orderIDs?.contains(DataSet.order) == false)
        check("total is one less", after.total != nil && after.total == before.total.map { $0 - 1 })

        let repeated = try await ask("The master accepts it again.", Contract.acceptOffer, pair(DataSet.master))
        check("a repeat is safe, and says so", repeated.result?["alreadyAccepted"]?.boolValue == true)

        let rival = try await ask(
            "Master \(DataSet.rival), who has the same offer, accepts it.", Contract.acceptOffer, pair(DataSet.rival))
        check("it is refused as \(Reason.orderTaken.rawValue)", rival.reason == Reason.orderTaken.rawValue)
    }

    private func pair(_ master: Int64) -> String {
        "[\(master),\(DataSet.order)]"
    }

    private mutating func ask(_ title: String, _ method: MethodDescription, _ params: String) async throws -> Reply {
        step += 1
        let request = #"{"jsonrpc":"2.0","id":\#(step),"method":"\#(method.name)","params":\#(params)}"#
        Screen.show("\n\(step). \(title)")
        Screen.show(json: request, after: "→")
        // It has an id, so there is a reply.
        let line = try await client.exchange(line: request, deadline: OffersClient.replyTimeout) ?? ""
        Screen.show(json: line, after: "←")
        return Reply(value: try? JSONValue(parsing: ByteBuffer(string: line)))
    }

    private mutating func check(_ claim: String, _ holds: Bool) {
        Screen.show("   \(holds ? "ok   " : "WRONG") \(claim)")
        isRight = isRight && holds
    }
}

/// What the checks look at in a reply; nil where it is not of the expected kind.
private struct Reply {
    let value: JSONValue?

    var result: JSONValue? { value?["result"] }
    var total: Int64? { result?["total"]?.int64Value }
    var orderIDs: [Int64]? { result?["offers"]?.elements?.compactMap { $0["orderId"]?.int64Value } }
    var reason: String? { value?["error"]?["data"]?["reason"]?.stringValue }
}
