import FoundationEssentials
import JSONRPC
import NIOCore
import Offers
import Testing

/// `Protocol/` of this checkout.
let protocolFolder = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().appending(path: "Protocol")

@Suite struct OpenRPCTests {
    @Test("Protocol/openrpc.json is the document that rpc.discover answers")
    func file() throws {
        let file = protocolFolder.appending(path: "openrpc.json")
        let document = try written(OpenRPCDocument())
        if ProcessInfo.processInfo.environment["OFFERSD_WRITE_OPENRPC"] != nil {
            try Data((pretty(document) + "\n").utf8).write(to: file)
        }
        let stored = try JSONValue(parsing: ByteBuffer(bytes: Data(contentsOf: file)))
        // Written again both the same way, so that only white space may differ.
        #expect(
            pretty(stored) == pretty(document),
            "run the tests once with OFFERSD_WRITE_OPENRPC=1, and read the difference before it is committed")
    }

    @Test("Every method has the members that OpenRPC 1.3 asks for, and required params come first")
    func methods() throws {
        let document = try written(OpenRPCDocument())
        #expect(document["openrpc"] == .string("1.3.2"))
        #expect(document["info"]?["title"] != nil && document["info"]?["version"] == .string(Contract.version))
        let methods = try #require(document["methods"]?.elements)
        #expect(methods.map { $0["name"]?.stringValue } == Contract.methods.map(\.name))
        let allowed: Set = [
            "name", "summary", "description", "paramStructure", "x-positional", "params", "result", "errors",
        ]
        for method in methods {
            #expect(Set(method.members?.map(\.name) ?? []) == allowed)
            let params = try #require(method["params"]?.elements)
            let required = params.map { $0["required"]?.boolValue == true }
            #expect(required == required.sorted { $0 && !$1 })
            for param in params { #expect(param["name"]?.stringValue != nil && param["schema"]?.members != nil) }
            #expect(method["result"]?["name"]?.stringValue != nil && method["result"]?["schema"]?.members != nil)
        }
    }

    @Test("Every reference leads somewhere, and everything in components is referred to or an error")
    func references() throws {
        let document = try written(OpenRPCDocument())
        var found: Set<String> = []
        func visit(_ value: JSONValue) {
            for member in value.members ?? [] {
                if member.name == "$ref", let target = member.value.stringValue { found.insert(target) }
                visit(member.value)
            }
            for element in value.elements ?? [] { visit(element) }
        }
        visit(document)
        for reference in found {
            let path = reference.split(separator: "/").dropFirst().map(String.init)
            #expect(path.reduce(Optional(document)) { $0?[$1] } != nil, "\(reference) leads nowhere")
        }
        for schema in document["components"]?["schemas"]?.members ?? [] {
            #expect(found.contains("#/components/schemas/\(schema.name)"), "\(schema.name) is not used")
        }
        #expect(document["components"]?["errors"]?.members?.map(\.name) == Reason.allCases.map(\.rawValue))
    }

    @Test("The data of every error fits what the document says of it")
    func errorData() throws {
        let errors = try #require(try written(OpenRPCDocument())["components"]?["errors"])
        let given: [OffersError] = [
            .masterNotFound, .masterBlocked(reason: "a"), .masterBlocked(reason: nil), .masterNotActive,
            .limitReached(limit: 1, active: 1), .offerNotFound, .offerExpired(at: ResultsTests.moment),
            .offerExpired(at: nil), .offerDeclined, .offerCanceled, .orderTaken, .orderNotAvailable(status: "CLOSED"),
            .alreadyYours(status: "ASSIGNED"), .databaseUnavailable(retryAfterMs: 1), .overloaded(retryAfterMs: 1),
            .timedOut, .outcomeUnknown,
        ]
        for error in given {
            let described = try #require(errors[error.reason.rawValue])
            let data = try #require(try written(error.rpcError)["data"])
            #expect(described["code"]?.int64Value == Int64(error.reason.code))
            #expect(SchemaCheck(schemas: .null).problems(data, try #require(described["data"])) == [])
        }
    }

    /// Two spaces a level, every member and element on a line of its own.
    private func pretty(_ value: JSONValue, _ indent: String = "") -> String {
        let inner = indent + "  "
        if let members = value.members, !members.isEmpty {
            let lines = members.map { "\(inner)\(compact(.string($0.name))): \(pretty($0.value, inner))" }
            return "{\n\(lines.joined(separator: ",\n"))\n\(indent)}"
        }
        if let elements = value.elements, !elements.isEmpty {
            return "[\n\(elements.map { inner + pretty($0, inner) }.joined(separator: ",\n"))\n\(indent)]"
        }
        return compact(value)
    }

    private func compact(_ value: JSONValue) -> String {
        var writer = JSONWriter()
        value.encode(to: &writer)
        return String(buffer: writer.buffer)
    }
}
