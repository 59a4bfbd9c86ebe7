import ArgumentParser
import JSONRPC
import Offers

/// What a script gets to know of a call that brought no result.
struct Outcome {
    let exitCode: ExitCode
    let message: String

    private static let refused = ExitCode(1)
    private static let usage = ExitCode(2)
    private static let unavailable = ExitCode(3)
    private static let unknown = ExitCode(4)
    private static let violation = ExitCode(5)
    /// There is a result, and standard output does not take it.
    static let unwritten = violation

    /// - Parameters:
    ///   - error: How the last attempt ended.
    ///   - mayBeDone: An attempt to write may have been carried out. Then only a refusal for the sake of the order or
    ///     the master says what became of the call: a service that is not there says nothing of that attempt.
    init(_ error: any Error, mayBeDone: Bool = false) {
        let ownCode: ExitCode
        var saysWhatBecame = false
        switch (error as? NotSent)?.cause ?? error {
        case ClientError.deadlineExceeded where error is NotSent, ClientError.connectionLost where error is NotSent:
            ownCode = Self.unavailable
            message = "offersctl: the socket takes connections, and nothing answers there; the write was not sent"
        case let error as RPCError:
            ownCode = Self.exitCode(of: error.knownReason)
            saysWhatBecame = error.knownReason?.origin == .domain
            let path = error.detail("path").flatMap { if case .string(let path) = $0 { "\(path): " } else { nil } }
            message = "\(error.reason): \(path ?? "")\(error.message)"
        case let error as ClientError:
            ownCode = Self.exitCode(of: error)
            message = "offersctl: \(error)"
        default:
            // A result that is no JSON-RPC, and whatever else cannot be told apart from it.
            ownCode = Self.violation
            message = "offersctl: \(error)"
        }
        exitCode = mayBeDone && !saysWhatBecame ? Self.unknown : ownCode
    }

    private static func exitCode(of reason: Reason?) -> ExitCode {
        switch reason {
        case .masterNotFound, .masterBlocked, .masterNotActive, .limitReached, .offerNotFound, .offerExpired,
            .offerDeclined, .offerCanceled, .orderTaken, .orderNotAvailable, .alreadyYours, .forbidden:
            refused
        case .methodNotFound, .invalidParams: usage
        case .databaseUnavailable, .overloaded, .shuttingDown: unavailable
        case .timedOut, .outcomeUnknown: unknown
        case .lineTooLong, .parseError, .invalidRequest, .batchTooLong, .internalError, nil: violation
        }
    }

    private static func exitCode(of error: ClientError) -> ExitCode {
        switch error {
        case .cannotConnect: unavailable
        case .connectionLost, .deadlineExceeded: unknown
        case .protocolViolation: violation
        }
    }
}
