import Deadlines
import SeededRandom

@testable import Postgres

/// The database at the other end of the pools' connections: it gives the answers that libpq would, and knows what it has
/// committed.
struct SimulatedServer {
    /// A part of work: which work, and its place in it.
    struct Part: Hashable {
        let job: Int
        let place: Int
    }

    /// The row of a transaction's last step for one of its parts.
    struct Row {
        let part: Part
        let isLeftOut: Bool
    }

    /// What a transaction comes to.
    struct Transaction {
        let outcome: SharedWrites.Outcome<[Row]>
        let isUsable: Bool
        /// Which of its parts the server has committed, whatever it could say of that.
        let committed: Set<Part>
        /// Whether a standby has not confirmed the commit.
        let isUnconfirmed: Bool
        /// What is wrong with how the answers are taken.
        let problem: String?
    }

    /// The answer to a statement of a transaction, with what comes along.
    private struct Answer {
        let answer: ServerAnswer<[Row]>
        let tag: String
        let unconfirmedCommits: Int
    }

    private typealias Answers = TransactionAnswers<[Row]>

    private var random: SeededGenerator

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    /// BEGIN, the time limits, two steps and COMMIT.
    private static let count = 5

    private static let lastStep = Statement("decide", sql: "")

    // MARK: Writes

    /// Runs a transaction for these parts.
    ///
    /// - Parameters:
    ///   - works: The parts of each work.
    ///   - breaks: Whether the connection breaks before all is answered.
    mutating func transaction(for works: [[Part]], breaks: Bool) -> Transaction {
        let rows = rows(for: works)
        let failing = random.once(in: 4) ? random.below(Self.count) : nil
        let isRolledBack = failing != nil || random.once(in: 16)
        let isUnconfirmed = !isRolledBack && random.once(in: 8)
        let prepares = prepares(Self.count)
        var statements = sent(prepares)
        let given = answers(
            prepares, failing: failing, rows: rows, tag: failing != nil ? "" : isRolledBack ? "ROLLBACK" : "COMMIT",
            isUnconfirmed: isUnconfirmed)
        let heard = breaks ? random.below(given.count + 1) : given.count
        // A connection that breaks before the answer to COMMIT may do so before COMMIT is carried out.
        let commits = !isRolledBack && (heard == given.count || random.once(in: 2))
        var answers = Answers(count: Self.count, leadCount: 2, ending: .commit)
        var problem: String?
        for next in given.prefix(heard) where statements.take(Self.kind(next.answer)) && !Self.take(next, &answers) {
            problem = "an answer was one too many"
        }
        if breaks, heard < given.count, random.once(in: 3) {
            // A server that is stopped says farewell, whether it has committed or not.
            _ = Self.take(answer(refusal: "57P01"), &answers)
        }
        if !breaks, answers.nextNumber != nil { problem = "all was answered, and more is expected" }
        let end = breaks ? answers.endOfConnection : answers.end
        let shared = SharedWrites(
            counts: works.map(\.count), ending: .commit, backend: nil, sent: MonotonicTime(nanoseconds: 0),
            lastStep: Self.lastStep)
        let isAlone = rows.count == 1
        return Transaction(
            outcome: shared.outcome(of: end, leftOut: { $0.map(\.isLeftOut) }),
            isUsable: !breaks && isUsable(after: end),
            committed: commits ? Set(rows.filter { isAlone || !$0.isLeftOut }.map(\.part)) : [],
            isUnconfirmed: isUnconfirmed, problem: problem)
    }

    /// What a part waits for that is left out, those of its work behind it wait for, too.
    private mutating func rows(for works: [[Part]]) -> [Row] {
        works.flatMap { parts in
            var isLeftOut = false
            return parts.map { part in
                isLeftOut = isLeftOut || random.once(in: 6)
                return Row(part: part, isLeftOut: isLeftOut)
            }
        }
    }

