import Testing

@testable import Postgres

/// What is known of reads by the server's answers to a group of them.
@Suite("The answers to reads")
struct ReadAnswersTests {
    private typealias Answers = ReadAnswers<String>

    private func done(_ rows: String = "") -> ServerAnswer<String> { .done(rows) }

    private var skipped: ServerAnswer<String> { .skipped }

    private func refused(_ code: String) -> ServerAnswer<String> {
        .refused(ServerMessage(sqlState: SQLState(rawValue: code), text: nil, statement: "test"))
    }

    /// The answers to the reads, in words.
    private func texts(_ answers: Answers) -> [String] {
        answers.toReads.map { answer in
            switch answer {
            case .done(let rows): rows
            case .refused(let message): message.sqlState.rawValue
            case .skipped: "skipped"
            }
        }
    }

    @Test("each read has its answer; what is behind a refused one was skipped")
    func ofEach() {
        var answers = Answers(count: 3)
        #expect(!answers.areComplete)
        for answer in [done("a"), refused("22012"), skipped] { #expect(answers.take(answer) == true) }
        #expect(texts(answers) == ["a", "22012", "skipped"] && answers.areComplete)
        #expect(answers.take(done()) == false)
    }

    @Test("a group of which nothing has run is not complete, nor is one with fewer answers")
    func incomplete() {
        var all = Answers(count: 2)
        for _ in 0..<2 { _ = all.take(skipped) }
        #expect(!all.areComplete)
        var some = Answers(count: 2)
        _ = some.take(done())
        #expect(!some.areComplete)
    }

    @Test("what a transaction of reads begins and ends with is none of theirs")
    func transaction() {
        var answers = Answers(count: 1, leading: 3, trailing: 1)
        for answer in [done("begin"), done("limit"), done("settings")] { #expect(answers.take(answer) == true) }
        #expect(answers.lead == "settings" && answers.toReads.isEmpty)
        for answer in [done("a"), done("commit")] { #expect(answers.take(answer) == true) }
        #expect(texts(answers) == ["a"] && answers.areComplete)
        #expect(answers.take(done()) == false)

        var failed = Answers(count: 1, leading: 3, trailing: 1)
        for answer in [done(), refused("57014"), refused("25P02"), skipped] { _ = failed.take(answer) }
        #expect(failed.leadFailure?.sqlState.rawValue == "57014")
    }
}
