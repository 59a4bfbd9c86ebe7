import JSONRPC
import Offers
import Testing

@Suite struct WriteOutcomeTests {
    private struct FromTheSocket: Error {}

    private static func refusal(_ reason: Reason) -> RPCError {
        RPCError(code: reason.code, reason: reason.rawValue, message: "No.", retryable: reason.retryable)
    }

    private static let sent: [any Error] = [
        ClientError.connectionLost, ClientError.deadlineExceeded, ClientError.protocolViolation("x"),
        ClientError.cannotConnect(path: "x", reason: "x"), FromTheSocket(),
        refusal(.outcomeUnknown),
    ]
    private static let refusals: [any Error] = Reason.allCases.filter { $0 != .outcomeUnknown && $0.origin != .domain }
        .map(refusal)

    /// The verdict as a word.
    private func word(_ verdict: WriteOutcome.Verdict) -> String {
        switch verdict {
        case .refused(let error): error.reason
        case .nothingDone: "nothing done"
        case .unknown: "unknown"
        }
    }

    @Test("Whatever fails after the request was sent leaves the outcome open, until the database has an answer")
    func open() {
        for error in Self.sent {
            var outcome = WriteOutcome()
            for later in [error] + Self.sent + Self.sent.map(NotSent.init) as [any Error] + Self.refusals {
                let verdict = word(outcome.verdict(on: later))
                #expect(verdict == "unknown" && outcome.mayBeDone, "\(error), \(later)")
            }
            let answer = word(outcome.verdict(on: Self.refusal(.orderTaken)))
            #expect(answer == "ORDER_TAKEN")
        }
    }

    @Test("What was not sent, and what was refused, did nothing")
    func closed() {
        var outcome = WriteOutcome()
        for error in Self.sent.map(NotSent.init) as [any Error] + Self.refusals {
            let verdict = word(outcome.verdict(on: error))
            #expect(verdict == "nothing done" && !outcome.mayBeDone, "\(error)")
        }
    }

    @Test("The cause is that of the attempt that was not sent")
    func cause() {
        var outcome = WriteOutcome()
        guard case .nothingDone(let cause) = outcome.verdict(on: NotSent(cause: ClientError.connectionLost)) else {
            Issue.record("not sent, and yet in doubt")
            return
        }
        #expect(cause as? ClientError == .connectionLost)
    }
}
