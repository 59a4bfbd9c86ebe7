import DequeModule

/// Lines of the log that wait to be written. A value without I/O: it decides what is kept, what is dropped, and what is
/// told of that.
///
/// The queue holds at most ``maximumLines`` lines and ``maximumBytes`` bytes. A line that does not fit is dropped and
/// begins a gap. All lines that follow are dropped, too, until every line that waits is taken and the gap is told. So
/// the lines keep their order, and one gap is told in one line, in its place.
struct LogQueue {
    /// What to write next.
    enum Portion: Equatable {
        /// Whole lines, each with its line feed.
        case lines([UInt8])
        /// So many lines were dropped here; it is to be told in one line.
        case gap(lines: Int)
    }

    /// Lines that may wait: a burst of 10,000 lines is kept while the reader takes them.
    static let maximumLines = 16_384
    /// Bytes that may wait.
    static let maximumBytes = 8 << 20
    /// Bytes of lines that are written with one call. As many are written whole to a pipe, with nothing of another
    /// process in between (`PIPE_BUF`, pipe(7)). A longer line is a portion of its own.
    static let portionBytes = 4096

    private let maximumLines: Int
    private let maximumBytes: Int
    private var lines: Deque<String> = []
    private var bytes = 0
    /// Lines that were dropped and not told yet.
    private var gap = 0
    /// Lines that were dropped since the start.
    private(set) var dropped = 0

    init(maximumLines: Int = maximumLines, maximumBytes: Int = maximumBytes) {
        self.maximumLines = maximumLines
        self.maximumBytes = maximumBytes
    }

    /// Whether nothing waits, and there is nothing to tell.
    var isEmpty: Bool { lines.isEmpty && gap == 0 }

    /// Takes a line in, or drops it. The line has its line feed.
    mutating func append(_ line: String) {
        guard gap == 0, lines.count < maximumLines, bytes + line.utf8.count <= maximumBytes else {
            gap += 1
            dropped += 1
            return
        }
        lines.append(line)
        bytes += line.utf8.count
    }

    /// Removes what is to be written next; nil when there is nothing.
    mutating func next() -> Portion? {
        guard let first = lines.popFirst() else {
            defer { gap = 0 }
            return gap > 0 ? .gap(lines: gap) : nil
        }
        var portion = Array(first.utf8)
        while let line = lines.first, portion.count + line.utf8.count <= Self.portionBytes {
            portion += line.utf8
            lines.removeFirst()
        }
        bytes -= portion.count
        return .lines(portion)
    }
}
