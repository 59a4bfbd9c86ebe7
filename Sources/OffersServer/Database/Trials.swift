import Deadlines
import Offers
import Postgres

/// Tries the service's statements on a database, without a trace: what is explained is not run, and what is run is
/// rolled back. A trial that goes all the way uses up one number of the sequence behind `order_status_history.id`.
struct Trials: Sendable {
    let postgres: PostgresClient
    /// How long a trial of a read may take.
    var readLimit = Duration.milliseconds(1500)
    /// The same for an accept, a decline, or a commit.
    var writeLimit = Duration.milliseconds(1500)

    /// Looks which tables other programs lock, which waits for none of them. Nil: it could not be asked.
    func tableLocks() async -> TableLocks? {
        let bound = BoundStatement(TableLocks.query, isPrepared: false)
        return try? await postgres.read(bound, for: .control, deadline: Deadline(in: readLimit)) {
            rows throws(ResultMismatch) in
            try TableLocks(rows)
        }
    }

    // MARK: Reads

    /// Has the server parse, rewrite and plan a statement, and look whether this role may run it. That waits for the
    /// locks of tables, so it goes where lists go: `health` has to be answered beside it.
    func explain(_ statement: ServiceStatement) async -> TrialOutcome {
        let nulls = statement.explained.parameterTypes.map { type -> Parameter in
            switch type {
            case .int8: .int8(nil)
            case .int8Array: .int8Array([])
            case .text: .text(nil)
            case .timestamptz: .timestamptz(nil)
            }
        }
        return await read(BoundStatement(statement.explained, nulls), of: statement.statement.name, .planned)
    }

    /// Reads the card of the newest offer, which touches the rows that a list does. Nil: there is no offer.
    func card() async -> TrialOutcome? {
        guard let pairs = await pairs(TrialStatements.newest) else { return .unfinished(.unfinished) }
        guard let pair = pairs.first else { return nil }
        let bound = GetOfferQuery.bound(pair)
        return await read(bound, of: bound.statement.name, .whole)
    }

    private func read(_ bound: BoundStatement, of name: String, _ depth: ProofDepth) async -> TrialOutcome {
        do throws(PostgresError) {
            try await postgres.read(bound.unprepared, deadline: Deadline(in: readLimit)) { _ in }
            return .success(depth)
        } catch {
            return Trials.outcome(error, of: name, depth)
        }
    }

    /// Pairs that can be accepted now, for trials that go all the way; nil: it could not be asked. No two of them share
    /// a master or an order, so that one lock of another program is in the way of one.
    func pairs() async -> [OrderParams]? {
        guard let found = await pairs(TrialStatements.pairs) else { return nil }
        var chosen: [OrderParams] = []
        for pair in found where chosen.count < 5 {
            if !chosen.contains(where: { $0.master.number == pair.master.number || $0.order == pair.order }) {
                chosen.append(pair)
            }
        }
        return chosen
    }

    /// What it means that none of these pairs could be tried.
    static func untried(_ pairs: [OrderParams], _ inspection: Inspection) -> TrialOutcome? {
        // One may be what other programs work on. What row security hides or refuses is told elsewhere.
        pairs.count > 1 && inspection.rowSecurity.faults.isEmpty ? .blocked(.rowsLocked) : nil
    }

    private func pairs(_ statement: Statement) async -> [OrderParams]? {
        try? await postgres.read(BoundStatement(statement).unprepared, deadline: Deadline(in: readLimit)) {
            rows throws(ResultMismatch) in
            var pairs: [OrderParams] = []
            for row in 0..<rows.rowCount {
                pairs.append(
                    OrderParams(
                        master: .id(try rows.requiredInteger(row: row, column: 0)),
                        order: try rows.requiredInteger(row: row, column: 1)))
            }
            return pairs
        }
    }

    // MARK: Writes

    /// Decides about an accept of what is not there, as the service does it. It locks nothing and writes nothing.
    func accept() async -> TrialOutcome {
        await write(AcceptOfferStatement.transaction(Trials.impossible))
    }

    /// The same for a decline.
    func decline() async -> TrialOutcome {
        await write(DeclineOfferStatement.transaction(Trials.impossible))
    }

    /// Accepts the first of these pairs that no other program has locked, and takes it back. Nil: there was none.
    func accept(anyOf pairs: [OrderParams]) async -> TrialOutcome? {
        await whole(pairs, of: AcceptOfferStatement.statement) { pair in
            let parts = BatchParameters([pair.part])
            return BoundStatement(TrialStatements.accept, parts.columns)
        }
    }

    /// The same for a decline.
    func decline(anyOf pairs: [OrderParams]) async -> TrialOutcome? {
        await whole(pairs, of: DeclineOfferStatement.statement) { pair in
            BoundStatement(TrialStatements.decline, [.int8(pair.master.number), .int8(pair.order)])
        }
    }

