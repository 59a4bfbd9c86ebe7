import Testing

@testable import Postgres

/// What is known of a transaction by the server's answers to it.
@Suite("The answers to a transaction")
struct TransactionAnswersTests {
    private typealias Answers = TransactionAnswers<String>

    /// BEGIN, the time limits, a step, the last step, and the end.
    private static let count = 5

    /// What is taken for one statement.
    private struct Given {
        let answer: ServerAnswer<String>
        let tag: String
        let unconfirmed: Int
    }

    private func answer(
        _ rows: String = "", tag: String = "", error: String? = nil, wasSkipped: Bool = false, unconfirmed: Int = 0
    ) -> Given {
        let failure = error.map { ServerMessage(sqlState: SQLState(rawValue: $0), text: nil, statement: "test") }
        return Given(
            answer: failure.map { .refused($0) } ?? (wasSkipped ? .skipped : .done(rows)), tag: tag,
            unconfirmed: unconfirmed)
    }

    private func take(_ given: Given, _ answers: inout Answers) -> Bool {
        answers.take(given.answer, tag: given.tag, unconfirmedCommits: given.unconfirmed)
    }

    /// What is known after these answers.
    private func answers(_ given: [Given], ending: Ending = .commit) -> Answers {
        var answers = Answers(count: Self.count, leadCount: 2, ending: ending)
        for answer in given { #expect(take(answer, &answers)) }
        return answers
    }

    /// All statements succeed.
    private func success(tag: String = "COMMIT") -> [Given] {
        [answer(), answer(), answer("first"), answer("last"), answer(tag: tag)]
    }

    /// The statement with this number fails, and those behind it are skipped.
    private func failure(of index: Int, tag: String = "") -> [Given] {
        (0..<Self.count).map {
            $0 == index ? answer(error: "23505") : answer(tag: $0 == Self.count - 1 ? tag : "", wasSkipped: $0 > index)
        }
    }

    /// An end, in words.
    private func text(_ end: Answers.End) -> String {
        switch end {
        case .done(let rows, let isConfirmed): isConfirmed ? "done: \(rows)" : "unconfirmed: \(rows)"
        case .refused(let message, let isEarly): "\(isEarly ? "early" : "refused"): \(message.sqlState.rawValue)"
        case .rolledBack: "rolled back"
        case .unknown: "unknown"
        }
    }

    @Test("the tag decides, when nothing has failed")
    func tags() {
        for (tag, ending, expected) in [
            ("COMMIT", Ending.commit, "done: last"), ("ROLLBACK", .commit, "rolled back"), ("", .commit, "unknown"),
            ("PREPARE TRANSACTION", .commit, "unknown"), ("ROLLBACK", .rollback, "done: last"),
            ("COMMIT", .rollback, "unknown"),
        ] {
            #expect(text(answers(success(tag: tag), ending: ending).end) == expected)
        }
    }

    @Test("without the rows of the last step, COMMIT says nothing of the parts")
    func noRows() {
        var given = success()
        given[3] = answer(wasSkipped: true)
        #expect(text(answers(given).end) == "unknown")
    }

    @Test("the first error decides, and is early before the steps", arguments: 0..<count)
    func errors(index: Int) {
        let expected = index < 2 ? "early: 23505" : "refused: 23505"
        #expect(text(answers(failure(of: index)).end) == expected)
        #expect(text(answers(failure(of: index, tag: "ROLLBACK")).end) == expected)
        var more = failure(of: index)
        if index + 1 < Self.count { more[index + 1] = answer(error: "40001") }
        #expect(text(answers(more).end) == expected)
    }

    @Test("a connection that breaks leaves it unknown, unless the tag was there", arguments: 0...count)
    func lost(after number: Int) {
        let known = answers(Array(success().prefix(number)))
        #expect(text(known.endOfConnection) == (number == Self.count ? "done: last" : "unknown"))
        #expect(text(answers(Array(success(tag: "ROLLBACK").prefix(number))).endOfConnection) == "unknown")
        // The error may be the last word of a server that has committed.
        #expect(text(answers(Array(failure(of: 4).prefix(number))).endOfConnection) == "unknown")
    }

    @Test("a warning that a standby has not confirmed counts between the last step and the tag")
    func confirmation() {
        func end(_ counts: [Int], _ ending: Ending) -> String {
            let tag = ending.tag
            let given = zip(success(tag: tag), counts).map { Given(answer: $0.answer, tag: $0.tag, unconfirmed: $1) }
            return text(answers(given, ending: ending).end)
        }
        #expect(end([0, 0, 0, 0, 1], .commit) == "unconfirmed: last")
        #expect(end([0, 0, 0, 1, 1], .commit) == "done: last")
        #expect(end([3, 3, 3, 3, 3], .commit) == "done: last")
        #expect(end([0, 0, 0, 0, 1], .rollback) == "done: last", "nothing was to be confirmed")
    }

    @Test("an answer more than there are statements is none of theirs")
    func tooMany() {
        var answers = answers(success())
        #expect(answers.nextNumber == nil)
        #expect(!take(answer(), &answers))
    }
}
