package import JSONRPC

/// What is known of a write that has brought no result so far, from how its attempts ended: a value without I/O.
///
/// The attempts are made by `Client.withServedConnection`. Once one of them may have been
/// carried out, only a result, or a refusal for the sake of order or master, tells what became of the write. "Nothing
/// was done" is about the repetition then, and not about what was sent before it; so are a service and a socket that
/// are gone. `Protocol/python/src/offersd/conversation.py` has the same rules.
package struct WriteOutcome: Sendable {
    /// What an attempt that failed says of the write.
    package enum Verdict {
        /// The database was asked, and this is the answer.
        case refused(RPCError)
        /// No attempt has done anything; why the last one did not.
        case nothingDone(any Error)
        /// It may have been carried out, or may be later. A repetition does no harm, and tells.
        case unknown
    }

    /// Whether an attempt may have been carried out.
    package private(set) var mayBeDone = false

    /// No attempt has ended.
    package init() {}

    /// Takes an attempt into account.
    ///
    /// - Parameter error: How it ended. An error that is neither ``NotSent`` nor a refusal came after the request was
    ///   sent.
    package mutating func verdict(on error: any Error) -> Verdict {
        var cause = error
        switch error {
        case let refusal as RPCError where refusal.knownReason?.origin == .domain:
            return .refused(refusal)
        case let refusal as RPCError where refusal.knownReason != .outcomeUnknown:
            break
        case let notSent as NotSent:
            cause = notSent.cause
        default:
            mayBeDone = true
        }
        return mayBeDone ? .unknown : .nothingDone(cause)
    }
}
