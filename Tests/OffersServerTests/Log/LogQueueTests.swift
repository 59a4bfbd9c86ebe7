import Testing

@testable import OffersServer

/// What is kept of the log, what is dropped, and how that is told.
@Suite struct LogQueueTests {
    private func texts(_ queue: inout LogQueue) -> [String] {
        var texts: [String] = []
        while let portion = queue.next() {
            switch portion {
            case .lines(let bytes):
                texts += String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
            case .gap(let lines): texts.append("gap of \(lines)")
            }
        }
        return texts
    }

    @Test func `lines leave in their order`() {
        var queue = LogQueue()
        for number in 1...1000 { queue.append("line \(number)\n") }
        #expect(texts(&queue) == (1...1000).map { "line \($0)" })
        #expect(queue.isEmpty && queue.dropped == 0)
    }

    @Test func `a full queue drops what comes, and tells of it once, in its place`() {
        var queue = LogQueue(maximumLines: 2)
        for number in 1...5 { queue.append("line \(number)\n") }
        #expect(queue.dropped == 3)
        #expect(texts(&queue) == ["line 1", "line 2", "gap of 3"])
        queue.append("line 6\n")
        #expect(texts(&queue) == ["line 6"])
        #expect(queue.dropped == 3)
    }

    @Test func `a gap goes on until it is told: one line for it, however often there is room meanwhile`() {
        var queue = LogQueue(maximumLines: 2)
        let long = String(repeating: "x", count: LogQueue.portionBytes) + "\n"
        for _ in 1...3 { queue.append(long) }
        #expect(queue.next() == .lines(Array(long.utf8)))
        queue.append("there is room, but not in this place\n")
        #expect(queue.next() == .lines(Array(long.utf8)))
        queue.append("nor here\n")
        #expect(!queue.isEmpty)
        #expect(queue.next() == .gap(lines: 3))
        #expect(queue.next() == nil && queue.isEmpty)
        #expect(queue.dropped == 3)
    }

    @Test func `bytes are bounded, too`() {
        var queue = LogQueue(maximumLines: 100, maximumBytes: 20)
        queue.append("0123456789\n")
        queue.append("0123456789\n")
        #expect(queue.dropped == 1)
        #expect(texts(&queue) == ["0123456789", "gap of 1"])
        queue.append(String(repeating: "x", count: 20) + "\n")
        #expect(texts(&queue) == ["gap of 1"])
        // What has left makes room.
        for _ in 1...10 {
            queue.append("0123456789\n")
            #expect(texts(&queue) == ["0123456789"])
        }
    }

    @Test func `a portion is what a pipe takes whole, or one longer line`() {
        var queue = LogQueue()
        let line = String(repeating: "x", count: 999) + "\n"
        let long = String(repeating: "y", count: 9999) + "\n"
        for text in [line, line, line, line, line, long, line] { queue.append(text) }
        #expect(queue.next() == .lines(Array((line + line + line + line).utf8)))
        #expect(queue.next() == .lines(Array(line.utf8)))
        #expect(queue.next() == .lines(Array(long.utf8)))
        #expect(queue.next() == .lines(Array(line.utf8)))
        #expect(queue.next() == nil)
    }
}
