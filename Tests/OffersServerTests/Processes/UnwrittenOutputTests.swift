import Subprocess
import SystemPackage
import TestDatabase
import Testing
import Turns

/// No program says that it succeeded when what it printed was not written.
@Suite("Output that cannot be written", .inTurn)
struct UnwrittenOutputTests {
    /// A standard output that takes nothing: a full disk, one that was closed, and one that is for reading.
    enum Target: String, CaseIterable {
        case full = ">/dev/full"
        case closed = ">&-"
        case readOnly = "1</dev/null"
    }

    private static func run(_ command: String, _ target: Target, _ arguments: [String] = []) async throws -> String {
        let run = try await Subprocess.run(
            .path("/bin/sh"),
            arguments: Arguments(
                ["-c", "\(command) </dev/null 2>&1 \(target.rawValue); echo \"status $?\"", "sh"] + arguments),
            output: .string(limit: 1 << 20), error: .combinedWithOutput)
        return run.standardOutput
    }

    @Test(
        "help, version and SQL",
        arguments: [
            "offersd --help", "offersd --version", "offersd help serve", "offersd schema", "offersd grants",
            "offersd check --help", "offersctl --help", "offersctl --version", "offers-bot --help",
            "offers-bot --version",
            "offers-bot console --help", "offers-demo --help", "offers-demo --version",
        ], Target.allCases)
    func texts(command: String, target: Target) async throws {
        let words = command.split(separator: " ", maxSplits: 1)
        let program = try BuiltProgram.path(String(words[0])).string
        let output = try await Self.run("\"$1\" \(words[1])", target, [program])
        #expect(!output.hasSuffix("status 0\n") && output.contains("cannot write to standard output"), "\(output)")
        let written = try await BuiltProgram.shell("\"$1\" \(words[1])", program)
        #expect(written.status == .exited(0) && !written.output.isEmpty)
    }

    @Test("check, a call, and the console", arguments: Target.allCases)
    func calls(target: Target) async throws {
        try await TestDatabase.withDatabase { (database) async throws in
            let check = try await Self.run(
                "\"$1\" check --database \"$2\"", target,
                [try BuiltProgram.path("offersd").string, database.connectionString])
            #expect(check.hasSuffix("status 1\n") && check.contains("cannot write"), "\(check)")
            try await RunningService.run(on: database.connectionString) { (service) async throws in
                let call = try await Self.run(
                    "\"$1\" --socket \"$2\" health", target, [try BuiltProgram.path("offersctl").string, service.path])
                #expect(call.hasSuffix("status 5\n") && call.contains("cannot write"), "\(call)")
                let console = try await Self.run(
                    "\"$1\" console --socket \"$2\" --telegram-user 7", target,
                    [try BuiltProgram.path("offers-bot").string, service.path])
                #expect(console.hasSuffix("status 1\n") && console.contains("cannot write"), "\(console)")
            }
        }
    }

    @Test("the demo")
    func demo() async throws {
        let output = try await Self.run("\"$1\" --once", .full, [try BuiltProgram.path("offers-demo").string])
        #expect(output.hasSuffix("status 1\n") && output.contains("cannot write to standard output"), "\(output)")
    }
}
