import OffersServer
import TestDatabase
import Testing
import Turns

/// The service against `Protocol/conformance/`, over its real sockets.
@Suite(.inTurn)
struct ConformanceTests {
    @Test("The service answers every case as the file says", arguments: ConformanceCase.files)
    func cases(of file: String) async throws {
        let isDamaged = file == "damaged"
        try await TestDatabase.withDatabase(isDamaged ? .damaged : .g3) { database in
            try await database.sql(ConformanceCase.text(of: "fixture.sql"))
            if isDamaged { try await database.sql(ConformanceCase.text(of: "fixture-damaged.sql")) }
            try await Self.run([file], database.connectionString)
        }
    }

    /// Has a service answer the cases of these files, on a database with their fixture.
    ///
    /// - Parameter texts: What has been replaced in the fixture, by what.
    static func run(
        _ files: [String], _ connectionString: String, replacing texts: [String: String] = [:],
        _ configure: (inout Settings) -> Void = { _ in },
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await RunningService.run(on: connectionString, configure) { service in
            // A health of "ok" is part of the cases, and the service has yet to look at its database.
            try await service.waitUntilInspected()
            for file in files {
                let cases = try ConformanceCase.all(in: file, replacing: texts)
                #expect(!cases.isEmpty)
                for example in cases {
                    let output = try await service.exchange(example.chunks, ops: example.usesOpsSocket)
                    if let complaint = example.complaint(about: output) {
                        Issue.record(
                            Comment(rawValue: Self.report(example, of: file, output, complaint)),
                            sourceLocation: sourceLocation)
                    }
                }
            }
        }
    }

    @Test(
        "The matcher tells a reply that differs",
        arguments: [
            (#"{"a":1}"#, #"{"a":1.0}"#), (#"{"a":1}"#, #"{"a":1,"b":null}"#), (#"{"a":1,"b":null}"#, #"{"a":1}"#),
            ("[1,2]", "[1]"), (#""x""#, "null"), (#""<integer>""#, "1e2"), (#""<string>""#, #""""#),
            (#""<timestamp>""#, #""2026-01-31T08:05:09Z""#), (#""<object>""#, "[]"), ("null", "false"),
        ])
    func matcher(expected: String, reply: String) throws {
        let example = try ConformanceCase(line: #"{"name":"n","send":[],"expect":[\#(expected)]}"#)
        #expect(example.complaint(about: Array((reply + "\n").utf8)) != nil)
        #expect(example.complaint(about: Array(reply.utf8)) == "the last line has no end")
        #expect(example.complaint(about: []) == "0 lines instead of 1")
    }

    private static func report(
        _ example: ConformanceCase, of file: String, _ output: [UInt8], _ complaint: String
    ) -> String {
        let sent = example.chunks.map { String(decoding: $0.prefix(2000), as: UTF8.self) }
        return """
            \(file): \(example.name): \(complaint)
            sent: \(sent)
            expected: \(example.expected.map { "\($0)" })
            got: \(String(decoding: output.prefix(4000), as: UTF8.self))
            """
    }
}
