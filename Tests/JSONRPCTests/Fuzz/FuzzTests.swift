import Fuzzing
import JSONRPC
import NIOCore
import Testing
import Turns

/// What `swift run -c release fuzz` does at length, and what takes a server.
///
/// It goes aside again and again: other tests have servers to run on the same threads.
@Suite(.serialized, .inOneTurn) struct FuzzTests {
    @Test func `no input of the corpus is judged wrongly, wherever chance cuts it`() async throws {
        for input in try Corpus.inputs() {
            await Task.yield()
            for chance in 0..<5 as Range<UInt64> {
                if let problem = Oracles.judge(input, chance: chance) { Issue.record("\(problem): \(input)") }
            }
        }
    }

    @Test(arguments: 0..<4 as Range<UInt64>)
    func `no changed input is judged wrongly`(seed: UInt64) async throws {
        var mutator = Mutator(seed: seed, corpus: try Corpus.inputs())
        for number in 0..<2000 {
            if number.isMultiple(of: 10) { await Task.yield() }
            let (input, chance) = mutator.next()
            if let problem = Oracles.judge(input, chance: chance) { Issue.record("\(problem): \(input)") }
        }
    }

    @Test func `a file of the corpus gives the same lines wherever it is cut, the short ones with two cuts`()
        async throws
    {
        for (name, content) in try Corpus.files() {
            let whole = Oracles.frames(of: content, maximum: 80)
            for first in 0...content.count {
                await Task.yield()
                let seconds = content.count <= 150 ? first...content.count : first...first
                for second in seconds where cut(content, at: [first, second], maximum: 80) != whole {
                    Issue.record("\(name), cut at \(first) and \(second)")
                }
            }
        }
    }

    private func cut(_ content: [UInt8], at cuts: [Int], maximum: Int) -> [Frame] {
        var decoder = LineDecoder(maximumLine: maximum)
        var frames: [Frame] = []
        for (start, end) in zip([0] + cuts, cuts + [content.count]) {
            decoder.append(ByteBuffer(bytes: content[start..<end]))
            while let frame = decoder.next() { frames.append(frame) }
        }
        while let frame = decoder.finish() { frames.append(frame) }
        return frames
    }

    /// Each input on a connection of its own, in several pieces, with a request behind it that must be answered.
    @Test(arguments: 100..<104 as Range<UInt64>)
    func `a server answers whatever comes, line by line`(seed: UInt64) async throws {
        let corpus = try Corpus.inputs()
        var mutator = Mutator(seed: seed, corpus: corpus)
        let changed = (0..<150).map { _ in mutator.next().input }
        let inputs = try seed == 100 ? Corpus.files().map(\.content) : changed
        try await withToy { toy in
            for input in inputs {
                let stream = input + Array(("\n" + request("\"last\"", "echo", "[true]")).utf8)
                let expected = Oracles.frames(of: stream, maximum: 65_536).compactMap { frame -> String? in
                    guard case .line(let line) = frame else { return nil }
                    return NaiveMessage.reply(to: line).map { String(buffer: $0) }
                }
                let client = try toy.client()
                let middle = input.count / 2
                try await client.send(Array(stream[..<middle]))
                try await client.send(Array(stream[middle...]))
                client.endOutput()
                let received = try await client.linesToEnd()
                #expect(received == expected, "\(input)")
            }
        }
    }
}
