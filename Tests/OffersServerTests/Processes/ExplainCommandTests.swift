import JSONRPC
import NIOCore
import Offers
import SystemPackage
import TestDatabase
import Testing
import Turns

/// `offersctl explain`, with the service and without; its sentences are tested in `ExplainTextTests`.
@Suite("offersctl explain", .inTurn)
struct ExplainCommandTests {
    @Test("It says why, in sentences, and ends with 0 whatever it finds")
    func verdicts() async throws {
        try await TestDatabase.withDatabase(.g3) { (database) async throws in
            let scene = try await Scene(database)
            try await database.sql("DELETE FROM settings WHERE key = 'max_active_orders'")
            let deferred = try await scene.offeredOrder { $0.status = "DEFERRED" }
            let taken = try await scene.offeredOrder { ($0.status, $0.assignedMasterID) = ("WORKING", scene.rival) }
            try await OffersdProcess.withFolder { (folder) async throws in
                try await OffersdProcess.run(in: folder, on: database.connectionString) { (process) async throws in
                    func lines(_ arguments: String) async throws -> [String] {
                        try await process.offersctl("explain \(arguments)").split(separator: "\n").map(String.init)
                    }
                    let first = try await lines("masterId=\(scene.master) orderId=\(deferred)")
                    #expect(
                        first.prefix(3) == [
                            "Master \(scene.master) could accept order \(deferred) now.",
                            "The order is not in the list, because it is DEFERRED.",
                            "It was offered to this master once:",
                        ])
                    #expect(first.last == "0")
                    let second = try await lines("masterId=\(scene.master) orderId=\(taken)")
                    let holder = "master \(scene.rival) has it"
                    #expect(second[0].hasSuffix("could not accept order \(taken) now: ORDER_TAKEN (\(holder))."))
                    #expect(second[1] == "The order is not in the list, because \(holder)." && second.last == "0")
                    #expect(
                        try await lines("masterId=\(scene.master)") == [
                            "Master \(scene.master) has 0 active orders of 5; the limit is the service's, as there is no valid setting.",
                            "2 open offers are not in the list:",
                            "- 1 DEFERRED: the order can be accepted, and is in no list while it is deferred",
                            "- 1 ORDER_TAKEN: another master has the order", "0",
                        ])
                    #expect(try await lines("telegramUserId=1") == ["There is no such master.", "0"])
                    #expect(try await lines("masterId=0 orderId=0").last == "0")
                    // With --json it is what the service answers.
                    let json = try await lines("masterId=\(scene.master) orderId=\(deferred) --json")
                    let result = try ExplainOfferResult(json: JSONValue(parsing: ByteBuffer(string: json[0])))
                    #expect(result.accept?.possible == true && json[1] == "0")
                    #expect(try await process.offersctl("explain 2>/dev/null") == "2\n")
                    let wrong = try await process.offersctl("explain masterId=7 order=1 2>&1")
                    #expect(wrong.hasPrefix("INVALID_PARAMS: order: ") && wrong.hasSuffix("\n2\n"))
                    #expect(try await process.offersctl("explain masterId=7 2>/dev/null >/dev/full") == "5\n")
                }
            }
        }
    }

    @Test("Without a database it ends with 3, and with what is no explanation with 5")
    func errors() async throws {
        try await OffersdProcess.withFolder { (folder) async throws in
            try await OffersdProcess.run(in: folder, on: "host=/nonexistent") { (process) async throws in
                for arguments in ["masterId=7", "masterId=7 orderId=1042"] {
                    let run = try await process.offersctl("explain \(arguments) 2>&1")
                    #expect(run.hasPrefix("DATABASE_UNAVAILABLE: ") && run.hasSuffix("\n3\n"), "\(run)")
                }
            }
        }
        try await OffersdProcess.withFolder { folder in
            let run = try await BuiltProgram.shell(
                """
                F=$1; python3 "$3" $F/x '{"result":{"masterId":7}}' >$F/out & P=$!; \(BuiltProgram.untilListening("$F/x"))
                "$2" --socket $F/x --deadline 100 explain masterId=7 2>&1; echo "status $?"; kill $P; wait
                """, folder, try BuiltProgram.path("offersctl").string,
                PackageRoot.path(of: "Tests/Scripted/service.py").string)
            #expect(run.output.contains("does not fit the contract") && run.output.hasSuffix("status 5\n"), "\(run)")
        }
    }
}
