import StandardOutput
import Synchronization

/// Standard output, in 80 columns and unbuffered, so that a program that reads it is never behind.
enum Screen {
    private static let width = 80
    private static let firstFailure = Mutex<StandardOutput.Failure?>(nil)

    /// Writes `text` and a line feed. A reader that has gone away is no reason to stop, but one for ``complete()``.
    static func show(_ text: String) {
        do {
            try StandardOutput.write(text + "\n")
        } catch {
            firstFailure.withLock { $0 = $0 ?? error }
        }
    }

    /// Throws if anything that was to be shown could not be written.
    static func complete() throws {
        if let failure = firstFailure.withLock({ $0 }) { throw failure }
    }

    /// Writes a line of JSON after `mark`, broken after commas only: without the line breaks and the blanks that begin
    /// a line it is the line as it was.
    static func show(json: String, after mark: String) {
        let lines = broken(json, width: width - 5)
        for (number, line) in lines.enumerated() {
            show(number == 0 ? "   \(mark) \(line)" : "     \(line)")
        }
    }

    /// `json` in lines of at most `width` characters where its commas allow it. Objects in an array begin a line.
    static func broken(_ json: String, width: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        for piece in pieces(json) {
            let beginsElement = piece.hasPrefix("{") && !line.isEmpty
            if beginsElement || line.count + piece.count > width, !line.isEmpty {
                lines.append(line)
                line = ""
            }
            line += piece
        }
        return lines + [line]
    }

    /// The text cut after every comma that is not in a string, and before the objects of an array.
    private static func pieces(_ json: String) -> [Substring] {
        var pieces: [Substring] = []
        var start = json.startIndex
        var isInString = false
        var isEscaped = false
        var last: Character?
        for index in json.indices {
            let character = json[index]
            if character == "{", last == "[" {
                pieces.append(json[start..<index])
                start = index
            }
            if character == "\"", !isEscaped { isInString.toggle() }
            isEscaped = character == "\\" && !isEscaped
            if character == ",", !isInString {
                let next = json.index(after: index)
                pieces.append(json[start..<next])
                start = next
            }
            last = isInString ? nil : character
        }
        pieces.append(json[start...])
        return pieces
    }
}
