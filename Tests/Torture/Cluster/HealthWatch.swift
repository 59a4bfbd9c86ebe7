import Deadlines
import JSONRPC
import Offers
import Postgres
import Synchronization

/// What the operator sees of each service: `health` again and again, and `metrics` now and then.
final class HealthWatch: Sendable {
    /// What one call of `health` said.
    struct Sample: Sendable {
        let service: Int
        let span: Span
        /// Nil: it was not answered.
        let status: HealthResult.Status?
    }

    private let samples = Mutex<[Sample]>([])
    private let unanswered = Atomic(0)

    /// How often is asked.
    private static let pause = Duration.milliseconds(150)
    private static let replyTimeout = Duration.seconds(5)

    /// Asks until the task is cancelled, but for a service that is to be spared.
    func watch(_ service: Int, at socket: String, _ board: Board) async {
        while !Task.isCancelled {
            try? await Client.withConnection(to: socket) { client in
                var count = 0
                while !Task.isCancelled {
                    if !board.isSpared(service) {
                        await ask(client, service, withMetrics: count % 10 == 0)
                        count += 1
                    }
                    try await Task.sleep(for: HealthWatch.pause)
                }
            }
        }
    }

    private func ask(_ client: Client, _ service: Int, withMetrics: Bool) async {
        let began = MonotonicTime.now()
        let result = try? await OffersClient(client, deadline: HealthWatch.replyTimeout).health()
        if Task.isCancelled { return }
        let sample = Sample(
            service: service, span: Span(began: began, ended: .now()), status: result?.status)
        samples.withLock { $0.append(sample) }
        if withMetrics, (try? await client.call("metrics", deadline: HealthWatch.replyTimeout)) == nil,
            !Task.isCancelled
        {
            unanswered.add(1, ordering: .relaxed)
        }
    }

    var all: [Sample] { samples.withLock { $0 } }

    /// How many calls of `metrics` had no answer.
    var unansweredMetrics: Int { unanswered.load(ordering: .relaxed) }
}
