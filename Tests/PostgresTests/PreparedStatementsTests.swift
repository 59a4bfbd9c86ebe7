import Testing

@testable import Postgres

/// Which statements a connection has prepared, and what becomes of the answers to preparations.
@Suite("The statements that a connection has prepared")
struct PreparedStatementsTests {
    private let one = Statement("one", sql: "SELECT 1")
    private let other = Statement("other", sql: "SELECT 2")

    /// Sends statements, and returns which of them are prepared before.
    @discardableResult
    private func send(_ sent: [Statement], _ statements: inout PreparedStatements) -> [Bool] {
        sent.map { statements.send($0).isNew }
    }

    /// Which of the answers are passed on.
    private func take(
        _ answers: [PreparedStatements.AnswerKind], _ statements: inout PreparedStatements
    ) -> [Bool] {
        answers.map { statements.take($0) }
    }

    /// Which of the two statements need no preparation.
    private func areKnown(_ statements: PreparedStatements) -> [Bool] {
        [one, other].map { statement in
            var next = statements
            return !next.send(statement).isNew
        }
    }

    @Test("a statement is prepared once, and its name is kept")
    func once() {
        var statements = PreparedStatements()
        #expect(areKnown(statements) == [false, false])
        #expect(send([one, one, other, one], &statements) == [true, false, true, false])
        var next = statements
        #expect(
            [one, other].map { Array(next.send($0).name) } == [Array("one".utf8CString), Array("other".utf8CString)])
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
        statements.sendUnprepared()
        send([one], &statements)
        statements.sendUnprepared()
        #expect(take([.success], &statements) == [true])
        #expect(statements.arePending)
        #expect(take([.success], &statements) == [false])
        #expect(!statements.arePending)
        #expect(take([.success, .success], &statements) == [true, true])
    }
}
