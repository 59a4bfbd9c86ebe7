import FoundationEssentials
import JSONRPC
import NIOCore
import Offers
import Testing

/// The files of `Protocol/conformance/` themselves. That the service answers as they say is tested with a database.
@Suite struct ConformanceFilesTests {
    private static func cases() throws -> [(file: String, line: JSONValue)] {
        let folder = protocolFolder.appending(path: "conformance")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".jsonl") }
        return try files.sorted().flatMap { file in
            try Data(contentsOf: folder.appending(path: file)).split(separator: UInt8(ascii: "\n")).map {
                (file, try JSONValue(parsing: ByteBuffer(bytes: $0)))
            }
        }
    }

    /// The bytes of a chunk; nil if it has none of the three forms of the README.
    private static func bytes(_ chunk: JSONValue) -> [UInt8]? {
        if let text = chunk.stringValue { return Array(text.utf8) }
        guard let members = chunk.members, members.count == 1 else { return nil }
        if let base64 = chunk["base64"]?.stringValue { return Data(base64Encoded: base64).map(Array.init) }
        guard let pair = chunk["repeat"]?.elements, pair.count == 2, let text = pair[0].stringValue,
            let count = pair[1].int64Value
        else { return nil }
        return Array(repeatElement(Array(text.utf8), count: Int(count)).joined())
    }

    @Test("Every case has the form of the README, and names are unique in their file")
    func form() throws {
        let cases = try Self.cases()
        #expect(cases.count >= 80)
        var names: Set<String> = []
        for (file, line) in cases {
            let name = try #require(line["name"]?.stringValue, "a case without a name in \(file)")
            #expect(names.insert("\(file) \(name)").inserted, "\(file) has two cases \(name)")
            let members = Set(line.members?.map(\.name) ?? [])
            #expect(members.isSubset(of: ["name", "rows", "socket", "send", "expect", "contains"]), "\(file) \(name)")
            #expect(["offers", "ops", nil].contains(line["socket"]?.stringValue), "\(file) \(name)")
            let chunks = try #require(line["send"]?.elements, "\(file) \(name)")
            for chunk in chunks { #expect(Self.bytes(chunk) != nil, "\(file) \(name)") }
            for reply in try #require(line["expect"]?.elements, "\(file) \(name)") {
                for single in reply.elements ?? [reply] {
                    #expect(single["jsonrpc"]?.stringValue == "2.0" && single["id"] != nil, "\(file) \(name)")
                    #expect((single["result"] == nil) != (single["error"] == nil), "\(file) \(name)")
                }
            }
            for text in line["contains"]?.elements ?? [] { #expect(text.stringValue != nil, "\(file) \(name)") }
        }
    }

    @Test("Every expected error is a row of the contract's table")
    func errors() throws {
        for (file, line) in try Self.cases() {
            for error in Self.expectedErrors(of: line) {
                let reason = try #require(
                    Reason(rawValue: error["data"]?["reason"]?.stringValue ?? ""), "\(file) \(line["name"] as Any)")
                #expect(error["code"]?.int64Value == Int64(reason.code))
                #expect(error["data"]?["retryable"]?.boolValue == reason.retryable)
                #expect(error["data"]?.members?.map(\.name) == ["reason", "retryable"] + reason.details)
            }
        }
    }

    @Test("Every method and every reason that data can cause has a case")
    func coverage() throws {
        // These need a broken database, a full or a stopping service.
        let impossible: Set<Reason> = [
            .databaseUnavailable, .overloaded, .timedOut, .outcomeUnknown, .shuttingDown, .internalError,
        ]
        let cases = try Self.cases()
        let reasons = cases.flatMap { Self.expectedErrors(of: $0.line) }
            .compactMap { $0["data"]?["reason"]?.stringValue.flatMap(Reason.init) }
        #expect(Set(reasons) == Set(Reason.allCases).subtracting(impossible))

        var succeeding: Set<String> = []
        for (_, line) in cases where Self.expectedErrors(of: line).isEmpty {
            let sent = (line["send"]?.elements ?? []).compactMap(Self.bytes).joined()
            for text in sent.split(separator: UInt8(ascii: "\n")) {
                if case .single(.request(let request)) = Message(line: ByteBuffer(bytes: text), maximumBatch: 50),
                    request.id != nil
                {
                    succeeding.insert(request.method)
                }
            }
        }
        #expect(succeeding == Set(Contract.methods.map(\.name)))
    }

    private static func expectedErrors(of line: JSONValue) -> [JSONValue] {
        (line["expect"]?.elements ?? []).flatMap { $0.elements ?? [$0] }.compactMap { $0["error"] }
    }
}