    /// The answers to all statements and their preparations.
    private mutating func answers(
        _ prepares: [Bool], failing: Int?, rows: [Row], tag: String, isUnconfirmed: Bool
    ) -> [Answer] {
        var answers: [Answer] = []
        // Warnings of earlier commits.
        let warnings = random.below(3)
        // Rows that are not those of the parts.
        let isShort = rows.count > 1 && random.once(in: 16)
        for index in 0..<Self.count {
            let wasSkipped = failing.map { index > $0 } ?? false
            let failsPrepared = prepares[index] && random.once(in: 2)
            let refusal = index == failing ? ["40001", "23514", "57014", "57P01"][random.below(4)] : nil
            if prepares[index] {
                answers.append(
                    answer(
                        refusal: failsPrepared ? refusal : nil, wasSkipped: wasSkipped, unconfirmed: warnings))
            }
            let isLast = index == Self.count - 1
            answers.append(
                answer(
                    refusal: failsPrepared ? nil : refusal,
                    wasSkipped: wasSkipped || refusal != nil && failsPrepared, tag: isLast ? tag : "",
                    rows: index == Self.count - 2 ? Array(rows.dropLast(isShort ? 1 : 0)) : [],
                    unconfirmed: warnings + (isLast && isUnconfirmed ? 1 : 0)))
        }
        return answers
    }

    private func answer(
        refusal: String? = nil, wasSkipped: Bool = false, tag: String = "", rows: [Row] = [], unconfirmed: Int = 0
    ) -> Answer {
        Answer(
            answer: refusal.map { .refused(Self.message($0)) } ?? (wasSkipped ? .skipped : .done(rows)), tag: tag,
            unconfirmedCommits: unconfirmed)
    }

    private static func take(_ next: Answer, _ answers: inout Answers) -> Bool {
        answers.take(next.answer, tag: next.tag, unconfirmedCommits: next.unconfirmedCommits)
    }

    private func isUsable(after end: Answers.End) -> Bool {
        switch end {
        case .done: true
        case .refused(let message, _): !message.closesConnection
        case .rolledBack, .unknown: false
        }
    }

    // MARK: Preparations

    /// For each statement, whether its preparation is sent before it.
    private mutating func prepares(_ count: Int) -> [Bool] { (0..<count).map { _ in random.once(in: 3) } }

    private func sent(_ prepares: [Bool]) -> PreparedStatements {
        var statements = PreparedStatements()
        for (index, prepares) in prepares.enumerated() {
            if prepares {
                _ = statements.send(Statement("\(index)", sql: ""))
            } else {
                statements.sendUnprepared()
            }
        }
        return statements
    }

    private static func kind<Rows>(_ answer: ServerAnswer<Rows>) -> PreparedStatements.AnswerKind {
        switch answer {
        case .done: .success
        case .refused: .failure
        case .skipped: .skipped
        }
    }

    private static func message(_ code: String) -> ServerMessage {
        ServerMessage(sqlState: SQLState(rawValue: code), text: nil, statement: "test")
    }

    // MARK: Reads

    /// Runs reads that were sent together. The answer to each is the number of its work. What is behind a refused one
    /// is skipped. Returns the place of the refused one, too.
    mutating func reads(_ jobs: [Int]) -> (answers: [ServerAnswer<Int>], refused: Int?, problem: String?) {
        let failing = random.once(in: 4) ? random.below(jobs.count) : nil
        let prepares = prepares(jobs.count)
        // Behind a pooler they are a transaction with settings of its own.
        let isPooled = random.once(in: 4)
        var given: [ServerAnswer<Int>] = isPooled ? [row(-1), row(-2), row(-3)] : []
        for (index, job) in jobs.enumerated() {
            let wasSkipped = failing.map { index > $0 } ?? false
            let failsPrepared = prepares[index] && random.once(in: 2)
            if prepares[index] { given.append(row(-4, fails: index == failing && failsPrepared, wasSkipped)) }
            given.append(
                row(job, fails: index == failing && !failsPrepared, wasSkipped || index == failing && failsPrepared))
        }
        if isPooled { given.append(row(-5, fails: false, failing != nil)) }
        var answers = ReadAnswers<Int>(count: jobs.count, leading: isPooled ? 3 : 0, trailing: isPooled ? 1 : 0)
        var statements = sent(isPooled ? [false, false, false] + prepares : prepares)
        var problem: String?
        for answer in given where statements.take(Self.kind(answer)) && !answers.take(answer) {
            problem = "an answer was one too many"
        }
        if !answers.areComplete { problem = "all reads were answered, and more is expected" }
        return (answers.toReads, failing, problem)
    }

    private func row(_ job: Int, fails: Bool = false, _ wasSkipped: Bool = false) -> ServerAnswer<Int> {
        fails ? .refused(Self.message("22012")) : wasSkipped ? .skipped : .done(job)
    }
}
