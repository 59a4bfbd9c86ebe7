import Glibc
import NIOPosix

/// Standard input and output as lines.
struct Terminal: Sendable {
    /// What was typed, until the end of file. It reads ahead of a script.
    let lines: AsyncStream<String>
    /// Whether a person sees what he types; a script's input is repeated, so that its transcript can be read.
    private let isEchoing: Bool

    init() {
        let (lines, arrivals) = AsyncStream.makeStream(of: String.self)
        self.lines = lines
        isEchoing = isatty(STDIN_FILENO) == 1
        // A thread that may block; there is no way to wait for a file or a terminal without one. It ends with the
        // process at the latest.
        NIOThreadPool.singleton.submit { _ in
            while let line = readLine() { arrivals.yield(line) }
            arrivals.finish()
        }
    }

    /// Writes lines, at once.
    func print(_ lines: [String]) {
        Self.write(lines.map { $0 + "\n" }.joined())
    }

    /// Asks for input.
    func prompt() {
        Self.write("> ")
    }

    /// Repeats what a script said, behind the prompt.
    func echo(_ line: String?) {
        if !isEchoing || line == nil { Self.write((line ?? "") + "\n") }
    }

    private static func write(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)[...]
            while !rest.isEmpty {
                let count = Glibc.write(STDOUT_FILENO, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count < 0, errno != EINTR { return }
                rest = rest.dropFirst(max(count, 0))
            }
        }
    }
}
