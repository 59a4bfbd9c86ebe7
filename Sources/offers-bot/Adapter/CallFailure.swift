import JSONRPC
import Offers

/// Why a call to offersd gave no result.
enum CallFailure: Error, Equatable {
    /// The service said no.
    case refused(RPCError)
    /// A write was sent, and nothing told what became of it.
    case outcomeUnknown
    /// There was no connection to be had, or nothing serves it: nothing was sent that can take effect.
    case unreachable
    /// A read was not answered in time.
    case tooSlow
    /// The answer to a read is not that of this contract.
    case unintelligible

    /// Whether its sentence stays on the screen until the master has read it (`show_alert`).
    var isAlert: Bool {
        guard case .refused(let error) = self else { return false }
        return switch error.knownReason {
        case .masterBlocked, .masterNotActive, .limitReached, .offerExpired, .orderTaken, .orderNotAvailable: true
        default: false
        }
    }

    /// The name for logs: the contract's reason, or one of the bot.
    var name: String {
        switch self {
        case .refused(let error): error.reason
        case .outcomeUnknown: "outcome unknown"
        case .unreachable: "unreachable"
        case .tooSlow: "no answer in time"
        case .unintelligible: "unintelligible"
        }
    }
}
