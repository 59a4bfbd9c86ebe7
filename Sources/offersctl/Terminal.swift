import Glibc

/// The terminal that standard output is, if it is one. Sequences are those of ECMA-48 and xterm's private modes.
enum Terminal {
    /// Whether standard output is a terminal.
    static var isOutput: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Columns and rows; 80 and 24 where they are not known.
    static var size: (columns: Int, rows: Int) {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
            return (80, 24)
        }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// Whether colours are welcome: on a terminal that has some, unless `NO_COLOR` is set (no-color.org).
    static func isColoured(isOutput: Bool, _ environment: [String: String]) -> Bool {
        isOutput && (environment["NO_COLOR"] ?? "").isEmpty && environment["TERM"] != "dumb"
    }

    /// A screen of its own, without a cursor, that cuts long lines.
    static let enter = "\u{1B}[?1049h\u{1B}[?25l\u{1B}[?7l"
    /// What was there before.
    static let leave = "\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l"

    /// Draws the lines over what is there; those that have no room are left out.
    static func screen(_ lines: [String], rows: Int) -> String {
        let shown = lines.prefix(max(1, rows - 1)).map { $0 + "\u{1B}[K\r\n" }
        return "\u{1B}[H" + shown.joined() + "\u{1B}[J"
    }
}
