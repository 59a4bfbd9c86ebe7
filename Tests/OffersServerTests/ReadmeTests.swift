import Subprocess
import SystemPackage
import TestDatabase
import Testing
import Turns

/// The commands of README.md run as they stand there, and the page of settings is complete.
@Suite(.inTurn)
struct ReadmeTests {
    @Test("There are two set-up commands, each a line in a block of its own, and .ci/run runs the second")
    func setUp() throws {
        let readme = try PackageRoot.text(of: "README.md")
        let blocks = Self.blocks("sh", in: readme)
        #expect(blocks == [".ci/install && swift run offers-demo", ".ci/install && swift test --parallel"])
        // As .ci/run finds it.
        let lines = readme.split(separator: "\n").filter { $0.hasPrefix(".ci/install && ") }
        #expect(lines.map(String.init) == blocks)
        let script = try PackageRoot.text(of: ".ci/run")
        #expect(script.contains(#"command=$(grep '^\.ci/install && ' README.md | sed -n 2p)"#))
        #expect(script.hasSuffix("step \"tests\" readme_tests\n"))
    }

    @Test("The Python client lists and accepts, with a service that has the rights of offersd grants and no more")
    func pythonClient() async throws {
        let client = try #require(Self.blocks("python", in: PackageRoot.text(of: "README.md")).first)
        let (role, _) = try await BuiltProgram.shell(
            #"exec "$1" grants --role readme_role"#, BuiltProgram.path("offersd").string)
        try await TestDatabase.withDatabase { database in
            // Roles belong to the cluster, which other tests use, too.
            try await database.sql(role)
            try await Self.insertOffers(into: database)
            let connectionString = "\(database.connectionString) user=readme_role"
            let (report, verdict) = try await BuiltProgram.shell(
                LifecycleTests.checkCommand, BuiltProgram.path("offersd").string, connectionString)
            #expect(verdict == .exited(0), "\(report)")
            try await Self.withServer(on: connectionString) { socket in
                let first = try await BuiltProgram.shell(#"python3 -c "$1" "$2""#, client, socket)
                #expect(first.output == "1043 Testville\n1042 Testville\naccepted: 1042\n")
                #expect(first.status == .exited(0))
                let again = try await BuiltProgram.shell(#"python3 -c "$1" "$2""#, client, socket)
                #expect(again.output == "1043 Testville\naccepted: 1042\n")
                try await database.sql(
                    "UPDATE orders SET assigned_master_id = NULL; UPDATE offers SET state = 'DECLINED'")
                let refused = try await BuiltProgram.shell(#"python3 -c "$1" "$2""#, client, socket)
                #expect(refused.output == "OFFER_DECLINED\n")
                #expect(refused.status == .exited(1))
            }
            // Written at the latest when the service ended.
            #expect(try await database.sql("SELECT order_id FROM distribution_metrics") == ["1042"])
        }
    }

    @Test("The calls from a shell list and accept")
    func shellCalls() async throws {
        let readme = try PackageRoot.text(of: "README.md")
        let section = try #require(readme.split(separator: "## Call it\n").last?.split(separator: "\n## ").first)
        let calls = section.split(separator: "\n\n").filter { $0.hasPrefix("    ") }.map(String.init)
        try #require(calls.count == 2)
        let programs = try BuiltProgram.path("offersctl").removingLastComponent().string
        try await TestDatabase.withDatabase { database in
            try await Self.insertOffers(into: database)
            try await Self.withServer(on: database.connectionString) { socket in
                func output(of call: String) async throws -> String {
                    let command = call.replacing("/run/offersd/offers.sock", with: socket)
                    let (output, status) = try await BuiltProgram.shell("PATH=$1:$PATH\n\(command)", programs)
                    #expect(status == .exited(0), "\(output)")
                    return output
                }
                let before = try await output(of: calls[0])
                #expect(before.contains(#""total":2"#))
                let accepted = try await output(of: calls[1])
                #expect(accepted.contains(#""orderId":1042"#))
                let after = try await output(of: calls[0])
                #expect(after.contains(#""total":1"#))
            }
        }
    }

    @Test("The page of settings has every flag and every variable of offersd serve, and what is allowed")
    func settings() async throws {
        let page = try PackageRoot.text(of: "systemd/settings.md")
        let (help, _) = try await BuiltProgram.shell("\(BuiltProgram.path("offersd")) serve --help")
        let flags = help.split { " \n".contains($0) }.filter {
            $0.hasPrefix("--") && $0 != "--help" && $0 != "--version"
        }
        let variables = help.split { " \n[]".contains($0) }.filter { $0.hasPrefix("OFFERSD_") }
        #expect(Set(flags).count >= 20 && Set(flags).count == Set(variables).count)
        for name in flags + variables {
            #expect(page.contains("| `\(name)` |"), "\(name)")
        }
        let rows = page.matches(of: #/\| `(--[a-z-]+)` \| `OFFERSD_[A-Z_]+` \| [^|]+ \| (\d+)…(\d+) \|/#)
        #expect(rows.count >= 15)
        for (_, flag, least, most) in rows.map(\.output) {
            let (refusal, _) = try await BuiltProgram.shell(
                "\(BuiltProgram.path("offersd")) serve \(flag) 99999999999")
            #expect(refusal.contains("from \(least) to \(most) "), "\(flag): \(refusal)")
        }
        let environment = try PackageRoot.text(of: "systemd/offersd.env")
        for variable in variables { #expect(environment.contains(variable), "\(variable)") }
    }

    /// Master 7 with offers of the orders 1042 and 1043.
    private static func insertOffers(into database: TestDatabase) async throws {
        let city = try await database.insert(CityRow(name: "Testville"))
        try await database.sql("UPDATE masters SET id = 7 WHERE id = \(try await database.insert(MasterRow()))")
        for order in [1042, 1043] {
            let row = try await database.insert(OrderRow(cityID: city))
            try await database.sql("UPDATE orders SET id = \(order) WHERE id = \(row)")
            try await database.insert(OfferRow(orderID: order, masterID: 7))
        }
    }

    /// The fenced blocks of a language, without their fences.
    private static func blocks(_ language: String, in text: String) -> [String] {
        text.split(separator: "```\(language)\n").dropFirst().map { block in
            block.split(separator: "\n", omittingEmptySubsequences: false).prefix { !$0.hasPrefix("```") }
                .joined(separator: "\n")
        }
    }

    /// Runs offersd as a process and lends its socket; afterwards it must have ended well.
    private static func withServer(on database: String, _ body: (String) async throws -> Void) async throws {
        let (folder, _) = try await BuiltProgram.shell("mktemp -d /tmp/readme.XXXXXX")
        let socket = "\(folder.dropLast())/offers.sock"
        let offersd = try Configuration(
            executable: .path(BuiltProgram.path("offersd")),
            arguments: ["serve", "--socket", socket, "--database", database])
        let run = try await Subprocess.run(offersd, input: .none, output: .discarded, error: .sequence) { process in
            var isListening = false
            for try await line in process.standardError.strings() where line == "listening on \(socket)" {
                isListening = true
                let outcome: Result<Void, any Error>
                do { outcome = .success(try await body(socket)) } catch { outcome = .failure(error) }
                try process.send(signal: .terminate)
                try outcome.get()
            }
            #expect(isListening)
        }
        #expect(run.terminationStatus == .exited(0))
        _ = try await BuiltProgram.shell("rmdir \(folder)")
    }
}
