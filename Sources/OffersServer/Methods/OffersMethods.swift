import JSONRPC
import Logging
import Offers
import Postgres

/// The methods of the service: each reads its params, asks the database, and returns a result or one of the
/// contract's errors. Access, deadlines, counters and the write log are here, once for all.
///
/// An object, because every call takes it along.
final class OffersMethods: Sendable {
    private let database: OffersDatabase
    private let health: HealthCheck
    private let metrics: ServiceMetrics
    private let settings: Settings
    private let monitor: DatabaseMonitor
    private let logger: Logger
    /// Its level, which every call asks for: a logger has to be copied for the answer.
    private let logLevel: Logger.Level

    init(
        database: OffersDatabase, health: HealthCheck, metrics: ServiceMetrics, settings: Settings,
        monitor: DatabaseMonitor, logger: Logger
    ) {
        self.database = database
        self.health = health
        self.metrics = metrics
        self.settings = settings
        self.monitor = monitor
        self.logger = logger
        self.logLevel = logger.logLevel
    }

    /// All methods, for the server.
    var table: [Method] {
        [
            query(Contract.listOffers, .listOffers) { [self] call, trace, end throws(OffersFailure) in
                let params = try self.params(call, ListOffersParams.init)
                database.listOffers(params, deadline: readDeadline(call), trace: trace, end: end)
            },
            query(Contract.getOffer, .getOffer) { [self] call, trace, end throws(OffersFailure) in
                let params = try self.params(call, OrderParams.init)
                database.getOffer(params, deadline: readDeadline(call), trace: trace, end: end)
            },
            method(Contract.acceptOffer, .orderedWrite, .acceptOffer) { [self] call throws(OffersFailure) in
                let params = try self.params(call, OrderParams.init)
                return try await database.acceptOffer(
                    params, caller: call.connection, deadline: writeDeadline(call))
            },
            method(Contract.declineOffer, .orderedWrite, .declineOffer) { [self] call throws(OffersFailure) in
                let params = try self.params(call, OrderParams.init)
                return try await database.declineOffer(
                    params, caller: call.connection, deadline: writeDeadline(call))
            },
            method(Contract.health, .read) { [self] call throws(OffersFailure) in
                _ = try self.params(call, NoParams.init)
                return await health.check(deadline: readDeadline(call))
            },
            method(Contract.metrics, .read) { [self] call throws(OffersFailure) in
                metrics.report(try self.params(call, MetricsParams.init).format)
            },
            method(Contract.discover, .read) { [self] call throws(OffersFailure) in
                _ = try self.params(call, NoParams.init)
                return OpenRPCDocument()
            },
        ]
    }

    /// Reads a call's params; a refusal of the wire's kind becomes this layer's.
    private func params<Value>(
        _ call: Call, _ read: (Params) throws(RPCError) -> Value
    ) throws(OffersFailure) -> Value {
        do { return try read(call.request.params) } catch { throw .invalid(error) }
    }

    private func readDeadline(_ call: Call) -> CallDeadline {
        CallDeadline(turn: call.turn, milliseconds: settings.readDeadlineMilliseconds)
    }

    private func writeDeadline(_ call: Call) -> CallDeadline {
        CallDeadline(turn: call.turn, milliseconds: settings.writeDeadlineMilliseconds)
    }

    /// A method that runs in a task, wrapped in what is the same for all of them.
    private func method(
        _ description: MethodDescription, _ effect: Method.Effect, _ work: Work? = nil,
        _ body: @escaping @Sendable (Call) async throws(OffersFailure) -> any JSONEncodable
    ) -> Method {
        let opsMayWrite = settings.opsWrites
        return Method(
            name: description.name, effect: effect,
            allowed: { $0.socket != Settings.opsSocketName || effect == .read || opsMayWrite },
            run: { [self] call throws(RPCError) in
                let record = record(of: call, description.name, effect, work)
                do throws(OffersFailure) {
                    let result = try await traced(record.trace, call, body)
                    if let work { noteSuccess(of: work, result) }
                    note(record, outcome: "ok")
                    return result
                } catch {
                    throw refusal(record, error)
                }
            })
    }

    /// A method that asks the database one thing, wrapped in the same.
    private func query<Value: JSONEncodable>(
        _ description: MethodDescription, _ work: Work?,
        _ body:
            @escaping @Sendable (Call, PoolTrace?, @escaping OffersDatabase.End<Value>) throws(OffersFailure) -> Void
    ) -> Method {
        Method(
            name: description.name, effect: .read,
            work: .starts { [self] call in
                let record = record(of: call, description.name, .read, work)
                let end: OffersDatabase.End<Value> = { [self] result in
                    switch result {
                    case .success(let value):
                        if let work { monitor.succeeded(work, at: .now()) }
                        note(record, outcome: "ok")
                        call.succeed(value)
                    case .failure(let error):
                        call.fail(refusal(record, error))
                    }
                }
                do throws(OffersFailure) { try body(call, record.trace, end) } catch { end(.failure(error)) }
            })
    }

    /// A call under way, as it is counted and logged at its end.
    private struct Record: Sendable {
        let call: Call
        let name: String
        let effect: Method.Effect
        let began: MonotonicTime
        let trace: PoolTrace?
        let work: Work?
    }