    /// Writes a row of the history, and takes it back: for when no offer can be accepted, as its table may refuse every
    /// row. Nil: there is no such offer, or a trigger refuses the row, which may be right as no order is accepted.
    func history() async -> TrialOutcome? {
        do throws(PostgresError) {
            let isWritten = try await postgres.transaction(
                trial({ _ in [BoundStatement(TrialStatements.history)] }) { rows throws(ResultMismatch) in
                    try rows.bool(row: 0, column: 0) == true
                }, deadline: Deadline(in: writeLimit))
            return isWritten ? .success(.planned) : nil
        } catch {
            if case .refused(let message) = error, message.isRaised { return nil }
            return Trials.outcome(
                error, of: AcceptOfferStatement.statement.form(for: Trials.impossible.master).name, .planned)
        }
    }

    /// Commits nothing but an empty message in the server's log, which waits for what an accept waits for. A backend
    /// that waits on is ended, so that they do not pile up.
    func commit() async -> TrialOutcome {
        let began = MonotonicTime.now()
        do throws(PostgresError) {
            try await postgres.transaction(
                Transaction(
                    name: "trial", steps: { _ in [BoundStatement(TrialStatements.commit, isPrepared: false)] },
                    decode: { _ in }),
                deadline: Deadline(in: writeLimit))
            return .success(.whole)
        } catch .unconfirmed {
            return .failure(.unconfirmed, needs: .asked)
        } catch .unknownOutcome(let backend, _) {
            // A connection that broke at once is another matter, and seen elsewhere.
            guard began.duration(to: .now()) >= writeLimit / 2 else { return .nothing }
            if let backend { _ = await postgres.end(backend, deadline: Deadline(in: writeLimit)) }
            return .failure(.unconfirmed, needs: .asked)
        } catch {
            return Trials.outcome(error, of: "offersd_commit", .whole)
        }
    }

    /// No such master, and no such order.
    private static let impossible = OrderParams(master: .id(-1), order: -1)

    private func write<Success>(_ write: Transaction<WriteVerdict<Success>>) async -> TrialOutcome {
        let steps: @Sendable (Duration) -> [BoundStatement] = {
            write.plan.steps(BatchParameters([Trials.impossible.part]), $0)
        }
        do throws(PostgresError) {
            let verdict = try await postgres.transaction(
                trial(steps) { rows throws(ResultMismatch) in try write.decode(rows, 0) },
                deadline: Deadline(in: writeLimit))
            if case .notLocked = verdict { return .failure(.rowsNotLocked, needs: .planned) }
            return .success(.planned)
        } catch {
            return Trials.outcome(error, of: nil, .planned)
        }
    }

    /// What a write that went all the way tells.
    private struct Rehearsed: Sendable {
        let isGranted: Bool
        let isHeld: Bool
        /// The table of rows that were not written.
        let unwritten: String?

        init(_ rows: QueryResult) throws(ResultMismatch) {
            isGranted = try rows.requiredText(row: 0, column: 0) == "GRANTED"
            isHeld = try rows.bool(row: 0, column: 1) == true
            var unwritten: String?
            for (column, table) in [(2, "offers"), (3, "orders"), (4, "order_status_history")]
            where try rows.bool(row: 0, column: column) != true { unwritten = unwritten ?? table }
            self.unwritten = unwritten
        }
    }

    private func whole(
        _ pairs: [OrderParams], of statement: ByMaster, _ step: @escaping @Sendable (OrderParams) -> BoundStatement
    ) async -> TrialOutcome? {
        let name = statement.form(for: Trials.impossible.master).name
        for pair in pairs {
            let lock = BoundStatement(TrialStatements.locks, [.int8(pair.master.number), .int8(pair.order)])
            do throws(PostgresError) {
                let rehearsed = try await postgres.transaction(
                    trial({ _ in [lock, step(pair)] }) { rows throws(ResultMismatch) in try Rehearsed(rows) },
                    deadline: Deadline(in: writeLimit))
                // Otherwise another program has it, or had it in the meantime.
                guard rehearsed.isGranted, rehearsed.isHeld else { continue }
                return rehearsed.unwritten.map { .failure(.unwritten(table: $0), needs: .whole) } ?? .success(.whole)
            } catch {
                return Trials.outcome(error, of: name, .whole)
            }
        }
        return nil
    }

    private func trial<Value>(
        _ steps: @escaping @Sendable (Duration) -> [BoundStatement], _ decode: @escaping RowDecoder<Value>
    ) -> Transaction<Value> {
        Transaction(
            name: "trial", ending: .rollback,
            steps: { limit in
                ([TrialStatements.lockTimeout, TrialStatements.constraints].map { BoundStatement($0) }
                    + steps(limit)).map(\.unprepared)
            },
            decode: decode)
    }

    /// - Parameter name: The statement that the trial stands for; nil: it is the one that was refused.
    static func outcome(_ error: PostgresError, of name: String?, _ depth: ProofDepth) -> TrialOutcome {
        switch error {
        case .timedOut:
            return .unfinished(.unfinished)
        case .refused(var message):
            if message.isTimeout { return .unfinished(.unfinished) }
            if message.isWorthAnotherWrite { return .unfinished(.conflicts) }
            if let name { message.statement = name }
            return MethodError(read: .refused(message)).obstacle.map { .refused($0, depth) } ?? .nothing
        default:
            return MethodError(read: error).obstacle.map { .refused($0, depth) } ?? .nothing
        }
    }
}
