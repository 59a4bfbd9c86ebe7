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
    var writeTimeout: Duration = .seconds(6)
    /// How long a read may take; the service itself gives up after 2 s.
    var readTimeout: Duration = .seconds(3)
    /// How long a write waits for its answer before it is asked about on a new connection. The service answers in 5 s.
    var answering: Duration = .milliseconds(5250)
    /// How long it is tried again where nothing listens: a restart takes less, and a tap is not answered late by it.
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
        let end = Instant.now + readTimeout
        do {
            do {
                return try await attempt(until: end, knockingUntil: .now + knocking, call)
            } catch ClientError.connectionLost {
                try await Task.sleep(for: Self.breath)
                return try await attempt(until: end, knockingUntil: .now + knocking, call)
            }
        } catch ClientError.deadlineExceeded {
            throw CallFailure.tooSlow
        } catch {
            throw Self.failure(error)
        }
    }

    /// A write follows the rules of ``WriteOutcome``: it goes on a connection that has answered something, and once it
    /// was sent it is repeated, for as long as the time allows, until something tells what became of it. A service that
    /// is restarted in between can say so.
    private func write<Result>(_ call: (OffersClient) async throws -> Result) async throws -> Result {
        let start = Instant.now
        let end = start + writeTimeout
        var outcome = WriteOutcome()
        while true {
            let heard = outcome.mayBeDone ? end : min(end, start + readTimeout)
            let answered = outcome.mayBeDone ? end : min(end, start + answering)
            do {
                return try await Client.withServedConnection(to: socket, deadline: Self.left(until: heard)) {
                    try await call(OffersClient($0, deadline: Self.left(until: answered)))
                }
            } catch let cancellation as CancellationError {
                throw cancellation
            } catch {
                switch outcome.verdict(on: error) {
                case .refused(let refusal):
                    throw CallFailure.refused(refusal)
                case .nothingDone(let cause):
                    guard Self.isOfARestart(cause), .now + Self.breath < min(end, start + knocking) else {
                        throw Self.failure(cause)
                    }
                case .unknown:
                    guard .now + Self.breath < end else { throw CallFailure.outcomeUnknown }
                }
            }
            try await Task.sleep(for: Self.breath)
        }
    }

    /// Whether a service that is restarted gives this failure: soon it may serve.
    private static func isOfARestart(_ error: any Error) -> Bool {
        switch error {
        case ClientError.cannotConnect, ClientError.connectionLost: true
        case let refusal as RPCError: refusal.knownReason == .shuttingDown
        default: false
        }
    }

    /// One read on a new connection.
    private func attempt<Result>(
        until end: Instant, knockingUntil lastKnock: Instant, _ call: (OffersClient) async throws -> Result
    ) async throws -> Result {
        while true {
            do {
                return try await Client.withConnection(to: socket) { client in
                    try await call(OffersClient(client, deadline: Self.left(until: end)))
                }
            } catch ClientError.cannotConnect where .now < lastKnock {
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }

    /// The time that is left; a deadline that has passed still lets an answer in that is there.
    private static func left(until end: Instant) -> Duration {
        max(Instant.now.duration(to: end), .milliseconds(1))
    }

    /// What a call is told after which nothing can take effect.
    private static func failure(_ error: any Error) -> any Error {
        switch error {
        case let refusal as RPCError: CallFailure.refused(refusal)
        case ClientError.protocolViolation, is UnexpectedResult: CallFailure.unintelligible
        case let cancellation as CancellationError: cancellation
        // There is no socket, or nothing serves it; errors of the socket itself, such as too many open files.
        default: CallFailure.unreachable
        }
    }
}
