import FoundationEssentials
import JSONRPC
import Offers
import Subprocess
import Testing
import Turns

@testable import offers_bot

/// What the adapter makes of a service that fails in the middle of a write.
@Suite(.inTurn)
struct OffersdTests {
    @Test("After a lost connection \"nothing was done\" is about the repetition only, so the outcome is unknown")
    func lostConnection() async throws {
        let folder = "/tmp/offers-bot-\(UInt32.random(in: 0...UInt32.max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        // The first connection is closed without an answer, the others say that the database is away.
        let script = """
            read -r line; mkdir \(folder)/seen 2>/dev/null && exit; printf '%s' "$line" | jq -c '{jsonrpc, id, \
            error: {code: -32001, message: "x", data: {reason: "DATABASE_UNAVAILABLE", retryable: true}}}'
            """
        try script.write(toFile: folder + "/script", atomically: true, encoding: .utf8)
        let socket = folder + "/offers.sock"
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                // Cancelled below, which ends it.
                _ = try? await Subprocess.run(
                    .name("socat"), arguments: ["UNIX-LISTEN:\(socket),fork", "EXEC:sh \(folder)/script"],
                    output: .discarded, error: .discarded)
            }
            defer { group.cancelAll() }
            var offersd = Offersd(socket: socket)
            offersd.knocking = .seconds(100)
            offersd.patience = .seconds(3)
            await #expect(throws: CallFailure.outcomeUnknown) { try await offersd.accept(7, for: 8) }
            // Without a connection that was lost it is just what the service says, which a busy machine may take long for.
            offersd.patience = .seconds(100)
            await #expect {
                try await offersd.accept(7, for: 8)
            } throws: { error in
                if case CallFailure.refused(let refusal)? = error as? CallFailure {
                    refusal.knownReason == .databaseUnavailable
                } else {
                    false
                }
            }
        }
    }
}
