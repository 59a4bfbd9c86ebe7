import JSONRPC
import NIOCore
import Testing

@Suite("Reading JSON values")
struct JSONValueTests {
    @Test(
        "Escapes become what they stand for",
        arguments: [
            (#""plain""#, "plain"), (#""\"\\\/""#, "\"\\/"), (#""\b\f\n\r\t""#, "\u{8}\u{C}\n\r\t"),
            (#""\u0041\u004a""#, "AJ"),
            (#""\u0000""#, "\u{0}"), (#""\u007F\u0080""#, "\u{7F}\u{80}"), (#""\u07fF\u0800""#, "\u{7FF}\u{800}"),
            (#""\uFFFF""#, "\u{FFFF}"), (#""\uD800\uDC00""#, "\u{10000}"), (#""\udbff\udfff""#, "\u{10FFFF}"),
            (#""\ud83d\ude80!""#, "🚀!"), (#""до\u043C""#, "дом"), (#""\\u0041""#, "\\u0041"), (#""\\\"\\""#, "\\\"\\"),
            (#""\u00e9=é""#, "é=é"), ("\"\u{2028}\"", "\u{2028}"),
        ])
    func escapes(_ text: String, _ string: String) throws {
        let value = try parse(text)
        #expect(value.stringValue.map { Array($0.utf8) } == Array(string.utf8))
    }

    @Test(
        "A lone surrogate becomes U+FFFD and swallows nothing",
        arguments: [
            (#""\ud800""#, "\u{FFFD}"), (#""\udc00""#, "\u{FFFD}"), (#""\ud800x""#, "\u{FFFD}x"),
            (#""\ud800\n""#, "\u{FFFD}\n"),
            (#""\ud800\u0041""#, "\u{FFFD}A"), (#""\udc00\ud800""#, "\u{FFFD}\u{FFFD}"),
            (#""\ud800\ud83d\ude80""#, "\u{FFFD}🚀"), (#""\ud83d\ude80\ude80""#, "🚀\u{FFFD}"),
            (#""\ud800\\udc00""#, "\u{FFFD}\\udc00"),
        ])
    func loneSurrogates(_ text: String, _ string: String) throws {
        #expect(try parse(text).stringValue == string)
    }

    @Test(
        "The bytes of an array or object are those that were read; what else there is comes as its JSON",
        arguments: [
            ("{\"a\" : [1.0, 2e0]}", "{\"a\" : [1.0, 2e0]}"), ("[ 1,{} ]", "[ 1,{} ]"), (#""\u0041""#, "\"A\""),
            ("1.0", "1.0"), ("true", "true"), ("null", "null"),
        ])
    func bytes(_ text: String, _ bytes: String) throws {
        #expect(String(buffer: try parse(" \(text)\n").bytes) == bytes)
    }

    @Test("Every UTF-16 code unit survives its escape")
    func everyCodeUnit() throws {
        for unit in UInt16.min...UInt16.max {
            let digits = String(unit, radix: 16)
            let text = "\"\\u" + String(repeating: "0", count: 4 - digits.count) + digits + "\""
            let expected = Unicode.Scalar(unit).map { String(Character($0)) } ?? "\u{FFFD}"
            guard try parse(text).stringValue?.unicodeScalars.elementsEqual(expected.unicodeScalars) == true else {
                Issue.record("\(text)")
                return
            }
        }
    }

    @Test(
        "Numbers keep their text, and only integers within 64 bits are integers",
        arguments: [
            ("0", true, 0), ("-0", true, 0), ("17", true, 17), ("-17", true, -17), ("1.0", false, nil),
            ("1e0", false, nil),
            ("1E0", false, nil), ("-0.0", false, nil), ("9223372036854775807", true, .max),
            ("9223372036854775808", true, nil),
            ("-9223372036854775808", true, .min), ("-9223372036854775809", true, nil), ("1e999", false, nil),
            ("123456789012345678901234567890", true, nil), ("0.1234567890123456789", false, nil),
        ] as [(String, Bool, Int64?)])
    func numbers(_ text: String, _ isInteger: Bool, _ integer: Int64?) throws {
        guard case .number(let number) = try parse(" \(text)\n") else {
            Issue.record("not a number")
            return
        }
        #expect(number.text == text)
        #expect(number.isInteger == isInteger)
        #expect(number.int64 == integer)
    }

    @Test("An integer that we make is a number like one that was read")
    func madeNumbers() throws {
        #expect(try parse("-42") == .number(JSONNumber(-42)))
    }

    @Test("Elements come in order, whatever stands between them")
    func elements() throws {
        let value = try parse(#" [ 1 ,"a,]" , [ 2,[3] ],{"b":[]}, true,false , null ] "#)
        let elements = try #require(value.elements)
        #expect(elements.count == 7)
        #expect(elements[0].int64Value == 1)
        #expect(elements[1].stringValue == "a,]")
        #expect(elements[2].elements?.last?.elements?.first?.int64Value == 3)
        #expect(elements[3]["b"]?.elements == [])
        #expect(elements[4...].map(\.boolValue) == [true, false, nil])
        #expect(elements[6].isNull)
    }

    @Test("Members come in order, repeated and escaped names included")
    func members() throws {
        let value = try parse(#"{"a":1,"b" : {"a":2} ,"\u0061":"}","":null}"#)
        let members = try #require(value.members)
        #expect(members.map(\.name) == ["a", "b", "a", ""])
        #expect(members[2].value.stringValue == "}")
        #expect(value["a"]?.int64Value == 1, "the first one")
        #expect(value["b"]?["a"]?.int64Value == 2)
        #expect(value["c"] == nil)
    }

    @Test("A part keeps the text it was written in")
    func exactText() throws {
        let value = try parse(#"{"a": [ 1.0,  "\u0041" ] , "b":{ }}"#)
        guard case .array(let array)? = value["a"], case .object(let object)? = value["b"] else {
            Issue.record("not an array and an object")
            return
        }
        #expect(String(buffer: array.bytes) == #"[ 1.0,  "\u0041" ]"#)
        #expect(String(buffer: object.bytes) == "{ }")
        #expect(array.members().isEmpty)
        #expect(object.elements().isEmpty)
    }

    @Test("Asking a value for what it is not gives nil")
    func otherKinds() throws {
        for text in ["null", "1", #""a""#, "true", "[]", "{}"] {
            let value = try parse(text)
            let answers: [Bool] = [
                value.isNull, value.int64Value != nil, value.stringValue != nil, value.boolValue != nil,
                value.elements != nil, value.members != nil,
            ]
            #expect(answers.count { $0 } == 1, "\(text)")
        }
    }

    @Test("Reading starts at the reader index")
    func readerIndex() throws {
        var buffer = ByteBuffer(string: "garbage[7,[8]]")
        buffer.moveReaderIndex(forwardBy: 7)
        let value = try JSONValue(parsing: buffer)
        #expect(value.elements?.first?.int64Value == 7)
        #expect(value.elements?.last?.elements?.first?.int64Value == 8)
    }

    @Test("A string of 64 KiB is read whole, with and without escapes")
    func longStrings() throws {
        let plain = String(repeating: "оффер123", count: 5000)
        #expect(try parse("\"\(plain)\"").stringValue == plain)
        #expect(try parse("[\"\(plain)\\n\(plain)\"]").elements?.first?.stringValue == "\(plain)\n\(plain)")
    }

    private func parse(_ text: String) throws -> JSONValue {
        try JSONValue(parsing: ByteBuffer(string: text))
    }
}