    private func record(of call: Call, _ name: String, _ effect: Method.Effect, _ work: Work?) -> Record {
        // Where the time goes is measured only for whom it is shown to.
        let trace = logLevel <= .debug ? PoolTrace() : nil
        return Record(
            call: call, name: name, effect: effect, began: .now(), trace: trace, work: work)
    }

    private func refusal(_ record: Record, _ failure: OffersFailure) -> RPCError {
        if let work = record.work { noteFailure(of: work, failure) }
        let refusal = answer(to: failure, method: record.name)
        note(record, outcome: refusal.reason)
        return refusal
    }

    private func traced(
        _ trace: PoolTrace?, _ call: Call,
        _ body: @escaping @Sendable (Call) async throws(OffersFailure) -> any JSONEncodable
    ) async throws(OffersFailure) -> any JSONEncodable {
        guard let trace else { return try await body(call) }
        // `withValue` does not pass on which error it is.
        let result = await PoolTrace.$current.withValue(trace) { () async -> Result<any JSONEncodable, OffersFailure> in
            do throws(OffersFailure) { return .success(try await body(call)) } catch { return .failure(error) }
        }
        return try result.get()
    }

    /// The error as it goes over the wire. What the database said goes to the log, never to the client.
    private func answer(to failure: OffersFailure, method: String) -> RPCError {
        switch failure {
        case .invalid(let error):
            return error
        case .offers(.databaseUnavailable(let retryAfterMs, _)):
            monitor.lookAgain()
            let missing = monitor.inspection?.missing(for: Requirement.Purpose(method: method)) ?? []
            return OffersError.databaseUnavailable(retryAfterMs: retryAfterMs, missing: missing).rpcError
        case .offers(let error):
            return error.rpcError
        case .shuttingDown:
            return .shuttingDown
        case .database(let obstacle):
            if obstacle.isUnforeseen {
                logger.error("unforeseen failure", metadata: ["method": "\(method)", "detail": "\(obstacle.detail)"])
            }
            return obstacle.answer.map { answer(to: .offers($0), method: method) } ?? .internalError
        }
    }

    /// What the success of a claim tells of the database: nothing, if it found its work done and wrote nothing.
    private func noteSuccess(of work: Work, _ result: any JSONEncodable) {
        switch result {
        case let result as AcceptOfferResult where result.alreadyAccepted: return
        case let result as DeclineOfferResult where result.alreadyDeclined: return
        default: break
        }
        monitor.succeeded(work, at: .now())
        monitor.succeeded(.commit, at: .now())
    }

    /// What a failure tells of the database.
    private func noteFailure(of work: Work, _ failure: OffersFailure) {
        switch failure {
        case .database(let obstacle): monitor.failed(work, obstacle, at: .now())
        case .offers(.outcomeUnknown): monitor.failed(.commit, .unconfirmed, at: .now())
        case .offers, .invalid, .shuttingDown: break
        }
    }

    /// Counts a call, and logs it if it was a write or slow: who asked for what, and what became of it. With debug all
    /// are logged, with what they took of the database.
    private func note(_ record: Record, outcome: String) {
        let (name, effect, call) = (record.name, record.effect, record.call)
        let now = MonotonicTime.now()
        let microseconds = (now.nanoseconds - record.began.nanoseconds) / 1000
        // A claim that waited for those before it on its connection is not slow for that.
        let counted = effect == .read ? record.began : max(record.began, call.turn.moment ?? now)
        let isSlow = counted.milliseconds(until: now) >= settings.slowRequestMilliseconds
        metrics.count(method: name, outcome: outcome, microseconds: microseconds, isSlow: isSlow)
        let level: Logger.Level = isSlow ? .warning : effect == .read ? .debug : .info
        guard level >= logLevel else { return }
        var fields: Logger.Metadata = [
            "uid": "\(call.peer.userID)", "pid": "\(call.peer.processID)", "socket": "\(call.peer.socket)",
            "outcome": "\(outcome)", "durationMs": "\(Double(microseconds) / 1000)",
        ]
        if isSlow { fields["slow"] = "true" }
        if name == Contract.listOffers.name {
            fields["master"] = (try? ListOffersParams(call.request.params)).map { "\($0.master.logText)" }
        } else if let order = try? OrderParams(call.request.params) {
            fields["master"] = "\(order.master.logText)"
            fields["order"] = "\(order.order.map(String.init) ?? "?")"
        } else if effect != .read {
            (fields["master"], fields["order"]) = ("?", "?")
        }
        if let times = record.trace?.times {
            fields["databaseCalls"] = "\(times.calls)"
            fields["waitedMs"] = "\(Double(times.waiting / 1000) / 1000)"
            fields["databaseMs"] = "\(Double(times.working / 1000) / 1000)"
        }
        logger.log(level: level, "\(name)", metadata: fields)
    }
}

extension Requirement.Purpose {
    /// What the method needs.
    fileprivate init(method: String) {
        switch method {
        case Contract.acceptOffer.name: self = .accept
        case Contract.declineOffer.name: self = .decline
        default: self = .list
        }
    }
}

extension MasterReference {
    /// As it is written in the log.
    fileprivate var logText: String {
        switch self {
        case .id(let number): number.map(String.init) ?? "?"
        case .telegramUser(let number): "telegram:" + (number.map(String.init) ?? "?")
        }
    }
}
