import SeededRandom

/// Makes inputs for the wire, by a seed: new ones, and known ones with changes that know what JSON and JSON-RPC are
/// made of.
package struct Mutator {
    private var random: SeededGenerator
    private let corpus: [[UInt8]]

    /// The longest input, in bytes. The naive recogniser recurses, and long inputs find nothing that short ones do not.
    package static let maximumLength = 1024

    /// Changes what is in `corpus`, which must not be empty.
    package init(seed: UInt64, corpus: [[UInt8]]) {
        random = SeededGenerator(seed: seed)
        self.corpus = corpus
    }

    /// The next input, and a number for an oracle that needs chance.
    package mutating func next() -> (input: [UInt8], chance: UInt64) {
        var input = below(4) == 0 ? generated() : corpus[below(corpus.count)]
        for _ in 0..<below(5) { change(&input) }
        if input.count > Self.maximumLength { input.removeSubrange(Self.maximumLength...) }
        return (input, random.next())
    }

    private mutating func below(_ bound: Int) -> Int { Int(truncatingIfNeeded: random.next() >> 1) % bound }

    // MARK: Changes

    private static let pieces: [[UInt8]] =
        [
            "{", "}", "[", "]", ":", ",", "\"", "\\", " ", "\t", "\n", "\r", "\r\n", "\n\n", "null", "true", "false",
            "-",
            "0", "1", "9", ".", "e", "E+", "-0", "1e400", "9223372036854775808", "\"\"", "[]", "{}", "\\u", "\\ud83d",
            "\\ude80", "\\u0000", "\\n", "\\\"", "\\\\", "\"jsonrpc\":\"2.0\"", "\"id\":", "\"id\":1",
            "\"id\":\"\\u0031\"",
            "\"method\":\"echo\"", "\"params\":", "\"params\":[1]",
            "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"echo\"}",
            "\u{FEFF}", "\u{0}", "\u{1F}", "\u{7F}", "é", "\u{2028}", "🚀", "12345678", "abcdefg\"", "abcdefgh\\n",
        ].map { Array($0.utf8) } + [
            [0x80], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xFF], [0xE2, 0x82],
        ]

    private mutating func change(_ input: inout [UInt8]) {
        let place = below(input.count + 1)
        let end = min(place + below(9), input.count)
        switch below(12) {
        case 0: input.removeSubrange(place..<end)
        case 1: input.insert(contentsOf: input[place..<end], at: place)
        case 2, 3, 4: input.insert(contentsOf: Self.pieces[below(Self.pieces.count)], at: place)
        case 5: if place < input.count { input[place] ^= 1 << UInt8(below(8)) }
        case 6: if place < input.count { input[place] = UInt8(truncatingIfNeeded: random.next()) }
        case 7: input.replaceSubrange(place..<end, with: generatedValue(depth: 2))
        case 8: input.insert(contentsOf: corpus[below(corpus.count)], at: place)
        case 9:
            if let value = rangeOfSomeValue(in: input) { input.replaceSubrange(value, with: generatedValue(depth: 2)) }
        case 10: if let value = rangeOfSomeValue(in: input) { repeatRange(value, in: &input) }
        default: if below(8) == 0 { nest(&input) }
        }
    }

    /// From a byte that begins a value to one that may end it: not exact, which is as well.
    private mutating func rangeOfSomeValue(in input: [UInt8]) -> Range<Int>? {
        let starts = input.indices.filter { $0 == 0 || "[,:{ ".utf8.contains(input[$0 - 1]) }
        guard !starts.isEmpty else { return nil }
        let start = starts[below(starts.count)]
        let end = input[start...].firstIndex { ",]}\n".utf8.contains($0) } ?? input.endIndex
        return start..<end
    }

    private mutating func repeatRange(_ range: Range<Int>, in input: inout [UInt8]) {
        let copy = Array(input[range])
        for _ in 0...below(60) where input.count < Self.maximumLength {
            input.insert(contentsOf: copy + [0x2C], at: range.lowerBound)
        }
    }

    /// To depths on both sides of a machine word's bits.
    private mutating func nest(_ input: inout [UInt8]) {
        let depth = [1, 3, 63, 64, 65, 127, 128, 129][below(8)]
        var (open, close): ([UInt8], [UInt8]) = ([], [])
        for _ in 0..<depth {
            let isObject = below(2) == 0
            open += Array(isObject ? "{\"\":".utf8 : "[".utf8)
            close.append(isObject ? UInt8(ascii: "}") : UInt8(ascii: "]"))
        }
        input = open + input + close.reversed()
    }

    // MARK: New ones

    private mutating func generated() -> [UInt8] {
        switch below(6) {
        case 0: (0..<below(40)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        case 1: generatedValue(depth: 4)
        case 2: (0..<1 + below(4)).flatMap { _ in generatedRequest() + [0x0A] }
        case 3:
            Array("[".utf8) + Array((0..<below(7)).map { _ in generatedRequest() }.joined(separator: [0x2C]))
                + Array("]".utf8)
        case 4: generatedString()
        default: generatedRequest()
        }
    }

    private mutating func generatedRequest() -> [UInt8] {
        let ids = [
            "1", "null", "-0", "1.50", "1e400", "\"a\"", "\"\\u0061\\/\"", "true", "[]", "{}", "12345678901234567890",
        ]
        var members: [[UInt8]] = [Array("\"jsonrpc\":\"2.0\"".utf8)]
        if below(5) > 0 { members.append(Array("\"id\":\(ids[below(ids.count)])".utf8)) }
        members.append(Array((below(8) == 0 ? "\"method\":\"no\"" : "\"method\":\"echo\"").utf8))
        if below(4) > 0 {
            members.append(Array("\"params\":".utf8) + Array("[".utf8) + generatedValue(depth: 2) + Array("]".utf8))
        }
        if below(12) == 0 { members.append(members[below(members.count)]) }
        if below(12) == 0 { members.remove(at: below(members.count)) }
        if below(4) == 0 { members.shuffle(using: &random) }
        return Array("{".utf8) + Array(members.joined(separator: [0x2C])) + Array("}".utf8)
    }

    private mutating func generatedValue(depth: Int) -> [UInt8] {
        switch below(depth > 0 ? 7 : 5) {
        case 0: return Array(["null", "true", "false"][below(3)].utf8)
        case 1: return Array("\(Int64(truncatingIfNeeded: random.next() >> UInt64(below(64))))".utf8)
        case 2: return Array(["-0", "0.5", "1E+2", "1e-9", "0e0", "10.25"][below(6)].utf8)
        case 3, 4: return generatedString()
        case 5:
            let items = (0..<below(4)).map { _ in generatedValue(depth: depth - 1) }
            return [0x5B] + Array(items.joined(separator: [0x2C])) + [0x5D]
        default:
            let items = (0..<below(4)).map { _ in generatedString() + [0x3A] + generatedValue(depth: depth - 1) }
            return [0x7B] + Array(items.joined(separator: [0x2C, 0x20])) + [0x7D]
        }
    }

    /// With escapes and characters of several bytes at every offset within eight.
    private mutating func generatedString() -> [UInt8] {
        let special = [
            "\\n", "\\u001f", "\\ud83d\\ude80", "\\ud800", "\\\\", "\\\"", "\\/", "é", "€", "🚀", " ", "\u{7F}",
        ]
        var content: [UInt8] = []
        for _ in 0..<below(4) {
            for _ in 0..<below(18) { content.append(UInt8(0x61 + below(26))) }
            content += Array(special[below(special.count)].utf8)
        }
        return [0x22] + content + [0x22]
    }
}
