import Foundation
import JSONRPC
import NIOCore
import SystemPackage
import TestDatabase
import Testing

/// offersctl in a script: what it prints, and exit statuses that cannot lie.
@Suite("offersctl", .inTurn, .timeLimit(.minutes(5)))
struct OffersctlTests {
    /// Runs it against `$S`; what it printed ends with its exit status.
    private func offersctl(_ process: OffersdProcess, _ arguments: String) async throws -> String {
        let program = try BuiltProgram.path("offersctl").string
        return try await process.shell("'\(program)' --socket $S \(arguments); echo $?")
    }

    @Test("0 with the result on stdout, 1 with the reason on stderr, 2 for what is called wrongly")
    func doneAndRefused() async throws {
        try await TestDatabase.withDatabase(.g3) { (database) async throws in
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder()
            try await OffersdProcess.withFolder { (folder) async throws in
                try await OffersdProcess.run(in: folder, on: database.connectionString) { (process) async throws in
                    let list = try await offersctl(process, "listOffers masterId=\(scene.master) 2>/dev/null")
                    let lines = list.split(separator: "\n").map(String.init)
                    #expect(lines.last == "0")
                    let result = try JSONValue(parsing: ByteBuffer(string: lines[0]))
                    #expect(result["offers"]?.elements?.first?["orderId"]?.int64Value == Int64(order))
                    let pair = "orderId=\(order) masterId=\(scene.master)"
                    #expect(try await offersctl(process, "acceptOffer \(pair)").hasSuffix("}}\n0\n"))
                    let refused = "acceptOffer orderId=\(order) masterId=\(scene.rival)"
                    #expect(try await offersctl(process, "\(refused) 2>/dev/null") == "1\n")
                    #expect(try await offersctl(process, "\(refused) 2>&1").hasPrefix("OFFER_NOT_FOUND: "))
                    #expect(try await offersctl(process, "listOffers masterid=7 2>/dev/null") == "2\n")
                    #expect(try await offersctl(process, "listOffers nonsense 2>/dev/null") == "2\n")
                    #expect(try await offersctl(process, "--nonsense 2>/dev/null") == "2\n")
                }
            }
        }
    }

    @Test("3 when the service or its database is not there, 4 when it took too long, 5 when it is another program")
    func notThere() async throws {
        try await OffersdProcess.withFolder { (folder) async throws in
            try await OffersdProcess.run(in: folder, on: "host=/nonexistent") { (process) async throws in
                #expect(try await offersctl(process, "listOffers masterId=7 2>/dev/null") == "3\n")
                #expect(try await offersctl(process, "health 2>/dev/null").hasSuffix("0\n"))
                #expect(try await offersctl(process, "health 2>/dev/null >/dev/full") == "5\n")
                let metrics = try await offersctl(process, "metrics format=prometheus")
                #expect(metrics.hasPrefix("# HELP offersd_requests_total"))
                let wrong = try await offersctl(process, "listOffers masterId=1 limit=0 2>&1")
                #expect(wrong.hasPrefix("INVALID_PARAMS: limit: "))
                let program = try BuiltProgram.path("offersctl").string
                let other = "'\(program)' --deadline 0.3 --socket \(folder)/x health 2>/dev/null; echo $?"
                #expect(try await process.shell(other) == "3\n")
                for (answer, status) in [("cat >/dev/null", "4\n"), ("echo hello; cat >/dev/null", "5\n")] {
                    let output = try await process.shell(
                        """
                        rm -f \(folder)/x; socat UNIX-LISTEN:\(folder)/x SYSTEM:'\(answer)' & peer=$!
                        until [ -S \(folder)/x ]; do :; done
                        \(other); kill $peer 2>/dev/null; wait
                        """)
                    #expect(output == status)
                }
            }
        }
    }
}
