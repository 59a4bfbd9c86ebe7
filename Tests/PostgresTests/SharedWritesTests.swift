import Deadlines
import Testing

@testable import Postgres

/// What the end of a transaction means for the writes that share it.
@Suite("The writes that share a transaction")
struct SharedWritesTests {
    private typealias End = TransactionAnswers<String>.End

    private static let sent = MonotonicTime(nanoseconds: 5)
    private static let backend = Backend(processID: 7, started: 1, serverStarted: 1)

    /// What becomes of writes with so many parts, in words. The rows are a letter each: an x is left out.
    private func outcome(_ end: End, _ counts: [Int], _ ending: Ending = .commit) -> String {
        let shared = SharedWrites(
            counts: counts, ending: ending, backend: Self.backend, sent: Self.sent,
            lastStep: Statement("decide", sql: ""))
        switch shared.outcome(of: end, leftOut: { rows in rows.map { $0 == "x" } }) {
        case .done(let rows, let shares):
            return shares.map { share in
                share.isEmpty ? "-" : String(Array(rows)[share])
            }.joined(separator: " ")
        case .failed(let error): return "failed: \(error)"
        case .rolledBack: return "rolled back"
        }
    }

    private func done(_ rows: String) -> End { .done(rows, isConfirmed: true) }

    private func refused(_ code: String, isEarly: Bool = false) -> End {
        .refused(ServerMessage(sqlState: SQLState(rawValue: code), text: nil, statement: "decide"), isEarly: isEarly)
    }

    @Test("each write has the rows of its parts, in their order")
    func shares() {
        #expect(outcome(done("a"), [1]) == "a")
        #expect(outcome(done("abc"), [1, 1, 1]) == "a b c")
        #expect(outcome(done("abcdef"), [2, 1, 3]) == "ab c def")
    }

    @Test("a part that was left out takes along those of its write behind it; a write without any other is undone")
    func leftOut() {
        #expect(outcome(done("axc"), [1, 1, 1]) == "a - c")
        #expect(outcome(done("abxdxf"), [3, 3]) == "ab d")
        #expect(outcome(done("xbcd"), [2, 2]) == "- cd")
        #expect(outcome(done("xx"), [1, 1]) == "- -")
        #expect(outcome(done("x"), [1]) == "x", "a part that has the transaction for itself waits for its locks")
    }

    @Test("a result with another number of rows is taken for no part")
    func rowCount() {
        for rows in ["a", "abc"] {
            #expect(outcome(done(rows), [1, 1]).hasPrefix("failed: unexpectedResult"))
        }
    }

    @Test("what the server has against several parts is told to none; each is run by itself")
    func refusals() {
        for (end, alone) in [
            (refused("40001"), "refused"), (refused("23514"), "refused"), (refused("57014"), "timedOut"),
            (refused("57014", isEarly: true), "connectionLost"), (.rolledBack, "rolledBack"),
        ] {
            #expect(outcome(end, [1]).hasPrefix("failed: \(alone)"))
            #expect(outcome(end, [1, 1]) == "rolled back")
            #expect(outcome(end, [2]) == "rolled back")
        }
    }

    @Test("an end that is not heard, or not confirmed, is told to all")
    func unknown() {
        let unknown = "failed: \(PostgresError.unknownOutcome(Self.backend, sent: Self.sent))"
        let unconfirmed = "failed: \(PostgresError.unconfirmed(sent: Self.sent))"
        for counts in [[1], [1, 1], [2, 3]] {
            #expect(outcome(.unknown, counts) == unknown)
            #expect(outcome(.done("ab", isConfirmed: false), counts) == unconfirmed)
            #expect(outcome(.unknown, counts, .rollback) == "failed: \(PostgresError.connectionLost)")
        }
    }
}
