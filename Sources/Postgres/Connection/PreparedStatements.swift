internal import DequeModule

/// The statements that a connection has prepared, and the preparations that the server has not answered: a value
/// without I/O.
///
/// A statement counts as prepared from the sending of its preparation on, so that one unit can use it many times. The
/// preparation has an answer of its own, just before that of its statement. The two become one here.
struct PreparedStatements {
    /// A statement's name as C has it, so that no copy is made for each use.
    typealias Name = ContiguousArray<CChar>

    /// What an answer says, as far as it matters here.
    enum AnswerKind {
        case success, failure
        /// Something before it in its unit failed.
        case skipped
    }

    private var names: [Statement: Name] = [:]
    /// The one that was used last, for that is mostly the next one.
    private var latest: (statement: Statement, name: Name)?
    /// How many statements were sent, and how many were answered.
    private var sentCount = 0
    private var answeredCount = 0
    /// Those whose preparation is not answered, each with how many were sent before it.
    private var pending: Deque<(statement: Statement, number: Int)> = []
    /// The next answer is that of a statement whose preparation failed.
    private var isNextAnswered = false

    /// Whether a preparation is not answered. If it fails, the statement is not there for what was sent since.
    var arePending: Bool { !pending.isEmpty }

    /// Notes a statement that is about to be sent by its name. Returns the name, and whether its preparation must be sent
    /// first. A connection that cannot send them is of no further use.
    mutating func send(_ statement: Statement) -> (name: Name, isNew: Bool) {
        defer { sentCount += 1 }
        if let latest, latest.statement === statement { return (latest.name, false) }
        let known = names[statement]
        let name = known ?? statement.name.utf8CString
        latest = (statement, name)
        if known == nil {
            names[statement] = name
            pending.append((statement, sentCount))
        }
        return (name, known == nil)
    }

    /// Notes a statement that is about to be sent as a text.
    mutating func sendUnprepared() { sentCount += 1 }

    /// Takes the next answer. Returns whether it is to be passed on, as the one answer to a statement.
    mutating func take(_ answer: AnswerKind) -> Bool {
        if let next = pending.first, next.number == answeredCount {
            pending.removeFirst()
            if answer != .success {
                names[next.statement] = nil
                latest = nil
            }
            isNextAnswered = answer == .failure
            return isNextAnswered
        }
        answeredCount += 1
        defer { isNextAnswered = false }
        return !isNextAnswered
    }
}
