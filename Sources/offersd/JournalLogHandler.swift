import Glibc
import Logging

/// Writes a log entry as a line for the journal: the priority in front as `<N>` (sd-daemon(3)), no time, which the
/// journal has itself, and the metadata behind as `name=value`, in order, values with spaces in quotes.
struct JournalLogHandler: LogHandler {
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Whether standard error is the journal: `JOURNAL_STREAM` names its device and inode (systemd.exec(5)).
    static func isStandardError(_ environment: [String: String]) -> Bool {
        var status = stat()
        guard fstat(STDERR_FILENO, &status) == 0 else { return false }
        return environment["JOURNAL_STREAM"] == "\(status.st_dev):\(status.st_ino)"
    }

    func log(event: LogEvent) {
        let fields = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
        let texts = fields.map { "\($0.key)=\(Self.quoted("\($0.value)"))" }
        let line = (["<\(Self.priority(event.level))>" + Self.oneLine(event.message.description)] + texts)
            .joined(separator: " ")
        _ = (line + "\n").withCString { write(STDERR_FILENO, $0, strlen($0)) }
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

    /// Nothing in a text can begin another line, or move the cursor of whoever reads it.
    private static func oneLine(_ text: String) -> String {
        String(
            String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }))
    }
}
