import JSONRPC
import NIOCore
import Testing

@testable import offers_bot

struct PollingStateTests {
    private static let start = ContinuousClock.now

    private static func after(_ milliseconds: Int) -> ContinuousClock.Instant { start + .milliseconds(milliseconds) }

    @Test("The offset passes everything but a write that is not carried out, and what is in hand is not new")
    func offset() {
        var state = PollingState()
        #expect(state.offset == nil)
        #expect(state.received([11, 10, 12, 10], writes: [11]) == [10, 11, 12])
        #expect(state.offset == 11)
        #expect(state.received([11, 12, 13]) == [13] && state.offset == 11)
        state.finished(10)
        #expect(state.offset == 11)
        state.carriedOut(11)
        #expect(state.offset == 14)
        #expect(state.received([11, 13]) == [])
        state.finished(11)
        #expect(state.received([11, 13]) == [] && state.offset == 14)
        #expect(state.received([14], writes: [14]) == [14] && state.offset == 14)
        // It never will be carried out.
        state.finished(14)
        #expect(state.offset == 15)
    }

    @Test("After a quiet week ids may begin lower")
    func newBeginning() {
        var state = PollingState()
        #expect(state.received([9000]) == [9000])
        #expect(state.received([20]) == [20])
        #expect(state.offset == 21)
    }

    @Test("Requests with the same offset are 0.6 s apart, others come at once")
    func pause() {
        var state = PollingState()
        #expect(state.step(at: Self.after(0)) == .poll(offset: nil))
        #expect(state.step(at: Self.after(10)) == .wait(.milliseconds(590)))
        _ = state.received([5], writes: [5])
        #expect(state.step(at: Self.after(20)) == .poll(offset: 5))
        _ = state.received([5, 6])
        #expect(state.step(at: Self.after(30)) == .wait(.milliseconds(590)))
        #expect(state.step(at: Self.after(620)) == .poll(offset: 5))
        state.carriedOut(5)
        #expect(state.step(at: Self.after(630)) == .poll(offset: 7))
        #expect(state.step(at: Self.after(6630)) == .poll(offset: 7))
    }

    @Test("In a full answer the write that would keep the offset where it is may be passed, one at a time")
    func crowded() {
        var state = PollingState()
        let full = Array(Int64(1)...100)
        _ = state.step(at: Self.after(0))
        // The next answer has something else in it, so nothing is passed yet.
        #expect(state.received(full, writes: [30, 60]) == full && state.offset == 30)
        _ = state.step(at: Self.after(0))
        #expect(state.received(Array(30...129)).count == 29 && state.offset == 60)
        _ = state.step(at: Self.after(0))
        // Not full: nothing is shut out.
        #expect(state.received(Array(60...150)).count == 21 && state.offset == 60)
    }

    @Test("When the most are in hand, nothing is polled")
    func limit() {
        var state = PollingState()
        let most = Int64(PollingState.mostInHand)
        for first in stride(from: Int64(1), to: most, by: 100) { _ = state.received(Array(first..<first + 100)) }
        #expect(state.step(at: Self.after(0)) == .waitForRoom)
        state.finished(1)
        #expect(state.step(at: Self.after(0)) == .poll(offset: most + 1))
    }

    @Test("What the last request confirmed needs no other")
    func confirmed() {
        var state = PollingState()
        #expect(state.isConfirmed)
        _ = state.step(at: Self.after(0))
        _ = state.received([5], writes: [5])
        #expect(!state.isConfirmed)
        _ = state.step(at: Self.after(0))
        #expect(state.isConfirmed)
        state.carriedOut(5)
        #expect(!state.isConfirmed)
    }

    @Test("Conflicts are retried after 3 s, at most 30 s")
    func backoff() {
        var conflicts = Backoff(from: .seconds(3), to: .seconds(30), jitter: false)
        #expect((0..<6).map { _ in conflicts.failed() } == [3, 6, 12, 24, 30, 30].map { .seconds($0) })
        conflicts.succeeded()
        #expect(conflicts.failed() == .seconds(3))
        var troubles = Backoff(from: .seconds(1), to: .seconds(8), startsAtOnce: true)
        #expect(troubles.failed() == .zero)
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
