import Foundation
import JSONRPC
import NIOCore
import Subprocess
import SystemPackage
import TestDatabase
import Testing
import Turns

/// The real program and the real socat, as an operator types it.
@Suite("offersd and socat", .inTurn)
struct SocatTests {
    @Test("list, accept, list, accept again, and a rival's accept, each a line typed into a shell")
    func theWholeFlow() async throws {
        try await TestDatabase.withDatabase(.g3) { (database) async throws in
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder(toRival: true)
            let ending = try await OffersdProcess.withFolder { folder in
                try await OffersdProcess.run(in: folder, on: database.connectionString) { (process) async throws in
                    func ask(_ method: String, _ params: String) async throws -> JSONValue {
                        let line = #"{"jsonrpc":"2.0","id":1,"method":"\#(method)","params":{\#(params)}}"#
                        let reply = try await process.shell("echo '\(line)' | socat -t10 - UNIX-CONNECT:$S")
                        #expect(reply.hasSuffix("}\n") && reply.count(where: \.isNewline) == 1, "\(reply)")
                        return try JSONValue(parsing: ByteBuffer(string: String(reply.dropLast())))
                    }
                    let master = #""masterId":\#(scene.master)"#
                    let pair = #"\#(master),"orderId":\#(order)"#
                    #expect(try await ask("listOffers", master)["result"]?["total"]?.int64Value == 1)
                    #expect(try await ask("getOffer", pair)["result"]?["offer"]?["house"]?.stringValue == "10")
                    let accepted = try await ask("acceptOffer", pair)["result"]
                    #expect(accepted?["alreadyAccepted"]?.boolValue == false)
                    #expect(accepted?["order"]?["clientName"]?.stringValue == "Test Client")
                    #expect(try await ask("listOffers", master)["result"]?["total"]?.int64Value == 0)
                    #expect(try await ask("acceptOffer", pair)["result"]?["alreadyAccepted"]?.boolValue == true)
                    let rival = try await ask("acceptOffer", #""masterId":\#(scene.rival),"orderId":\#(order)"#)
                    #expect(rival["error"]?["data"]?["reason"]?.stringValue == "ORDER_TAKEN")
                }
            }
            #expect(ending.status == .exited(0))
            // Who did what, and nothing about the client.
            #expect(ending.errors.contains { $0.contains("order=\(order)") && $0.contains("outcome=ok") })
            #expect(!ending.errors.contains { $0.contains("Test Client") || $0.contains("+70000000000") })
        }
    }

    @Test("a line without its end is answered too, and socat returns as soon as the server has answered")
    func noNewline() async throws {
        try await TestDatabase.withDatabase(.g3) { (database) async throws in
            let scene = try await Scene(database)
            try await OffersdProcess.withFolder { (folder) async throws in
                try await OffersdProcess.run(in: folder, on: database.connectionString) { (process) async throws in
                    let began = ContinuousClock.now
                    let line = #"{"jsonrpc":"2.0","id":"a","method":"listOffers","params":[\#(scene.master)]}"#
                    let reply = try await process.shell("printf %s '\(line)' | socat -t600 - UNIX-CONNECT:$S")
                    #expect(reply.hasPrefix(#"{"jsonrpc":"2.0","id":"a","result":{"masterId""#), "\(reply)")
                    #expect(began.duration(to: .now) < .seconds(300), "it did not wait for its ten minutes")
                }
            }
        }
    }

    @Test("garbage, half lines, huge lines and NUL bytes get one error each, and others are not disturbed")
    func badInput() async throws {
        try await TestDatabase.withDatabase(.g3) { (database) async throws in
            let scene = try await Scene(database)
            try await OffersdProcess.withFolder { (folder) async throws in
                try await OffersdProcess.run(in: folder, on: database.connectionString) { (process) async throws in
                    let list = #"{"jsonrpc":"2.0","id":1,"method":"listOffers","params":[\#(scene.master)]}"#
                    let bad = [
                        ("printf 'hello\\n'", "PARSE_ERROR"), ("printf '{\"jsonrpc\":'", "PARSE_ERROR"),
                        ("printf '\\000\\n'", "PARSE_ERROR"), ("printf '\\377\\376\\n'", "PARSE_ERROR"),
                        ("head -c 1048576 /dev/zero | tr '\\000' x; echo", "LINE_TOO_LONG"),
                        ("head -c 60000 /dev/zero | tr '\\000' '['; echo", "PARSE_ERROR"),
                        ("echo '{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"nope\"}'", "METHOD_NOT_FOUND"),
                        ("echo '[]'", "INVALID_REQUEST"), ("echo 1e999999", "INVALID_REQUEST"),
                    ]
                    for (command, reason) in bad {
                        let output = try await process.shell(
                            "{ \(command); echo; echo '\(list)'; } | socat -t10 - UNIX-CONNECT:$S")
                        let lines = output.split(separator: "\n")
                        #expect(lines.count == 2, "\(command): \(output)")
                        #expect(lines.first?.contains("\"reason\":\"\(reason)\"") == true, "\(command): \(output)")
                        #expect(lines.last?.contains("\"total\":0") == true, "\(command): \(output)")
                    }
                }
            }
        }
    }

    @Test("the operators' socket reads and does not write, unless it is told to")
    func opsSocket() async throws {
        try await TestDatabase.withDatabase(.g3) { (database) async throws in
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder()
            let ask =
                #"echo '{"jsonrpc":"2.0","id":1,"method":"METHOD","params":[PARAMS]}' | socat -t10 - UNIX-CONNECT:$OPS"#
            @Sendable func line(_ method: String, _ params: String) -> String {
                ask.replacingOccurrences(of: "METHOD", with: method).replacingOccurrences(of: "PARAMS", with: params)
            }
            let accept = line("acceptOffer", "\(scene.master),\(order)")
            try await OffersdProcess.withFolder { (folder) async throws in
                try await OffersdProcess.run(in: folder, on: database.connectionString) { (process) async throws in
                    for read in [line("listOffers", "\(scene.master)"), line("health", ""), line("rpc.discover", "")] {
                        #expect(try await process.shell(read).contains("\"result\":"))
                    }
                    for write in [accept, line("declineOffer", "\(scene.master),\(order)")] {
                        #expect(try await process.shell(write).contains("\"FORBIDDEN\""))
                    }
                    #expect(try await process.shell("stat -c %a $S $OPS") == "660\n660\n")
                }
                try await OffersdProcess.run(in: folder, on: database.connectionString, ["--ops-writes"]) {
                    (process) async throws in
                    #expect(try await process.shell(accept).contains("\"alreadyAccepted\":false"))
                }
            }
        }
    }
}
