import Fuzzing
import JSONRPC
import NIOCore
import SeededRandom
import Testing

@Suite("The grammar of JSON")
struct JSONGrammarTests {
    @Test("What RFC 8259 allows is accepted", arguments: acceptedTexts)
    func accepted(_ text: String) throws {
        #expect(NaiveJSON.accepts(Array(text.utf8)))
        _ = try JSONValue(parsing: ByteBuffer(string: text))
    }

    @Test("What RFC 8259 does not allow is refused, at the right place", arguments: refusedTexts)
    func refused(_ text: String, _ offset: Int) {
        #expect(!NaiveJSON.accepts(Array(text.utf8)))
        let error = #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: ByteBuffer(string: text)) }
        #expect(error?.offset == offset)
        #expect(error?.problem.isEmpty == false)
    }

    @Test("The corpus is as large as promised, and no text is in it twice")
    func corpus() {
        #expect(Set(acceptedTexts).count == acceptedTexts.count)
        #expect(Set(refusedTexts.map { Array($0.text.utf8) }).count == refusedTexts.count)
        #expect(acceptedTexts.count + refusedTexts.count >= 250)
    }

    @Test("Strings that are not UTF-8 are refused", arguments: invalidUTF8)
    func invalidUTF8InStrings(_ bytes: [UInt8], _ offset: Int) {
        let text = [0x22] + bytes + [0x22]
        #expect(!NaiveJSON.accepts(text))
        let error = #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: ByteBuffer(bytes: text)) }
        #expect(error == JSONSyntaxError(offset: offset, problem: "this is not UTF-8"))
        #expect(throws: JSONSyntaxError.self, "outside of strings too") {
            try JSONValue(parsing: ByteBuffer(bytes: [0x31] + bytes))
        }
    }

    @Test("Characters at the borders of UTF-8 are accepted", arguments: validUTF8)
    func validUTF8InStrings(_ bytes: [UInt8]) throws {
        let value = try JSONValue(parsing: ByteBuffer(bytes: [0x22] + bytes + [0x22]))
        #expect(value.stringValue.map { Array($0.utf8) } == bytes)
    }

    @Test("Every single byte is accepted or refused as the grammar says")
    func singleBytes() {
        for byte in UInt8.min...UInt8.max {
            for text in [[byte], [0x22, byte, 0x22], [0x22, 0x5C, byte, 0x22], [0x5B, byte, 0x5D], [0x31, byte]] {
                #expect(accepts(text) == NaiveJSON.accepts(text), "\(text)")
            }
        }
    }

    @Test("Every prefix of a text is accepted or refused as the grammar says", arguments: acceptedTexts)
    func prefixes(_ text: String) {
        let bytes = Array(text.utf8)
        for length in bytes.indices {
            let prefix = Array(bytes[..<length])
            #expect(accepts(prefix) == NaiveJSON.accepts(prefix), "\(length)")
        }
    }

    @Test(
        "Random changes to texts are judged as an independent checker judges them", arguments: [1, 2, 3, 4] as [UInt64])
    func mutations(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var (acceptedCount, refusedCount) = (0, 0)
        for _ in 0..<10_000 {
            let text = random.mutation()
            let isAccepted = accepts(text)
            #expect(isAccepted == NaiveJSON.accepts(text), "\(String(decoding: text, as: UTF8.self)) \(text)")
            if isAccepted {
                acceptedCount += 1
                try expectRoundTrip(text)
            } else {
                refusedCount += 1
            }
        }
        #expect(acceptedCount > 1000 && refusedCount > 1000, "otherwise this proves little")
    }

    @Test("Nesting is limited by nothing but the length", arguments: ["[", "{\"\":", "[{\"\":"])
    func deepNesting(_ opening: String) throws {
        let depth = 65_536
        let open = String(repeating: opening, count: depth)
        #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: ByteBuffer(string: open)) }

        let close = String(String(opening.compactMap { ["[": "]", "{": "}"][$0] }).reversed())
        let text = open + "null" + String(repeating: close, count: depth)
        var value = try JSONValue(parsing: ByteBuffer(string: text))
        for _ in 0..<20 {
            value = try #require(value.elements?.first ?? value.members?.first?.value)
        }
        #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: ByteBuffer(string: text + close)) }
    }

    @Test("Which bracket closes which is known at every depth")
    func mixedNesting() throws {
        var random = SeededGenerator(seed: 7)
        for depth in 1...200 {
            let isObject = (0..<depth).map { _ in Bool.random(using: &random) }
            let open = isObject.map { $0 ? "{\"\":" : "[" }.joined()
            let close = isObject.reversed().map { $0 ? "}" : "]" }
            #expect(accepts(Array((open + "0" + close.joined()).utf8)))
            var wrong = close
            let place = Int.random(in: 0..<depth, using: &random)
            wrong[place] = wrong[place] == "}" ? "]" : "}"
            #expect(!accepts(Array((open + "0" + wrong.joined()).utf8)))
        }
    }
}

func accepts(_ text: [UInt8]) -> Bool {
    (try? JSONValue(parsing: ByteBuffer(bytes: text))) != nil
}

/// Takes the whole text apart, writes it again, and expects that this changed nothing but white space and escapes.
func expectRoundTrip(_ text: [UInt8], sourceLocation: SourceLocation = #_sourceLocation) throws {
    let value = try JSONValue(parsing: ByteBuffer(bytes: text))
    let once = Oracles.rewritten(value)
    let twice = Oracles.rewritten(try JSONValue(parsing: once))
    #expect(NaiveJSON.accepts(Array(once.readableBytesView)), sourceLocation: sourceLocation)
    #expect(once == twice, sourceLocation: sourceLocation)
}
