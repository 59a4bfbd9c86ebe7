import Glibc
import NIOPosix
import StandardOutput

/// Standard input and output as lines.
struct Terminal: Sendable {
    /// What was typed, until the end of file. It reads ahead of a script.
    let lines: AsyncStream<String>
    /// Whether a person sees the typed input; a script's input is repeated, so that its transcript can be read.
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
    func print(_ lines: [String]) throws(StandardOutput.Failure) {
        try StandardOutput.write(lines.map { Self.harmless($0) + "\n" }.joined())
    }

    /// Asks for input.
    func prompt() throws(StandardOutput.Failure) {
        try StandardOutput.write("> ")
    }

    /// Repeats what a script said, behind the prompt.
    func echo(_ line: String?) throws(StandardOutput.Failure) {
        if !isEchoing || line == nil { try StandardOutput.write((line ?? "") + "\n") }
    }

    /// Without what steers a terminal or turns the direction of its text: values come from strangers.
    static func harmless(_ line: String) -> String {
        String(
            String.UnicodeScalarView(
                line.unicodeScalars.filter { scalar in
                    switch scalar.value {
                    case 0..<0x20, 0x7F..<0xA0, 0x200E...0x200F, 0x202A...0x202E, 0x2066...0x2069: false
                    default: true
                    }
                }))
    }
}
