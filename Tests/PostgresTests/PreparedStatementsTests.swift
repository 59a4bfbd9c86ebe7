import Testing

@testable import Postgres

/// Which statements a connection has prepared, and what becomes of the answers to preparations.
@Suite("The statements that a connection has prepared")
struct PreparedStatementsTests {
    private let one = Statement("one", sql: "SELECT 1")
    private let other = Statement("other", sql: "SELECT 2")

    /// Sends statements as a connection does: what is not prepared is prepared before.
    private func send(_ sent: [Statement], _ statements: inout PreparedStatements) {
        for statement in sent {
            let known = statements.name(of: statement)
            statements.sent(statement, as: known ?? statement.name.utf8CString, prepares: known == nil)
        }
    }

    /// Which of the answers are passed on.
    private func take(
        _ answers: [PreparedStatements.Answer], _ statements: inout PreparedStatements
    ) -> [Bool] {
        answers.map { statements.take($0) }
    }

    private func areKnown(_ statements: PreparedStatements) -> [Bool] {
        [one, other].map { statements.name(of: $0) != nil }
    }

    @Test("a statement is prepared once, and its name is kept")
    func once() {
        var statements = PreparedStatements()
        #expect(statements.name(of: one) == nil)
        send([one, one, other, one], &statements)
        #expect(statements.name(of: one).map(Array.init) == Array("one".utf8CString))
        #expect(statements.name(of: other).map(Array.init) == Array("other".utf8CString))
        #expect(statements.arePending)
        let passed = take([.success, .success, .success, .success, .success, .success], &statements)
        #expect(passed == [false, true, true, false, true, true])
        #expect(!statements.arePending && areKnown(statements) == [true, true])
    }

    @Test("the failure of a preparation is the one answer to its statement, which is not prepared")
    func failure() {
        var statements = PreparedStatements()
        send([one, other], &statements)
        #expect(take([.failure, .skipped, .skipped, .skipped], &statements) == [true, false, false, true])
        #expect(!statements.arePending && areKnown(statements) == [false, false])
        send([other], &statements)
        #expect(take([.success, .success], &statements) == [false, true])
        #expect(areKnown(statements) == [false, true])
    }

    @Test("a preparation that was skipped is none, and one whose statement fails is")
    func skipped() {
        var statements = PreparedStatements()
        send([one, other, other], &statements)
        #expect(
            take([.success, .failure, .skipped, .skipped, .skipped], &statements) == [false, true, false, true, true])
        #expect(areKnown(statements) == [true, false])
    }

    @Test("a preparation is pending until it is answered, and not longer")
    func pending() {
        var statements = PreparedStatements()
        statements.sentUnprepared()
        send([one], &statements)
        statements.sentUnprepared()
        #expect(take([.success], &statements) == [true])
        #expect(statements.arePending)
        #expect(take([.success], &statements) == [false])
        #expect(!statements.arePending)
        #expect(take([.success, .success], &statements) == [true, true])
    }
}
