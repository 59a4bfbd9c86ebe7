import Offers
import Postgres

/// Tries the service's statements on a database, without a trace: what is explained is not run, and what is run is rolled
/// back. A trial uses up one number of the sequence behind `order_status_history.id`.
struct Trials: Sendable {
    let pool: PostgresPool
    /// How long a trial may take, in milliseconds.
    var milliseconds: Int64 = 1500

    /// What came of a trial; nil: nothing can be said, because the database could not be asked, or was busy.
    typealias Outcome = Result<Void, Obstacle>?

    /// Has the server parse, rewrite and plan a statement, and look whether this role may run it. That waits for the locks of
    /// tables, so it goes where lists go: `health` has to be answered beside it.
    func explain(_ statement: ServiceStatement) async -> Outcome {
        let nulls = statement.explained.parameterTypes.map { type -> Parameter in
            switch type {
            case .int8: .int8(nil)
            case .int8Array: .int8Array([])
            case .text: .text(nil)
            case .timestamptz: .timestamptz(nil)
            }
        }
        return await outcome { () async throws(PostgresError) -> Obstacle? in
            do throws(PostgresError) {
                return try await pool.read(
                    BoundStatement(statement.explained, nulls), deadline: FixedDeadline(milliseconds: milliseconds)
                ) { _ in nil }
            } catch .refused(var message) {
                message.statement = statement.statement.name
                throw .refused(message)
            }
        }
    }

    /// Decides about an accept, and writes the history of one: of a pair that is offered, or of one that cannot be and of
    /// an old order.
    func accept(_ pair: OrderParams?) async -> Outcome {
        await claim(
            AcceptOfferStatement.transaction(pair ?? Trials.impossible), pair ?? Trials.impossible,
            before: pair == nil ? [TrialStatements.history] : [])
    }

    /// The same for a decline.
    func decline(_ pair: OrderParams?) async -> Outcome {
        await claim(DeclineOfferStatement.transaction(pair ?? Trials.impossible), pair ?? Trials.impossible)
    }

    /// A pair that can be accepted now, for trials that go all the way; nil: there is none, or it could not be asked for.
    func pair() async -> OrderParams? {
        let found = try? await pool.read(
            BoundStatement(TrialStatements.pair), deadline: FixedDeadline(milliseconds: milliseconds)
        ) { rows throws(ResultMismatch) in
            guard rows.rowCount == 1 else { return nil as OrderParams? }
            return OrderParams(
                master: .id(try rows.requiredInteger(row: 0, column: 0)),
                order: try rows.requiredInteger(row: 0, column: 1))
        }
        return found ?? nil
    }

    /// Commits nothing but an empty message in the server's log, which waits for what an accept waits for. A backend that
    /// waits on is ended, so that they do not pile up.
    func commit() async -> Outcome {
        let began = MonotonicTime.now()
        do throws(PostgresError) {
            try await pool.transaction(
                Transaction(
                    name: "trial", steps: { _ in [BoundStatement(TrialStatements.commit)] }, decode: { _ in }),
                deadline: FixedDeadline(milliseconds: milliseconds))
            return .success(())
        } catch .unconfirmed {
            return .failure(.unconfirmed)
        } catch .unknownOutcome(let backend, _) {
            // A connection that broke at once is another matter, and seen elsewhere.
            guard began.milliseconds(until: .now()) >= milliseconds / 2 else { return nil }
            if let backend { _ = await pool.end(backend, deadline: FixedDeadline(milliseconds: milliseconds)) }
            return .failure(.unconfirmed)
        } catch {
            return Trials.outcome(error)
        }
    }

    /// No such master, and no such order.
    private static let impossible = OrderParams(master: .id(-1), order: -1)

    private func claim<Success>(
        _ claim: Transaction<ClaimVerdict<Success>>, _ params: OrderParams, before: [Statement] = []
    ) async -> Outcome {
        let trial = Transaction(
            name: "trial", ending: .rollback,
            steps: { milliseconds in
                ([TrialStatements.constraints] + before).map { BoundStatement($0) }
                    + claim.steps(Parts([params.part]), milliseconds)
            },
            decode: { rows throws(ResultMismatch) in try claim.decode(rows, 0) })
        return await outcome { () async throws(PostgresError) -> Obstacle? in
            let verdict = try await pool.transaction(trial, deadline: FixedDeadline(milliseconds: milliseconds))
            if case .notLocked = verdict { return .rowsNotLocked }
            return nil
        }
    }

    private func outcome(_ body: () async throws(PostgresError) -> Obstacle?) async -> Outcome {
        do throws(PostgresError) {
            return try await body().map { .failure($0) } ?? .success(())
        } catch {
            return Trials.outcome(error)
        }
    }

    private static func outcome(_ error: PostgresError) -> Outcome {
        // Our own guard against what other programs do at the same moment.
        if case .refused(let message) = error, message.isWorthAnotherClaim { return nil }
        if case .database(let obstacle) = OffersFailure(read: error) { return .failure(obstacle) }
        return nil
    }
}

extension Obstacle {
    /// COMMIT is not answered, or not confirmed.
    static let unconfirmed = {
        let text = "a COMMIT is not answered in time; the disk, or a standby that synchronous_standby_names waits for"
        return Obstacle(answer: .outcomeUnknown, summary: text, detail: text)
    }()
}
