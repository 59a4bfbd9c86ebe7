import JSONRPC
import Offers

/// offersd on its socket.
///
/// Every call has a connection of its own. To a Unix socket that costs a fraction of a millisecond, and the round trip
/// to Telegram that follows costs a hundred times as much; in return no call waits behind another chat's, none is sent
/// into a connection that is already dead, and there is nothing to reconnect. There are never more of them than updates
/// in hand, and those are fewer than the connections that the service allows (``PollingState/mostInHand``).
struct Offersd: OfferCalls {
    /// The socket.
    let socket: String
    /// How long a write may take in all.
    var patience: Duration = .seconds(6)
    /// How long a read may take; the service itself gives up after 2 s.
    var readPatience: Duration = .seconds(3)
    /// How long to go on knocking when nobody listens: a restart takes less, and a tap is not answered late by it.
    var knocking: Duration = .seconds(1)

    func list(for user: Int64, limit: Int, offset: Int) async throws -> ListOffersResult {
        try await read {
            try await $0.listOffers(.init(master: .telegramUser(user), limit: limit, offset: offset))
        }
    }

    func card(_ order: Int64, for user: Int64) async throws -> GetOfferResult {
        try await read { try await $0.getOffer(.init(master: .telegramUser(user), order: order)) }
    }

    func accept(_ order: Int64, for user: Int64) async throws -> AcceptOfferResult {
        try await write { try await $0.acceptOffer(.init(master: .telegramUser(user), order: order)) }
    }

    func decline(_ order: Int64, for user: Int64) async throws -> DeclineOfferResult {
        try await write { try await $0.declineOffer(.init(master: .telegramUser(user), order: order)) }
    }

    /// The state of the service.
    func health() async throws -> HealthResult {
        try await read { try await $0.health() }
    }
}

// MARK: - Connections

extension Offersd {
    private typealias Instant = ContinuousClock.Instant

    /// How long to wait before a repetition. The connections of a process that is killed end before its socket does: a
    /// new one would be queued there and lost as well.
    private static let breath: Duration = .milliseconds(100)

    /// A read that lost its connection is repeated once.
    private func read<Result>(_ call: (OffersClient) async throws -> Result) async throws -> Result {
        let end = Instant.now + readPatience
        do {
            do {
                return try await attempt(until: end, knockingUntil: .now + knocking, call)
            } catch ClientError.connectionLost {
                try await Task.sleep(for: Self.breath)
                return try await attempt(until: end, knockingUntil: .now + knocking, call)
            }
        } catch ClientError.deadlineExceeded {
            throw CallFailure.tooSlow
        } catch ClientError.connectionLost {
            throw CallFailure.unreachable
        } catch {
            throw Self.failure(error)
        }
    }

    /// A write that lost its connection is repeated once on a new one, for as long as the time allows, so that a service
    /// that is restarted in between can say what became of it.
    private func write<Result>(_ call: (OffersClient) async throws -> Result) async throws -> Result {
        let end = Instant.now + patience
        do {
            return try await attempt(until: end, knockingUntil: .now + knocking, call)
        } catch ClientError.connectionLost {
            try await Task.sleep(for: Self.breath)
            return try await repeating(until: end, call)
        } catch {
            throw Self.failure(error)
        }
    }

    /// The repetition. Only an answer of the database itself counts: the service's "nothing was done" is about this
    /// attempt and not about the first, and a service that has just started says it until it has reached its database.
    private func repeating<Result>(
        until end: Instant, _ call: (OffersClient) async throws -> Result
    ) async throws -> Result {
        while true {
            do {
                return try await attempt(until: end, knockingUntil: end, call)
            } catch let error as RPCError where error.knownReason?.origin == .domain {
                throw CallFailure.refused(error)
            } catch let error as RPCError
                where error.retryable && error.knownReason != .outcomeUnknown && .now < end
            {
                try await Task.sleep(for: .milliseconds(50))
            } catch let cancellation as CancellationError {
                throw cancellation
            } catch {
                throw CallFailure.outcomeUnknown
            }
        }
    }

    /// One call on a new connection.
    private func attempt<Result>(
        until end: Instant, knockingUntil lastKnock: Instant, _ call: (OffersClient) async throws -> Result
    ) async throws -> Result {
        while true {
            do {
                return try await Client.withConnection(to: socket) { client in
                    try await call(OffersClient(client, deadline: max(Instant.now.duration(to: end), .milliseconds(1))))
                }
            } catch ClientError.cannotConnect where .now < lastKnock {
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }

    private static func failure(_ error: any Error) -> any Error {
        switch error {
        case let refusal as RPCError: CallFailure.refused(refusal)
        case ClientError.cannotConnect: CallFailure.unreachable
        case ClientError.connectionLost, ClientError.deadlineExceeded: CallFailure.outcomeUnknown
        case ClientError.protocolViolation, is UnexpectedResult: CallFailure.unintelligible
        case let failure as CallFailure: failure
        case let cancellation as CancellationError: cancellation
        // Errors of the socket itself, such as too many open files.
        default: CallFailure.unreachable
        }
    }
}
