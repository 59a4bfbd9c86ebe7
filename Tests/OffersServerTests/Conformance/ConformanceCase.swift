import Foundation
import JSONRPC
import NIOCore

/// One line of a file of `Protocol/conformance/`; the README there is what this type follows.
struct ConformanceCase: Sendable {
    let name: String
    let usesOpsSocket: Bool
    let chunks: [[UInt8]]
    let expected: [JSONValue]
    let contained: [String]

    /// A line that is not of the README's form.
    struct Malformed: Error {
        let line: String
    }

    /// The folder, found from this file.
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Protocol/conformance")

    /// The files of cases, without the extension.
    static let files: [String] = {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return all.filter { $0.hasSuffix(".jsonl") }.map { String($0.dropLast(6)) }.sorted()
    }()

    /// The text of a file in the folder.
    static func text(of file: String) throws -> String {
        try String(contentsOf: folder.appending(path: file), encoding: .utf8)
    }

    /// The cases of a file, in order, with texts in them replaced.
    static func all(in file: String, replacing texts: [String: String] = [:]) throws -> [ConformanceCase] {
        try texts.reduce(text(of: file + ".jsonl")) { $0.replacing($1.key, with: $1.value) }.split(separator: "\n").map
        { try ConformanceCase(line: String($0)) }
    }

    init(line: String) throws {
        let json = try JSONValue(parsing: ByteBuffer(string: line))
        guard let name = json["name"]?.stringValue, let send = json["send"]?.elements,
            let expected = json["expect"]?.elements
        else { throw Malformed(line: line) }
        self.name = name
        self.expected = expected
        usesOpsSocket = json["socket"]?.stringValue == "ops"
        contained = (json["contains"]?.elements ?? []).compactMap(\.stringValue)
        chunks = try send.map { chunk in
            if let text = chunk.stringValue { return Array(text.utf8) }
            if let base64 = chunk["base64"]?.stringValue, let data = Data(base64Encoded: base64) { return Array(data) }
            guard let pair = chunk["repeat"]?.elements, pair.count == 2, let text = pair[0].stringValue,
                let count = pair[1].int64Value
            else { throw Malformed(line: line) }
            return Array(repeatElement(Array(text.utf8), count: Int(count)).joined())
        }
    }

    /// What is wrong with the server's output; nil if it is what the case expects.
    func complaint(about output: [UInt8]) -> String? {
        guard output.isEmpty || output.last == UInt8(ascii: "\n") else { return "the last line has no end" }
        let lines = output.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast()
        guard lines.count == expected.count else { return "\(lines.count) lines instead of \(expected.count)" }
        for (index, (line, wanted)) in zip(lines, expected).enumerated() {
            guard let found = try? JSONValue(parsing: ByteBuffer(bytes: line)) else {
                return "line \(index + 1) is not JSON"
            }
            if let place = Self.mismatch(found, wanted) { return "line \(index + 1) differs at \(place)" }
        }
        let text = String(decoding: output, as: UTF8.self)
        return contained.first { !text.contains($0) }.map { "\($0) does not occur" }
    }

    /// The path of the first place where `found` does not match `wanted`; nil if it matches.
    private static func mismatch(_ found: JSONValue, _ wanted: JSONValue, at path: String = "$") -> String? {
        switch (found, wanted) {
        case (_, .string(let text)):
            return matches(found, text) ? nil : path
        case (.object, .object):
            let (found, wanted) = (found.members ?? [], wanted.members ?? [])
            guard found.count == wanted.count else { return "\(path): \(found.map(\.name)), not \(wanted.map(\.name))" }
            for member in wanted {
                guard let other = found.first(where: { $0.name == member.name }) else {
                    return "\(path).\(member.name)"
                }
                if let place = mismatch(other.value, member.value, at: "\(path).\(member.name)") { return place }
            }
            return nil
        case (.array, .array):
            let (found, wanted) = (found.elements ?? [], wanted.elements ?? [])
            guard found.count == wanted.count else { return "\(path): \(found.count) elements, not \(wanted.count)" }
            for index in wanted.indices {
                if let place = mismatch(found[index], wanted[index], at: "\(path)[\(index)]") { return place }
            }
            return nil
        default:
            // Numbers are equal if they are written alike.
            return found == wanted ? nil : path
        }
    }

    /// Whether a value matches a string of the case, which may be a placeholder.
    private static func matches(_ value: JSONValue, _ wanted: String) -> Bool {
        switch wanted {
        case "<any>": true
        case "<string>": value.stringValue.map { !$0.isEmpty } ?? false
        case "<integer>": if case .number(let number) = value { number.isInteger } else { false }
        case "<object>": value.members != nil
        case "<array>": value.elements != nil
        case "<timestamp>": value.stringValue?.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z/) != nil
        default: value == .string(wanted)
        }
    }
}
