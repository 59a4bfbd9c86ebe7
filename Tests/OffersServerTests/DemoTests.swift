import EmbeddedPostgres
import FoundationEssentials
import Subprocess
import SystemPackage
import Testing
import Turns

/// The demo as a process, as people and scripts start it.
@Suite(.inTurn)
struct DemoTests {
    @Test("--once shows the walk, says ok to every check, and leaves nothing behind")
    func once() async throws {
        let run = try await Subprocess.run(
            .path(BuiltProgram.path("offers-demo")), arguments: ["--once"],
            output: .string(limit: 1 << 20), error: .combinedWithOutput)
        let lines = run.standardOutput.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(run.terminationStatus == .exited(0), "\(run.standardOutput)")
        #expect(lines.count { $0.hasPrefix("   ok    ") } == 6)
        #expect(!run.standardOutput.contains("WRONG"))
        #expect(lines.allSatisfy { $0.count <= 80 })
        try #expect(Self.isGone(Self.folder(in: lines)))
    }

    @Test(
        "It goes on serving, every line it suggests does what it says, and SIGTERM ends it",
        arguments: [([], 3...3), (["--recipes"], 20...30)] as [([String], ClosedRange<Int>)])
    func suggestions(demo: (arguments: [String], suggestions: ClosedRange<Int>)) async throws {
        let program = try Configuration(
            executable: .path(BuiltProgram.path("offers-demo")), arguments: Arguments(demo.arguments))
        let bot = try BuiltProgram.path("offers-bot").string
        let run = try await Subprocess.run(
            program, input: .none, output: .sequence, error: .discarded
        ) { (process) async throws -> [String] in
            var lines: [String] = []
            for try await line in process.standardOutput.strings() {
                lines.append(line)
                guard line.hasPrefix("Ctrl-C ends") else { continue }
                for suggestion in Self.suggestions(in: lines) {
                    // The bot that was built, in place of a build inside of a test.
                    let command = suggestion.command.replacing("swift run offers-bot", with: bot)
                    let (output, status) = try await BuiltProgram.shell(command)
                    #expect(status == .exited(0), "\(suggestion)")
                    // The reason is the word in capitals at the end of the caption; without one it is a success.
                    let last = suggestion.caption.split(separator: " ").last.map(String.init) ?? ""
                    if last.contains("_") || last == "FORBIDDEN" {
                        #expect(output.contains(#""reason":"\#(last)""#), "\(suggestion): \(output)")
                    } else {
                        #expect(!output.isEmpty && !output.contains(#""error""#), "\(suggestion): \(output)")
                        // What the bot's console says first where no service answers.
                        #expect(!output.contains("Внимание"), "\(suggestion): \(output)")
                    }
                }
                try process.send(signal: .terminate)
            }
            return lines
        }
        let lines = run.closureResult
        #expect(run.terminationStatus == .exited(0))
        #expect(lines.allSatisfy { $0.count <= 80 })
        #expect(demo.suggestions.contains(Self.suggestions(in: lines).count))
        try #expect(Self.isGone(Self.folder(in: lines)))
    }

    @Test(
        "A signal at any time ends it; before the end of the walk --once has not succeeded",
        arguments: [(["--once"], 1), ([], 0)] as [([String], Int32)], [Signal.interrupt, .terminate])
    func signal(demo: (arguments: [String], status: Int32), signal: Signal) async throws {
        try await OffersdProcess.withFolder { (folder) async throws in
            // A server whose making waits until the signal was sent, however late that is.
            _ = try await BuiltProgram.shell(
                """
                for program in "$2"/*; do ln -s $program $1/; done
                real=$(readlink $1/initdb); rm $1/initdb
                printf '#!/bin/sh\\nuntil [ -e %s/go ]; do sleep 0.05; done\\nexec %s \"$@\"\\n' $1 $real >$1/initdb
                chmod 755 $1 $1/initdb
                """, folder, EmbeddedPostgres.Installation.find().programs)
            let program = try Configuration(
                executable: .path(BuiltProgram.path("offers-demo")), arguments: Arguments(demo.arguments),
                environment: .inherit.updating(["OFFERSD_POSTGRES_BIN": folder]))
            let run = try await Subprocess.run(
                program, input: .none, output: .sequence, error: .discarded
            ) { (process) async throws -> [String] in
                var lines: [String] = []
                for try await line in process.standardOutput.strings() {
                    // The first line: the database is about to be made.
                    if lines.isEmpty {
                        try process.send(signal: signal)
                        _ = FileManager.default.createFile(atPath: folder + "/go", contents: nil)
                    }
                    lines.append(line)
                }
                return lines
            }
            // On a starving machine the walk can be over before the signal is heard; then all of it was right.
            let walked = run.closureResult.contains { $0.hasSuffix("it is refused as ORDER_TAKEN") }
            #expect(run.terminationStatus == .exited(walked ? 0 : demo.status))
            #expect(walked || !run.closureResult.contains { $0.hasPrefix("Still serving") })
        }
    }

    @Test("Recipes of a demo that ends are refused")
    func recipesOnce() async throws {
        let run = try await Subprocess.run(
            .path(BuiltProgram.path("offers-demo")), arguments: ["--once", "--recipes"],
            output: .discarded, error: .string(limit: 1 << 20))
        #expect(run.terminationStatus == .exited(64))
        #expect(run.standardError.contains("--recipes are for a demo that goes on serving"))
    }

    @Test("Without Postgres's programs it says what to install")
    func noPostgres() async throws {
        let run = try await Subprocess.run(
            .path(BuiltProgram.path("offers-demo")), arguments: ["--once"],
            environment: .inherit.updating(["OFFERSD_POSTGRES_BIN": "/nonexistent"]),
            output: .discarded, error: .string(limit: 1 << 20))
        #expect(run.terminationStatus == .exited(1))
        #expect(run.standardError.contains("OFFERSD_POSTGRES_BIN is /nonexistent"))
    }

    /// The demo's folder, from the line `listening on FOLDER/offers.sock`.
    private static func folder(in lines: [some StringProtocol]) throws -> String {
        let line = try #require(lines.first { $0.hasPrefix("listening on ") })
        return FilePath(String(line.dropFirst("listening on ".count))).removingLastComponent().string
    }

    /// Whether the folder is gone, and with it every process that was started for it.
    private static func isGone(_ folder: String) throws -> Bool {
        let processes = try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { Int($0) != nil }
        // A process that ends while we look has no command line any more.
        let commands = processes.compactMap { try? String(contentsOfFile: "/proc/\($0)/cmdline", encoding: .utf8) }
        return !FileManager.default.fileExists(atPath: folder) && !commands.contains { $0.contains(folder) }
    }

    /// The captions, and the commands that follow them up to the next empty line.
    private static func suggestions(in lines: [String]) -> [(caption: String, command: String)] {
        lines.split(separator: "").compactMap { lines in
            guard let first = lines.first, first.hasPrefix("# ") else { return nil }
            return (first, lines.dropFirst().joined(separator: "\n"))
        }
    }
}
