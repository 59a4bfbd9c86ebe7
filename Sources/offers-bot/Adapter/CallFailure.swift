import JSONRPC

/// Why a call to offersd gave no result.
enum CallFailure: Error, Equatable {
    /// The service said no.
    case refused(RPCError)
    /// The connection or the time was over before the answer came; a write may have taken effect.
    case outcomeUnknown
    /// There was no connection to be had; nothing was sent.
    case unreachable
    /// A read was not answered in time.
    case tooSlow
    /// The answer is not that of this contract.
    case unintelligible

    /// The name for logs: the contract's reason, or one of our own.
    var name: String {
        switch self {
        case .refused(let error): error.reason
        case .outcomeUnknown: "connection lost"
        case .unreachable: "unreachable"
        case .tooSlow: "no answer in time"
        case .unintelligible: "unintelligible"
        }
    }
}
