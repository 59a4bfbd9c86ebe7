import Glibc

/// Counts the replies in a stream of bytes, however it is cut, and tells results from errors by how they begin.
struct ReplyScanner {
    /// Replies that were not results.
    private(set) var failures = 0
    /// How the first of them began.
    private(set) var firstFailure: String?

    /// Bytes of the present line that agree with the prefix so far; nil when one did not.
    private var agreed: Int? = 0

    /// Takes the next bytes, and returns how many replies ended in them.
    mutating func scan(_ bytes: UnsafeRawBufferPointer) -> Int {
        var ended = 0
        var rest = bytes
        while let start = rest.baseAddress, !rest.isEmpty {
            let end = memchr(start, 0x0A, rest.count).map { UnsafeRawPointer($0) - start }
            let line = UnsafeRawBufferPointer(rebasing: rest[..<(end ?? rest.count)])
            compare(line)
            guard let end else { break }
            if agreed != Self.prefix.count { note(line) }
            agreed = 0
            ended += 1
            rest = UnsafeRawBufferPointer(rebasing: rest[(end + 1)...])
        }
        return ended
    }

    private static let prefix = RequestLines.resultPrefix

    private mutating func compare(_ line: UnsafeRawBufferPointer) {
        guard let known = agreed, known < Self.prefix.count else { return }
        let count = min(Self.prefix.count - known, line.count)
        agreed = line.prefix(count).elementsEqual(Self.prefix[known..<(known + count)]) ? known + count : nil
    }

    private mutating func note(_ line: UnsafeRawBufferPointer) {
        failures += 1
        if firstFailure == nil { firstFailure = String(decoding: line.prefix(300), as: UTF8.self) }
    }
}
