import Fuzzing
import JSONRPC
import NIOCore
import SeededRandom
import Testing

@Suite("Cutting a stream into lines")
struct LineDecoderTests {
    /// Streams with a limit of eight bytes; `!` stands for a line that is too long.
    static let streams: [(stream: String, frames: [String])] = [
        ("", []), ("a\n", ["a"]), ("a", ["a"]), ("a\nb\n", ["a", "b"]), ("a\nb", ["a", "b"]),
        ("a\r\nb\r\n", ["a", "b"]),
        ("a\rb\n", ["a\rb"]), ("a\r\r\n", ["a\r"]), ("a\r", ["a"]), (" a \n", [" a "]),
        // Blank lines.
        ("\n", []), ("\r\n", []), ("\r", []), (" \t\r\n", []), ("\n\na\n\n\r\n \nb\n\n", ["a", "b"]), ("   ", []),
        ("\u{0B}\n", ["\u{0B}"]), ("a\n  ", ["a"]),
        // Around the limit.
        ("1234567\n", ["1234567"]), ("12345678\n", ["12345678"]), ("12345678\r\n", ["12345678"]),
        ("12345678", ["12345678"]),
        ("12345678\r", ["12345678"]), ("123456789\n", ["!"]), ("123456789", ["!"]), ("12345678\r9\n", ["!"]),
        ("12345678\r\r\n", ["!"]), ("         \n", ["!"]), ("123456789\nab\n", ["!", "ab"]),
        ("a\n123456789012345678901234567890\nb\n", ["a", "!", "b"]), ("123456789\n123456789\n", ["!", "!"]),
        ("123456789\n\n12345678\n", ["!", "12345678"]), ("a\n1234567890", ["a", "!"]), ("123456789\r\nb", ["!", "b"]),
    ]

    @Test("Lines are found wherever the stream is cut into two", arguments: streams)
    func twoChunks(_ stream: String, _ frames: [String]) {
        let bytes = ByteBuffer(string: stream)
        for cut in 0...bytes.readableBytes {
            var rest = bytes
            let first = rest.readSlice(length: cut)!
            #expect(decode([first, rest]) == frames, "cut at \(cut)")
        }
    }

    @Test("Lines are found when the bytes come one by one", arguments: streams)
    func singleBytes(_ stream: String, _ frames: [String]) {
        #expect(decode(stream.utf8.map { ByteBuffer(bytes: [$0]) }) == frames)
    }

    @Test("Lines are found when the chunks come faster than they are read", arguments: streams)
    func undrained(_ stream: String, _ frames: [String]) {
        var decoder = LineDecoder(maximumLine: 8)
        for byte in stream.utf8 {
            decoder.append(ByteBuffer(bytes: [byte]))
        }
        var found: [String] = []
        while let frame = decoder.finish() {
            found.append(describe(frame))
        }
        #expect(found == frames)
    }

    @Test("Lines are found in random streams cut at random places")
    func randomCuts() {
        var random = SeededGenerator(seed: 11)
        for _ in 0..<2000 {
            let pieces = (0..<8).map { _ in Self.streams.randomElement(using: &random)! }
            let stream = pieces.map { $0.stream + "\n" }.joined()
            var rest = ByteBuffer(string: stream)
            var chunks: [ByteBuffer] = []
            while rest.readableBytes > 0 {
                chunks.append(rest.readSlice(length: min(.random(in: 0...20, using: &random), rest.readableBytes))!)
            }
            #expect(decode(chunks) == pieces.flatMap(\.frames))
        }
    }

    @Test("A line that is too long is reported as soon as it is, and only once")
    func tooLongAtOnce() {
        var decoder = LineDecoder(maximumLine: 4)
        decoder.append(ByteBuffer(string: "1234"))
        #expect(decoder.next() == nil)
        decoder.append(ByteBuffer(string: "5"))
        #expect(decoder.next() == .tooLong)
        for _ in 0..<3 {
            decoder.append(ByteBuffer(string: "67890"))
            #expect(decoder.next() == nil)
        }
        decoder.append(ByteBuffer(string: "\nab\n"))
        #expect(decoder.next() == .line(ByteBuffer(string: "ab")))
        #expect(decoder.finish() == nil)
    }

    @Test("A return right behind the limit waits for what follows it")
    func returnAtTheLimit() {
        var decoder = LineDecoder(maximumLine: 4)
        decoder.append(ByteBuffer(string: "1234\r"))
        #expect(decoder.next() == nil)
        decoder.append(ByteBuffer(string: "\n1234\r"))
        #expect(decoder.next() == .line(ByteBuffer(string: "1234")))
        #expect(decoder.next() == nil)
        decoder.append(ByteBuffer(string: "5"))
        #expect(decoder.next() == .tooLong)
    }

    @Test("A line within one chunk shares the chunk's memory")
    func slices() throws {
        let chunk = ByteBuffer(string: "first\nsecond\r\n")
        var decoder = LineDecoder(maximumLine: 100)
        decoder.append(chunk)
        for (text, offset) in [("first", 0), ("second", 6)] {
            guard case .line(let line)? = decoder.next() else {
                Issue.record("no line")
                return
            }
            #expect(String(buffer: line) == text)
            let distance = chunk.withUnsafeReadableBytes { whole in
                line.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) - UInt(bitPattern: whole.baseAddress) }
            }
            #expect(distance == UInt(offset))
        }
    }

    @Test("Lines that were given are not changed by what comes later")
    func linesAreValues() {
        var decoder = LineDecoder(maximumLine: 100)
        var lines: [Frame] = []
        for chunk in ["on", "e\ntw", "o\nthree\nfo", "ur\n"] {
            decoder.append(ByteBuffer(string: chunk))
            while let frame = decoder.next() {
                lines.append(frame)
            }
        }
        #expect(lines.map(describe) == ["one", "two", "three", "four"])
    }

    private func decode(_ chunks: [ByteBuffer]) -> [String] {
        var decoder = LineDecoder(maximumLine: 8)
        var frames: [String] = []
        for chunk in chunks {
            decoder.append(chunk)
            while let frame = decoder.next() {
                frames.append(describe(frame))
            }
        }
        while let frame = decoder.finish() {
            frames.append(describe(frame))
        }
        #expect(decoder.finish() == nil)
        return frames
    }

    private func describe(_ frame: Frame) -> String {
        switch frame {
        case .line(let line): String(buffer: line)
        case .tooLong: "!"
        }
    }
}
