import Fuzzing
import JSONRPC
import NIOCore
import Testing

@Suite("Writing JSON")
struct JSONWriterTests {
    @Test("Commas and colons are where they belong")
    func structure() {
        let text = written {
            $0.beginObject()
            $0.member("text", "a")
            $0.key("list")
            $0.beginArray()
            $0.integer(-1)
            $0.beginObject()
            $0.endObject()
            $0.beginArray()
            $0.endArray()
            $0.bool(true)
            $0.null()
            $0.endArray()
            $0.member("nothing", String?.none)
            $0.member("number", Int64.min)
            $0.member("nil", Int64?.none)
            $0.member("yes", true)
            $0.member("no", Bool?.none)
            $0.member("value", JSONValue.number(JSONNumber(5)))
            $0.key("id")
            $0.raw("1.50")
            $0.key("raw")
            $0.raw(ByteBuffer(string: "[ 1 ]"))
            $0.endObject()
        }
        #expect(
            text == #"{"text":"a","list":[-1,{},[],true,null],"nothing":null,"number":-9223372036854775808,"nil":null,"#
                + #""yes":true,"no":null,"value":5,"id":1.50,"raw":[ 1 ]}"#)
    }

    @Test("A key made ready is the key, first or not, short or long")
    func keysMadeReady() {
        let text = written {
            $0.beginObject()
            $0.key(JSONKey(#","a":"#))
            $0.beginObject()
            $0.key(JSONKey(#","seventeenLetters_":"#))
            $0.integer(1)
            $0.key(JSONKey(#","abc":"#))
            $0.integer(2)
            $0.key(JSONKey(#","elevenLett":"#))
            $0.integer(3)
            $0.endObject()
            $0.key(JSONKey(#","b":"#))
            $0.null()
            $0.endObject()
        }
        #expect(text == #"{"a":{"seventeenLetters_":1,"abc":2,"elevenLett":3},"b":null}"#)
    }

    @Test("Integers of every length, at both ends")
    func integers() {
        var numbers: [Int64] = [0, .max, .min]
        var power: Int64 = 1
        while true {
            numbers += [power - 1, power, power + 1, -power, power / 2 + 7]
            let (next, overflow) = power.multipliedReportingOverflow(by: 10)
            if overflow { break }
            power = next
        }
        for number in numbers { #expect(written { $0.integer(number) } == String(number)) }
    }

    @Test("Only quotes, backslashes and control characters are escaped")
    func escapes() {
        for scalar in (0...0x10FFFF as ClosedRange<UInt32>).lazy.compactMap(Unicode.Scalar.init) {
            let expected =
                switch scalar {
                case "\"": #"\""#
                case "\\": #"\\"#
                case "\u{8}": #"\b"#
                case "\t": #"\t"#
                case "\n": #"\n"#
                case "\u{C}": #"\f"#
                case "\r": #"\r"#
                case "\u{0}"..<"\u{10}": "\\u000" + String(scalar.value, radix: 16)
                case "\u{10}"..<"\u{20}": "\\u00" + String(scalar.value, radix: 16)
                default: String(Character(scalar))
                }
            guard scalar.value < 0x3000 || scalar.value.isMultiple(of: 0x101) else { continue }
            #expect(Array(written { $0.string("a\(scalar)b") }.utf8) == Array("\"a\(expected)b\"".utf8))
        }
    }

    @Test("Names are escaped like strings")
    func escapedNames() {
        let text = written {
            $0.beginObject()
            $0.member(named: "a\"b\n", JSONValue.string(""))
            $0.endObject()
        }
        #expect(text == #"{"a\"b\n":""}"#)
    }

    @Test(
        "Runs of plain text around escapes stay in place",
        arguments: ["", "\n", "\n\n", "a\n", "\na", "a\nb\"c\\d", "дом\t🚀", String(repeating: "long\"", count: 20_000)])
    func runs(_ string: String) throws {
        let text = written { $0.string(string) }
        #expect(try JSONValue(parsing: ByteBuffer(string: text)).stringValue == string)
    }

    @Test("Bytes that are not UTF-8 are repaired", arguments: invalidUTF8)
    func repairs(_ bytes: [UInt8], _ offset: Int) throws {
        let text = written { writer in (Array("a\n".utf8) + bytes).withUnsafeBytes { writer.string(utf8: $0) } }
        let string = try #require(try JSONValue(parsing: ByteBuffer(string: text)).stringValue)
        #expect(string.hasPrefix("a\n"))
        #expect(string.unicodeScalars.contains("\u{FFFD}"))
    }

    @Test("Bytes that are UTF-8 are not changed", arguments: validUTF8 + [[]])
    func validBytes(_ bytes: [UInt8]) {
        let text = written { writer in bytes.withUnsafeBytes { writer.string(utf8: $0) } }
        #expect(Array(text.utf8) == [0x22] + bytes + [0x22])
    }

    @Test("What was read is written as it was, and stays the same when it is taken apart", arguments: acceptedTexts)
    func roundTrip(_ text: String) throws {
        try expectRoundTrip(Array(text.utf8))
        let value = try JSONValue(parsing: ByteBuffer(string: text))
        #expect(try JSONValue(parsing: ByteBuffer(string: written { $0.value(value) })) == value)
    }

    private func written(_ body: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter()
        body(&writer)
        return String(buffer: writer.buffer)
    }
}
