import JSONRPC
import Offers

/// When a call is made again: a value without I/O.
///
/// Only what the service calls retryable, and a connection that failed, are worth another attempt. All methods can be
/// repeated without harm, the writes too (`Protocol/README.md`, "Time").
struct RetryPolicy {
    /// How often a call may be made again.
    let retries: Int

    /// How long to wait before the next attempt; nil: the error is the answer.
    ///
    /// - Parameters:
    ///   - error: What the last attempt gave.
    ///   - attempt: Its number, from 1.
    ///   - remaining: The time that is left for all attempts together. What would not begin within it is not tried.
    func pause(after error: any Error, attempt: Int, remaining: Duration) -> Duration? {
        guard attempt <= retries, let wish = wish(of: error) else { return nil }
        // A tenth of a second, then twice as long each time, up to two seconds.
        let own = Duration.milliseconds(100 << min(attempt - 1, 5))
        let pause = max(wish, min(own, .seconds(2)))
        return pause < remaining ? pause : nil
    }

    /// Whether an attempt that ended so may have been carried out all the same.
    static func mayBeDone(after error: any Error) -> Bool {
        switch error {
        case let error as RPCError: error.knownReason == .outcomeUnknown
        case ClientError.connectionLost: true
        default: false
        }
    }

    /// What the service wishes us to wait; nil: it does not wish to hear this again.
    private func wish(of error: any Error) -> Duration? {
        switch error {
        case let error as RPCError where error.retryable:
            if case .integer(let milliseconds) = error.detail("retryAfterMs") {
                .milliseconds(max(0, milliseconds))
            } else {
                .zero
            }
        case ClientError.cannotConnect, ClientError.connectionLost: .zero
        default: nil
        }
    }
}
