import JSONRPC
import NIOCore
import Testing

@testable import offers_bot

struct PollingStateTests {
    @Test("The offset stays at the oldest unfinished update, and what is in hand is not new")
    func offset() {
        var state = PollingState()
        #expect(state.offset == nil)
        #expect(state.received([11, 10, 12, 10]) == [10, 11, 12])
        #expect(state.offset == 10)
        state.finished(11)
        #expect(state.offset == 10)
        #expect(state.received([10, 11, 12, 13]) == [13])
        state.finished(10)
        #expect(state.offset == 12)
        state.finished(12)
        state.finished(13)
        #expect(state.offset == 14 && state.isIdle)
        #expect(state.received([13]) == [])
        #expect(state.offset == 14)
    }

    @Test("After a quiet week ids may begin lower")
    func newBeginning() {
        var state = PollingState()
        #expect(state.received([9000]) == [9000])
        state.finished(9000)
        #expect(state.received([20]) == [20])
        state.finished(20)
        #expect(state.offset == 21)
    }

    @Test("What can only come to a screen does not shut out the others when an answer is full; a write does")
    func crowded() {
        var state = PollingState()
        let full = Array(Int64(1)...100)
        #expect(state.received(full) == full)
        for id in full.dropFirst(2) { state.mayBeLetGo(id) }
        state.finished(1)
        #expect(state.offset == 2)
        #expect(state.received(full) == [] && state.offset == 2)
        state.mayBeLetGo(2)
        #expect(state.offset == 101)
        #expect(state.received([101]) == [101] && state.offset == 2)
    }

    @Test("When the most are in hand, none is let go")
    func limit() {
        var state = PollingState()
        let most = PollingState.mostInHand
        for batch in 0..<most / 100 {
            let full = (1...100).map { Int64(batch * 100 + $0) }
            #expect(state.received(full) == full)
            for id in full { state.mayBeLetGo(id) }
            #expect(state.received(full) == [])
        }
        #expect(state.offset == 1)
        state.finished(1)
        #expect(state.received((2...101).map { Int64($0) }) == [] && state.offset == Int64(most + 1))
    }

    @Test("Conflicts are retried after 3 s, at most 30 s")
    func backoff() {
        var conflicts = Backoff(from: .seconds(3), to: .seconds(30), jitter: false)
        #expect((0..<6).map { _ in conflicts.failed() } == [3, 6, 12, 24, 30, 30].map { .seconds($0) })
        conflicts.succeeded()
        #expect(conflicts.failed() == .seconds(3))
        var troubles = Backoff(from: .seconds(1), to: .seconds(8))
        for limit in [1, 2, 4, 8, 8] {
            #expect((Duration.milliseconds(500 * limit)...(.seconds(limit))).contains(troubles.failed()))
        }
    }
}

struct ChatOrderTests {
    @Test("What follows an update without a call or a screen keeps its turn behind what was before that")
    func turns() async throws {
        let order = ChatOrder()
        let turns = (0..<4).map { _ in order.turn(of: 1) }
        turns[2].end()
        turns[1].end()
        #expect(turns[3].before?.isOpen == false)
        turns[0].end()
        #expect(turns[3].before?.isOpen == true)
        try await turns[3].begin()
        turns[3].end()
        #expect(order.turn(of: 1).before == nil)
    }
}

struct BotErrorTests {
    @Test(
        "Answers that are none say what is wrong",
        arguments: [
            (
                429, nil, #"{"ok":false,"error_code":429,"description":"x","parameters":{"retry_after":7}}"#,
                .tooManyRequests(retryAfter: 7)
            ),
            (429, "9", "<html>", .tooManyRequests(retryAfter: 9)),
            (409, nil, #"{"ok":false,"error_code":409,"description":"Conflict"}"#, .conflict(webhook: false)),
            (401, nil, #"{"ok":false,"error_code":401,"description":"Unauthorized"}"#, .unauthorized),
            (403, nil, #"{"ok":false,"error_code":403,"description":"Forbidden"}"#, .forbidden),
            (
                400, nil, #"{"ok":false,"error_code":400,"description":"Bad Request: message is not modified: x"}"#,
                .refused(.notModified)
            ),
            (
                400, nil, #"{"ok":false,"error_code":400,"description":"Bad Request: query is too old and x"}"#,
                .refused(.queryTooOld)
            ),
            (
                400, nil, #"{"ok":false,"error_code":400,"description":"Bad Request: huh"}"#,
                .refused(.other(status: 400, phrase: nil))
            ),
            (502, nil, "<html>", .unavailable(status: 502)), (200, nil, "{\"ok\":tr", .unintelligible),
            (200, nil, "[]", .unintelligible),
        ] as [(Int, String?, String, BotError)])
    func classification(status: Int, retryAfter: String?, body: String, expected: BotError) {
        let json = try? JSONValue(parsing: ByteBuffer(string: body))
        #expect(throws: expected) { try BotError.result(status: status, retryAfter: retryAfter, body: json) }
    }

    @Test("A token is trimmed, checked, and never shown")
    func token() throws {
        let token = try Token(" 12:ab_C-d\n", from: "x")
        #expect(token.secret == "12:ab_C-d" && "\(token)" == "<token>" && String(reflecting: token) == "<token>")
        #expect(token.redacted("GET /bot12:ab_C-d/getMe") == "GET /bot<token>/getMe")
        for text in ["", " \n", "12:a/b", "12:a b"] {
            #expect(throws: Token.Problem.malformed(source: "x")) { try Token(text, from: "x") }
        }
        #expect(throws: Token.Problem.missing) { try Token.find(file: nil, environment: [:]) }
    }
}
