import JSONRPC
import NIOCore
import Offers
import Testing

@Suite struct ErrorsTests {
    @Test(
        "Every error is exactly what the contract's table says",
        arguments: [
            (OffersError.masterNotFound, 1001, #"{"reason":"MASTER_NOT_FOUND","retryable":false}"#),
            (.masterBlocked(reason: nil), 1002, #"{"reason":"MASTER_BLOCKED","retryable":false,"blockedReason":null}"#),
            (.masterBlocked(reason: "a"), 1002, #"{"reason":"MASTER_BLOCKED","retryable":false,"blockedReason":"a"}"#),
            (.masterNotActive, 1003, #"{"reason":"MASTER_NOT_ACTIVE","retryable":false}"#),
            (
                .limitReached(limit: 5, active: 6), 1004,
                #"{"reason":"LIMIT_REACHED","retryable":false,"limit":5,"active":6}"#
            ),
            (.offerNotFound, 1101, #"{"reason":"OFFER_NOT_FOUND","retryable":false}"#),
            (.offerExpired(at: nil), 1102, #"{"reason":"OFFER_EXPIRED","retryable":false,"expiredAt":null}"#),
            (
                .offerExpired(at: Timestamp(microseconds: 0)), 1102,
                #"{"reason":"OFFER_EXPIRED","retryable":false,"expiredAt":"2000-01-01T00:00:00.000000Z"}"#
            ),
            (
                .offerExpired(at: Timestamp(microseconds: .min)), 1102,
                #"{"reason":"OFFER_EXPIRED","retryable":false,"expiredAt":null}"#
            ),
            (.offerDeclined, 1103, #"{"reason":"OFFER_DECLINED","retryable":false}"#),
            (.offerCanceled, 1104, #"{"reason":"OFFER_CANCELED","retryable":false}"#),
            (.orderTaken, 1201, #"{"reason":"ORDER_TAKEN","retryable":false}"#),
            (
                .orderNotAvailable(status: "CLOSED"), 1202,
                #"{"reason":"ORDER_NOT_AVAILABLE","retryable":false,"status":"CLOSED"}"#
            ),
            (
                .alreadyYours(status: "WORKING"), 1203,
                #"{"reason":"ALREADY_YOURS","retryable":false,"status":"WORKING"}"#
            ),
            (
                .databaseUnavailable(retryAfterMs: 250), -32001,
                #"{"reason":"DATABASE_UNAVAILABLE","retryable":true,"retryAfterMs":250}"#
            ),
            (.overloaded(retryAfterMs: 100), -32002, #"{"reason":"OVERLOADED","retryable":true,"retryAfterMs":100}"#),
            (.timedOut, -32003, #"{"reason":"TIMED_OUT","retryable":true}"#),
            (.outcomeUnknown, -32004, #"{"reason":"OUTCOME_UNKNOWN","retryable":true}"#),
            (.shuttingDown, -32006, #"{"reason":"SHUTTING_DOWN","retryable":true}"#),
            (.internalError, -32603, #"{"reason":"INTERNAL_ERROR","retryable":false}"#),
        ])
    func table(error: OffersError, code: Int, data: String) throws {
        var writer = JSONWriter()
        error.rpcError.encode(to: &writer)
        let written = try JSONValue(parsing: writer.buffer)
        #expect(written["code"]?.int64Value == Int64(code))
        #expect(try written["data"] == json(data))
        #expect(written["message"]?.stringValue?.hasSuffix(".") == true)
        #expect(written["data"]?.members?.dropFirst(2).map(\.name) == error.reason.details)
    }

    @Test(
        "The transport's errors agree with the contract's table",
        arguments: [
            (Reason.overloaded, RPCError.overloaded(retryAfterMilliseconds: 100)), (.forbidden, .forbidden),
            (.lineTooLong, .lineTooLong(limit: 65536)),
            (.batchTooLong, .batchTooLong(limit: 50)), (.invalidRequest, .invalidRequest("The batch is empty.")),
            (.methodNotFound, .methodNotFound), (.invalidParams, .invalidParams(path: "limit", message: "Must be 1.")),
            (.internalError, .internalError),
        ])
    func transport(reason: Reason, error: RPCError) {
        #expect(error.reason == reason.rawValue)
        #expect(error.code == reason.code)
        #expect(error.retryable == reason.retryable)
        #expect(error.details.map(\.name) == reason.details)
        #expect(error.knownReason == reason)
    }

    @Test("A text that is not JSON gives the table's PARSE_ERROR")
    func parseError() throws {
        guard case .single(.invalid(_, let error)) = Message(line: ByteBuffer(string: "{"), maximumBatch: 50) else {
            Issue.record("an unfinished object was taken")
            return
        }
        #expect(error.knownReason == .parseError)
        #expect(error.code == Reason.parseError.code)
        #expect(error.retryable == Reason.parseError.retryable)
    }

    @Test("What the database lacks is named in the message")
    func missing() {
        let names = ["order_status_history.actor_type", "order_status_history.context"]
        let message = OffersError.databaseUnavailable(retryAfterMs: 1, missing: names).rpcError.message
        for name in names { #expect(message.contains(name)) }
    }

    @Test(
        "Domain codes are positive, the service's lie in JSON-RPC's server range, and -32001 to -32004 and -32006 repeat"
    )
    func origins() {
        let retryable: Set = [-32001, -32002, -32003, -32004, -32006]
        for reason in Reason.allCases {
            #expect(reason.retryable == retryable.contains(reason.code))
            switch reason.origin {
            case .domain: #expect((1000..<2000).contains(reason.code))
            case .server: #expect((-32099 ... -32000).contains(reason.code))
            case .standard: #expect([-32700, -32600, -32601, -32602, -32603].contains(reason.code))
            }
        }
        #expect(Reason.allCases.count { $0.origin == .domain } == 11)
        #expect(Reason.allCases.count { $0.origin == .server } == 7)
    }
}
