import JSONRPC
import NIOCore
import Testing

@Suite("Errors on the wire")
struct RPCErrorTests {
    @Test(
        "Codes, reasons and whether to retry are those of the contract",
        arguments: [
            (.parseError(JSONSyntaxError(offset: 3, problem: "a value was expected")), -32700, "PARSE_ERROR", false),
            (.invalidRequest("Something is wrong."), -32600, "INVALID_REQUEST", false),
            (.batchTooLong(limit: 50), -32600, "BATCH_TOO_LONG", false),
            (.methodNotFound, -32601, "METHOD_NOT_FOUND", false),
            (.invalidParams(path: "limit", message: "The limit is from 1 to 100."), -32602, "INVALID_PARAMS", false),
            (.internalError, -32603, "INTERNAL_ERROR", false),
            (.overloaded(retryAfterMilliseconds: 100), -32002, "OVERLOADED", true),
            (.forbidden, -32005, "FORBIDDEN", false),
            (.lineTooLong(limit: 65_536), -32007, "LINE_TOO_LONG", false),
        ] as [(RPCError, Int, String, Bool)])
    func contract(_ error: RPCError, _ code: Int, _ reason: String, _ retryable: Bool) throws {
        #expect(error.code == code)
        #expect(error.reason == reason)
        #expect(error.retryable == retryable)
        #expect(error.message.hasSuffix("."))
        #expect(try RPCError(JSONValue(parsing: text(of: error))) == error, "it survives the wire")
    }

    @Test("The data of an error begins with its reason, and details keep their order")
    func data() {
        let error = RPCError(
            code: 1004, reason: "LIMIT_REACHED", message: "Finish \"one\" first.",
            details: [
                .init(name: "limit", value: .integer(5)), .init(name: "active", value: .null),
                .init(name: "note", value: .string("a\nb")), .init(name: "hard", value: .bool(true)),
            ])
        #expect(
            String(buffer: text(of: error)) == #"{"code":1004,"message":"Finish \"one\" first.","data":{"#
                + #""reason":"LIMIT_REACHED","retryable":false,"limit":5,"active":null,"note":"a\nb","hard":true}}"#)
        #expect(error.detail("limit") == .integer(5))
        #expect(error.detail("other") == nil)
    }

    @Test("A reply has its id and its error")
    func reply() {
        let line = ReplyLine.failure(RequestID(7), .invalidParams(path: "masterId", message: "It is missing."))
        #expect(
            String(buffer: line)
                == #"{"jsonrpc":"2.0","id":7,"error":{"code":-32602,"message":"It is missing.","#
                + #""data":{"reason":"INVALID_PARAMS","retryable":false,"path":"masterId"}}}"# + "\n")
    }

    @Test("Errors of other servers are read as far as they go")
    func foreignErrors() throws {
        func read(_ text: String) throws -> RPCError? { RPCError(try JSONValue(parsing: ByteBuffer(string: text))) }
        #expect(try read(#"{"code":-1,"message":"no"}"#) == RPCError(code: -1, reason: "", message: "no"))
        #expect(
            try read(#"{"code":2,"message":"no","data":{"retryable":true,"list":[1],"size":1.5,"path":"a"}}"#)
                == RPCError(
                    code: 2, reason: "", message: "no", retryable: true,
                    details: [.init(name: "path", value: .string("a"))]))
        #expect(try read(#"{"code":2,"message":"no","data":"text"}"#)?.details == [])
        for text in [
            #"{"code":"1","message":"no"}"#, #"{"code":1}"#, #"{"message":"no"}"#, #"{"code":1.5,"message":""}"#, "[]",
        ] {
            #expect(try read(text) == nil)
        }
    }

    private func text(of error: RPCError) -> ByteBuffer {
        var writer = JSONWriter()
        writer.value(error)
        return writer.buffer
    }
}
