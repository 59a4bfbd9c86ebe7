import Deadlines
import JSONRPC
import Logging
import Offers
import Postgres

/// One call under way, from its params to its reply: how much time it has, and how it is answered, counted and logged.
final class Operation: Sendable {
    /// What all operations use.
    final class Shared: Sendable {
        let metrics: ServiceMetrics
        let settings: Settings
        let monitor: DatabaseMonitor
        let logger: Logger
        /// The logger's level, which every call asks for: a logger has to be copied for the answer.
        let logLevel: Logger.Level

        init(metrics: ServiceMetrics, settings: Settings, monitor: DatabaseMonitor, logger: Logger) {
            self.metrics = metrics
            self.settings = settings
            self.monitor = monitor
            self.logger = logger
            logLevel = logger.logLevel
        }

        /// For calls that begin together; nil where the log does not show it.
        var trace: PoolTrace? { logLevel <= .debug ? PoolTrace() : nil }
    }

    /// What all operations of a method have in common.
    final class Kind: Sendable {
        let description: MethodDescription
        let effect: Method.Effect
        /// What success or failure says about the database.
        let work: Work?
        let shared: Shared

        init(_ description: MethodDescription, _ effect: Method.Effect, _ work: Work?, _ shared: Shared) {
            self.description = description
            self.effect = effect
            self.work = work
            self.shared = shared
        }
    }

    /// Collects where the time goes in the pool; nil where the log does not show it.
    let trace: PoolTrace?
    private let call: Call
    private let kind: Kind
    private let subject: Subject?
    private let began = MonotonicTime.now()

    /// - Parameter subject: Nil where the params cannot be read, or name nothing.
    init(_ call: Call, _ kind: Kind, _ subject: Subject?, _ trace: PoolTrace?) {
        self.call = call
        self.kind = kind
        self.subject = subject
        self.trace = trace
    }

    private var shared: Shared { kind.shared }

    /// Until when it is to be answered.
    var deadline: Deadline {
        Deadline(
            kind.effect == .read ? shared.settings.postgres.readDeadline : shared.settings.writeDeadline,
            from: call.deadlineStart)
    }

    // MARK: The end

    /// Works in a task of the connection, and ends with what comes of it.
    func runInTask(_ body: @escaping @Sendable () async -> some JSONEncodable) {
        call.runInTask { [self] in succeed(await body()) }
    }

    /// Ends with what came of a read: the rows as the contract's result or error, or why there are none.
    func end<Value: JSONEncodable>(
        _ result: Result<QueryResult, PostgresError>, of bound: BoundStatement,
        _ decode: RowDecoder<Result<Value, OffersError>>
    ) {
        do throws(PostgresError) {
            let rows = try result.get()
            do throws(ResultMismatch) {
                switch try decode(rows) {
                case .success(let value): succeed(value)
                case .failure(let refusal): fail(MethodError(refusal))
                }
            } catch {
                throw PostgresError(error, in: bound.statement.name)
            }
        } catch {
            fail(MethodError(read: error))
        }
    }

    /// Ends with a result.
    ///
    /// - Parameter wrote: Whether it has written. An accept or decline that found its work done tells nothing of the
    ///   database.
    func succeed(_ value: some JSONEncodable, wrote: Bool = false) {
        if let work = kind.work, wrote || kind.effect == .read {
            shared.monitor.succeeded(work, at: .now())
            if wrote { shared.monitor.succeeded(.commit, at: .now()) }
        }
        note(outcome: "ok")
        call.succeed(value)
    }

    /// Ends with an error of the request itself.
    func fail(with error: RPCError) {
        note(outcome: error.reason)
        call.fail(error)
    }

    /// Ends with what has failed.
    func fail(_ failure: MethodError) {
        if let work = kind.work { noteFailure(of: work, failure) }
        fail(with: answer(to: failure))
    }

    /// The error as it goes over the wire. What the database said goes to the log, never to the client.
    private func answer(to failure: MethodError) -> RPCError {
        if let obstacle = failure.obstacle, obstacle.isUnforeseen {
            shared.logger.error(
                "unforeseen failure", metadata: ["method": "\(kind.description.name)", "detail": "\(obstacle.detail)"])
        }
        guard case .databaseUnavailable(let retryAfterMs, _) = failure.answer else { return failure.answer.rpcError }
        shared.monitor.lookAgain()
        let missing = kind.work.flatMap { shared.monitor.inspection?.missing(for: Requirement.Purpose($0)) }
        return OffersError.databaseUnavailable(retryAfterMs: retryAfterMs, missing: missing ?? []).rpcError
    }

    // MARK: What it tells

    /// What a failure tells of the database.
    private func noteFailure(of work: Work, _ failure: MethodError) {
        if let obstacle = failure.obstacle {
            shared.monitor.failed(work, obstacle, at: .now())
        } else if failure.answer == .outcomeUnknown {
            shared.monitor.failed(.commit, .unconfirmed, at: .now())
        }
    }

    /// Counts the call, and logs it if it was a write or slow: the client, what it asked for, and what became of it.
    /// With debug all are logged, with what they took of the database.
    private func note(outcome: String) {
        let now = MonotonicTime.now()
        let microseconds = (now.nanoseconds - began.nanoseconds) / 1000
        // A write that waited for those before it on its connection is not slow for that.
        let counted = kind.effect == .read ? began : max(began, call.deadlineStart.began ?? now)
        let isSlow = counted.duration(to: now) >= shared.settings.slowRequest
        shared.metrics.count(
            method: kind.description.name, outcome: outcome, microseconds: microseconds, isSlow: isSlow)
        let level: Logger.Level = isSlow ? .warning : kind.effect == .read ? .debug : .info
        guard level >= shared.logLevel else { return }
        var fields: Logger.Metadata = [
            "uid": "\(call.peer.userID)", "pid": "\(call.peer.processID)", "socket": "\(call.peer.socket)",
            "outcome": "\(outcome)", "durationMs": "\(Double(microseconds) / 1000)",
        ]
        if isSlow { fields["slow"] = "true" }
        if let subject {
            fields["master"] = "\(subject.masterText)"
            if let order = subject.orderText { fields["order"] = "\(order)" }
        } else if kind.effect != .read {
            (fields["master"], fields["order"]) = ("?", "?")
        }
        if let times = trace?.times {
            fields["databaseCalls"] = "\(times.calls)"
            fields["waitedMs"] = "\(Double(times.waiting / 1000) / 1000)"
            fields["databaseMs"] = "\(Double(times.working / 1000) / 1000)"
        }
        shared.logger.log(level: level, "\(kind.description.name)", metadata: fields)
    }
}

extension Requirement.Purpose {
    /// What the work needs.
    fileprivate init(_ work: Work) {
        switch work {
        case .acceptOffer: self = .accept
        case .declineOffer: self = .decline
        case .explainOffer: self = .explain
        default: self = .list
        }
    }
}
