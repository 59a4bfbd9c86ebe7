import JSONRPC
import Logging
import Offers
import Postgres

/// The methods of the service: each reads its params, asks the database, and returns a result or one of the
/// contract's errors. Access, deadlines, counters and the write log are here, once for all.
struct OffersMethods: Sendable {
    let database: OffersDatabase
    let health: HealthCheck
    let metrics: ServiceMetrics
    let settings: Settings
    let monitor: DatabaseMonitor
    let logger: Logger

    /// All methods, for the server.
    var table: [Method] {
        [
            method(Contract.listOffers, .read) { call throws(OffersFailure) in
                let params = try self.params(call, ListOffersParams.init)
                return try await database.listOffers(params, deadline: readDeadline(call))
            },
            method(Contract.getOffer, .read) { call throws(OffersFailure) in
                let params = try self.params(call, OrderParams.init)
                return try await database.getOffer(params, deadline: readDeadline(call))
            },
            method(Contract.acceptOffer, .write) { call throws(OffersFailure) in
                let params = try self.params(call, OrderParams.init)
                return try await database.acceptOffer(params, deadline: writeDeadline(call))
            },
            method(Contract.declineOffer, .write) { call throws(OffersFailure) in
                let params = try self.params(call, OrderParams.init)
                return try await database.declineOffer(params, deadline: writeDeadline(call))
            },
            method(Contract.health, .read) { call throws(OffersFailure) in
                _ = try self.params(call, NoParams.init)
                return await health.check(deadline: readDeadline(call))
            },
            method(Contract.metrics, .read) { call throws(OffersFailure) in
                metrics.report(try self.params(call, MetricsParams.init).format)
            },
            method(Contract.discover, .read) { call throws(OffersFailure) in
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

    /// Wraps what a method does in what is the same for all of them.
    private func method(
        _ description: MethodDescription, _ effect: Method.Effect,
        _ body: @escaping @Sendable (Call) async throws(OffersFailure) -> any JSONEncodable
    ) -> Method {
        let name = description.name
        let opsMayWrite = settings.opsWrites
        return Method(
            name: name, effect: effect,
            allowed: { $0.socket != Settings.opsSocketName || effect == .read || opsMayWrite },
            run: { call throws(RPCError) in
                let began = MonotonicTime.now()
                // Where the time goes is measured only for whom it is shown to.
                let trace = logger.logLevel <= .debug ? PoolTrace() : nil
                do throws(OffersFailure) {
                    let result = try await traced(trace, call, body)
                    note(name, effect, call, began: began, outcome: "ok", trace)
                    return result
                } catch {
                    let refusal = answer(to: error, method: name)
                    note(name, effect, call, began: began, outcome: refusal.reason, trace)
                    throw refusal
                }
            })
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
        case .unforeseen(let detail):
            logger.error("unforeseen failure", metadata: ["method": "\(method)", "detail": "\(detail)"])
            return .internalError
        }
    }

    /// Counts a call, and logs it if it was a write or slow: who asked for what, and what became of it. With debug all
    /// are logged, with what they took of the database.
    private func note(
        _ name: String, _ effect: Method.Effect, _ call: Call, began: MonotonicTime, outcome: String,
        _ trace: PoolTrace?
    ) {
        let microseconds = (MonotonicTime.now().nanoseconds - began.nanoseconds) / 1000
        let isSlow = microseconds >= settings.slowRequestMilliseconds.magnitude * 1000
        metrics.count(method: name, outcome: outcome, microseconds: microseconds, isSlow: isSlow)
        let level: Logger.Level = isSlow ? .warning : effect == .write ? .info : .debug
        guard level >= logger.logLevel else { return }
        var fields: Logger.Metadata = [
            "uid": "\(call.peer.userID)", "pid": "\(call.peer.processID)", "socket": "\(call.peer.socket)",
            "outcome": "\(outcome)", "durationMs": "\(Double(microseconds) / 1000)",
        ]
        if isSlow { fields["slow"] = "true" }
        if let order = try? OrderParams(call.request.params) {
            fields["master"] = "\(order.master.logText)"
            fields["order"] = "\(order.order.map(String.init) ?? "?")"
        } else if let list = try? ListOffersParams(call.request.params) {
            fields["master"] = "\(list.master.logText)"
        } else if effect == .write {
            (fields["master"], fields["order"]) = ("?", "?")
        }
        if let times = trace?.times {
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
