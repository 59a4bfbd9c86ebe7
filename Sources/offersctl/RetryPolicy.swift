import JSONRPC
import Offers

/// When a call is made again: a value without I/O.
///
/// What the service calls retryable, a connection that failed, and a write that may have been carried out are worth
/// another attempt. All methods can be repeated without harm, the writes too (`Protocol/README.md`, "Time").
struct RetryPolicy {
    /// How often a call may be made again.
    let retries: Int

    /// How long to wait before the next attempt; nil: the error is the answer.
    ///
    /// - Parameters:
    ///   - error: What the last attempt gave.
    ///   - mayBeDone: Whether an attempt to write may have been carried out; then the next one can tell.
    ///   - attempt: The last attempt's number, from 1.
    ///   - remaining: The time that is left for all attempts together. What would not begin within it is not tried.
    func pause(after error: any Error, mayBeDone: Bool, attempt: Int, remaining: Duration) -> Duration? {
        guard attempt <= retries, let wish = wish(of: error) ?? (mayBeDone ? .zero : nil) else { return nil }
        // A tenth of a second, then twice as long each time, up to two seconds.
        let own = Duration.milliseconds(100 << min(attempt - 1, 5))
        let pause = max(wish, min(own, .seconds(2)))
        return pause < remaining ? pause : nil
    }

    /// When an attempt to write is given up, from the start: the last eighth of the time is for asking what became of
    /// it, if it may be asked again.
    func time(for attempt: Int, mayBeDone: Bool, of deadline: Duration) -> Duration {
        attempt <= retries && !mayBeDone ? deadline * 7 / 8 : deadline
    }

    /// The pause that the service asks for; nil: the error is not retryable.
    private func wish(of error: any Error) -> Duration? {
        switch error {
        case let error as RPCError where error.retryable:
            if case .integer(let milliseconds) = error.detail("retryAfterMs") {
                .milliseconds(max(0, milliseconds))
            } else {
                .zero
            }
        case let notSent as NotSent: wish(of: notSent.cause)
        case ClientError.cannotConnect, ClientError.connectionLost: .zero
        default: nil
        }
    }
}
