import FoundationEssentials
import JSONRPC
import Offers
import Subprocess
import Testing
import Turns

@testable import offers_bot

/// What the adapter makes of a service that fails in the middle of a write, or that serves nothing.
@Suite(.inTurn)
struct OffersdTests {
    /// What became of a call.
    private enum End: Equatable {
        case done
        case failed(String)
        static let outcomeUnknown = End.failed("outcome unknown")
        static let unreachable = End.failed("unreachable")
        static let unintelligible = End.failed("unintelligible")
    }

    /// Declines with a service that does what `Tests/Scripted/service.py` is told to.
    ///
    /// - Returns: What became of it, and how many requests were sent, the reads before writes aside.
    private func decline(
        _ answers: [String], writeTimeout: Duration = .seconds(100), knocking: Duration = .seconds(100),
        readTimeout: Duration = .seconds(100), answering: Duration = .seconds(100)
    ) async throws -> (end: End, requests: Int) {
        let folder = "/tmp/offers-bot-\(UInt32.random(in: 0...UInt32.max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let socket = folder + "/offers.sock"
        let script = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Scripted/service.py").path
        let run = try await Subprocess.run(
            .name("python3"), arguments: Arguments([script, socket] + answers), input: .none, output: .sequence,
            error: .discarded
        ) { execution in
            for try await line in execution.standardOutput.strings() where line.contains("listening") { break }
            let offersd = Offersd(
                socket: socket, writeTimeout: writeTimeout, readTimeout: readTimeout, answering: answering,
                knocking: knocking)
            let end: End
            do {
                _ = try await offersd.decline(7, for: 8)
                end = .done
            } catch {
                end = .failed((error as? CallFailure)?.name ?? "\(error)")
            }
            try execution.send(signal: .terminate)
            return end
        }
        let log = try String(contentsOfFile: socket + ".log", encoding: .utf8)
        return (run.closureResult, log.split(separator: "\n").count)
    }

    private static let done =
        #"{"result":{"masterId":8,"orderId":7,"offerId":1,"alreadyDeclined":false}}"#

    private static func error(_ reason: Reason) -> String {
        """
        {"error":{"code":\(reason.code),"message":"No.","data":{"reason":"\(reason.rawValue)",\
        "retryable":\(reason.retryable)}}}
        """
    }

    @Test(
        "A write whose answer is lost, or cannot be understood, is repeated until an answer tells what became of it",
        arguments: ["close", "half", "line hello", #"{"nonsense":1}"#, #"{"result":{}}"#, error(.outcomeUnknown)])
    func repeated(answer: String) async throws {
        #expect(try await decline([answer, Self.done]) == (.done, 2))
        #expect(try await decline([answer, answer, Self.error(.orderTaken)]) == (.failed("ORDER_TAKEN"), 3))
        // "Nothing was done" is about the repetition; so is a right that is gone.
        #expect(
            try await decline([answer, Self.error(.databaseUnavailable), Self.error(.forbidden), Self.done])
                == (.done, 4))
    }

    @Test("A write whose answer does not come is asked about on a new connection")
    func silent() async throws {
        #expect(try await decline(["silent", Self.done], answering: .milliseconds(100)) == (.done, 2))
        #expect(try await decline(["silent"], writeTimeout: .seconds(3)) == (.outcomeUnknown, 1))
    }

    @Test(
        "A write that was sent, and is never answered has an unknown outcome",
        arguments: [
            ["close"], ["gone"], ["half", "probe:silent"], ["close", error(.databaseUnavailable)],
            [error(.outcomeUnknown), error(.timedOut)], ["line hello", "probe:line hello"],
            [#"{"result":{}}"#, "probe:" + error(.overloaded)], [error(.outcomeUnknown), error(.forbidden)],
        ])
    func unheard(answers: [String]) async throws {
        #expect(try await decline(answers, writeTimeout: .seconds(2)).end == .outcomeUnknown)
    }

    @Test("Where nothing answers a read, the write is not sent")
    func notServed() async throws {
        #expect(try await decline(["probe:silent"], readTimeout: .milliseconds(100)) == (.unreachable, 0))
        #expect(try await decline(["probe:close"], knocking: .zero) == (.unreachable, 0))
        #expect(try await decline(["probe:line hello"]) == (.unintelligible, 0))
        #expect(try await decline(["probe:" + Self.error(.overloaded)]) == (.failed("OVERLOADED"), 0))
        #expect(try await decline(["probe:close", "probe:" + Self.error(.shuttingDown), Self.done]) == (.done, 1))
        // A read that is refused is an answer, too.
        #expect(try await decline(["probe:" + Self.error(.forbidden), Self.done]) == (.done, 1))
    }

    @Test("What the service says without anything that was lost is the answer, but for a restart")
    func said() async throws {
        #expect(try await decline([Self.error(.databaseUnavailable)]) == (.failed("DATABASE_UNAVAILABLE"), 1))
        #expect(try await decline([Self.error(.shuttingDown), Self.done]) == (.done, 2))
        #expect(
            try await decline([Self.error(.shuttingDown)], knocking: .zero) == (.failed("SHUTTING_DOWN"), 1))
    }
}
