import Foundation
import SystemPackage
import TestDatabase
import Testing
import Turns

/// What `Protocol/README.md` tells people to type is what runs here: real socat, real jq, the text as it stands.
@Suite("Recipes of the protocol", .inTurn)
struct RecipesTests {
    /// The blocks by the first word of their comment.
    private static func recipes() throws -> [String: String] {
        let text = try PackageRoot.text(of: "Protocol/README.md")
        var recipes: [String: String] = [:]
        for block in text.components(separatedBy: "```sh\n").dropFirst() {
            let body = block.components(separatedBy: "\n```")[0]
            let name = try #require(body.dropFirst(2).split(separator: ":").first)
            #expect(body.hasPrefix("# ") && recipes[String(name)] == nil)
            recipes[String(name)] = body
        }
        return recipes
    }

    /// Runs a recipe behind the one that all begin with, in the folder of the process; what it prints, standard error
    /// included, ends with its exit status.
    private static func run(_ name: String, _ process: OffersdProcess) async throws -> String {
        let recipes = try recipes()
        let script = [try #require(recipes["ask"]), try #require(recipes[name])].joined(separator: "\n")
        return try await process.shell(
            "cd '\(process.folder)' && TEXTFILES=. && (\n\(script)\n) 2>&1; echo \"status $?\"")
    }

    /// Master 7 with two offers, 1042 and 1043.
    private static func withScene(_ body: @Sendable (TestDatabase, OffersdProcess) async throws -> Void) async throws {
        try await TestDatabase.withDatabase { (database) async throws in
            let city = try await database.insert(CityRow(name: "Testville"))
            try await database.sql("UPDATE masters SET id = 7 WHERE id = \(try await database.insert(MasterRow()))")
            for order in [1042, 1043] {
                let row = try await database.insert(OrderRow(cityID: city))
                try await database.sql("UPDATE orders SET id = \(order) WHERE id = \(row)")
                try await database.insert(OfferRow(orderID: order, masterID: 7, expiresAt: "NULL"))
            }
            try await OffersdProcess.withFolder { (folder) async throws in
                try await OffersdProcess.run(in: folder, on: database.connectionString) { (process) async throws in
                    try await body(database, process)
                }
            }
        }
    }

    @Test("Every recipe does what it says")
    func all() async throws {
        try await Self.withScene { (database, process) async throws in
            #expect(
                try await Self.run("list", process)
                    == "1043\tTestville\tELECTRICS\tnever\n1042\tTestville\tELECTRICS\tnever\nstatus 0\n")
            #expect(try await Self.run("count", process) == "2\nstatus 0\n")
            #expect(try await Self.run("card", process).contains(#""house":"10""#))
            #expect(
                try await Self.run("explain", process).contains(
                    #/^accept: possible, listed: true\noffer \d+: SENT, until ever\nstatus 0\n$/#))
            #expect(try await Self.run("unlisted", process) == "status 0\n")
            try "1042\n1043\n999\n".write(toFile: process.folder + "/orders.txt", atomically: true, encoding: .utf8)
            #expect(try await Self.run("file", process) == "1042\tfree\n1043\tfree\n999\tOFFER_NOT_FOUND\nstatus 0\n")
            #expect(try await Self.run("healthy", process) == "ok: G3, missing: \nstatus 0\n")
            let accepted = try await Self.run("accept", process)
            #expect(accepted.contains(#""alreadyAccepted":false"#) && accepted.hasSuffix("}}\nstatus 0\n"))
            #expect(try await Self.run("count", process) == "1\nstatus 0\n")
            let gone = try await Self.run("card", process)
            #expect(gone.hasPrefix("ALREADY_YOURS: ") && gone.hasSuffix("\nstatus 1\n"), "\(gone)")
            let explained = try await Self.run("explain", process)
            #expect(explained.hasPrefix("accept: ALREADY_YOURS, listed: false\n"), "\(explained)")
            try await database.sql("UPDATE orders SET status = 'DEFERRED' WHERE id = 1043")
            #expect(try await Self.run("unlisted", process) == "DEFERRED\t1\nstatus 0\n")
            #expect(try await Self.run("metrics", process) == "status 0\n")
            let files = try FileManager.default.contentsOfDirectory(atPath: process.folder).filter {
                $0.hasPrefix("offersd")
            }
            #expect(files == ["offersd.prom"])
            let text = try String(contentsOfFile: process.folder + "/offersd.prom", encoding: .utf8)
            #expect(text.contains("\noffersd_requests_total{method=\"acceptOffer\",outcome=\"ok\"} 1\n"))
            // All that the document names is there, and nothing else.
            let documented = try PackageRoot.text(of: "Protocol/README.md").matches(of: #/`(offersd_[a-z_]+)`/#).map(
                \.1)
            let families = text.matches(of: #/# TYPE (offersd_[a-z_]+) /#).map(\.1)
            #expect(Set(families) == Set(documented))
            try await database.sql("ALTER TABLE orders RENAME house TO number")
            _ = try await Self.run("card", process)
            // What failed is known before what is missing.
            let known = try await eventually(
                { try await Self.run("healthy", process) }, until: { $0.hasPrefix("down") })
            #expect(known.hasPrefix("down: G3, missing: orders.house") && known.hasSuffix("status 1\n"), "\(known)")
        }
    }

    @Test("Watching shows each change, and ends when the service does not answer")
    func watch() async throws {
        try await Self.withScene { (database, process) async throws in
            try await withThrowingTaskGroup(of: String.self) { group in
                group.addTask { try await Self.run("watch", process) }
                // It has asked once; then an order goes, and it asks again; then the service goes.
                func lists() async throws -> Int {
                    let metrics = try await process.shell(
                        #"echo '{"jsonrpc":"2.0","id":1,"method":"metrics"}' | socat -t10 - UNIX-CONNECT:$S | jq '.result.methods.listOffers.outcomes.ok // 0'"#
                    )
                    return Int(metrics.dropLast()) ?? 0
                }
                while try await lists() < 1 {}
                _ = try await Self.run("accept", process)
                let before = try await lists()
                while try await lists() < before + 2 {}
                process.send(SIGTERM)
                let watched = try await group.next() ?? ""
                #expect(watched.hasPrefix("[1043,1042]\n[1043]\n") && watched.hasSuffix("\nstatus 3\n"), "\(watched)")
                #expect(watched.contains("NO_REPLY") || watched.contains("SHUTTING_DOWN"), "\(watched)")
            }
        }
    }

    @Test("No recipe succeeds without an answer: the service is not there, it hangs, or it closes without a word")
    func noAnswer() async throws {
        try await OffersdProcess.withFolder { (folder) async throws in
            let names = [
                "list", "count", "card", "explain", "unlisted", "accept", "healthy", "file", "watch", "metrics",
            ]
            try "1042\n".write(toFile: folder + "/orders.txt", atomically: true, encoding: .utf8)
            let process = OffersdProcess(folder: folder, processID: 0)
            for name in names {
                let run = try await Self.run(name, process)
                #expect(!run.hasSuffix("status 0\n"), "\(name): \(run)")
            }
            #expect(!FileManager.default.fileExists(atPath: folder + "/offersd.prom"))
            try await OffersdProcess.run(in: folder, on: "host=/nonexistent") { (process) async throws in
                // It answers with an error: nothing of that is a success, but the file of replies, which shows it.
                for name in names where name != "metrics" {
                    let run = try await Self.run(name, process)
                    let expected = name == "file" ? "1042\tDATABASE_UNAVAILABLE\nstatus 0\n" : "DATABASE_UNAVAILABLE: "
                    #expect(
                        name == "healthy" ? run == "down: null, missing: \nstatus 1\n" : run.hasPrefix(expected),
                        "\(name): \(run)")
                    #expect(name == "file" || !run.hasSuffix("status 0\n"), "\(name): \(run)")
                }
                process.send(SIGSTOP)
                defer { process.send(SIGCONT) }
                // Each waits for the ten seconds of socat: all of them at once.
                try await withThrowingTaskGroup(of: (String, String).self) { group in
                    for name in names { group.addTask { (name, try await Self.run(name, process)) } }
                    for try await (name, run) in group {
                        #expect(run.contains(name == "file" ? "replies are missing" : "NO_REPLY"), "\(name): \(run)")
                        #expect(run.hasSuffix("status 3\n"), "\(name): \(run)")
                    }
                }
            }
        }
    }
}
