import Glibc
import Logging

/// How a line of the log looks. A value without I/O, but for the clock of the plain form.
package enum LogForm: Sendable {
    /// For the journal: the priority in front as `<N>` (sd-daemon(3)), no time, which the journal has itself, and the
    /// fields behind as `name=value`, values with spaces in quotes.
    case journal
    /// For a terminal or a file, as swift-log's own handler has it: time, level, label, fields, source, message.
    case plain

    /// The form for standard error. It is the journal's if `JOURNAL_STREAM` names the device and inode of standard
    /// error (systemd.exec(5)).
    package init(ofStandardError environment: [String: String]) {
        var status = stat()
        let isKnown = unsafe fstat(STDERR_FILENO, &status) == 0
        let isJournal = isKnown && environment["JOURNAL_STREAM"] == "\(status.st_dev):\(status.st_ino)"
        self = isJournal ? .journal : .plain
    }

    /// A line with its line feed. Nothing in a text can begin another line.
    ///
    /// - Parameter time: For the plain form, as ``time(at:)`` gives it.
    func line(
        _ level: Logger.Level, _ message: String, _ fields: [(name: String, value: String)], label: String,
        source: String, time: String
    ) -> String {
        var line = ""
        line.reserveCapacity(256)
        switch self {
        case .journal:
            line += "<\(Self.priority(level))>"
            line += Self.oneLine(message)
            for field in fields { Self.append(" ", field.name, "=", Self.quoted(field.value), to: &line) }
        case .plain:
            Self.append(time, " ", level.rawValue, " ", label, ": ", to: &line)
            for field in fields { Self.append(field.name, "=", field.value, " ", to: &line) }
            Self.append("[", source, "] ", message, to: &line)
            line = Self.oneLine(line)
        }
        line += "\n"
        return line
    }

    private static func append(_ texts: String..., to line: inout String) {
        for text in texts { line += text }
    }

    /// The line that tells of dropped lines.
    func gap(lines: Int) -> String {
        line(
            .warning,
            "\(lines) log \(lines == 1 ? "line was" : "lines were") dropped, because the log's reader did not take them",
            [], label: "offersd", source: "OffersServer", time: Self.time(at: Glibc.time(nil)))
    }

    /// syslog(3)'s number.
    private static func priority(_ level: Logger.Level) -> Int {
        switch level {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }

    private static func quoted(_ text: String) -> String {
        guard text.isEmpty || text.contains(where: { " \"=".contains($0) || $0.isNewline }) else {
            return oneLine(text)
        }
        return "\"" + oneLine(text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")) + "\""
    }

    /// Nothing in a text can begin another line, or move the cursor of a terminal.
    private static func oneLine(_ text: String) -> String {
        // Control characters are these bytes in UTF-8, or begin with 0xC2. Most texts have none.
        let isPlain = unsafe text.utf8.withContiguousStorageIfAvailable { bytes in
            unsafe bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F && $0 != 0xC2 }
        }
        if isPlain == true { return text }
        return String(
            String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }))
    }

    /// The local time to the second. localtime_r(3) reads the zone's file once; localtime(3) asks for it each time.
    static func time(at seconds: time_t) -> String {
        var seconds = seconds
        var parts = unsafe tm()
        unsafe localtime_r(&seconds, &parts)
        return unsafe String(unsafeUninitializedCapacity: 32) { text in
            unsafe text.withMemoryRebound(to: CChar.self) {
                unsafe strftime($0.baseAddress, $0.count, "%Y-%m-%dT%H:%M:%S%z", &parts)
            }
        }
    }
}
