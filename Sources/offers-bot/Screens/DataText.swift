/// Text of the database, made fit to stand in a message. It stays plain text: nothing in it can be markup.
enum DataText {
    /// The value with at most `limit` UTF-16 units, cut at the end of a whole character and with `…`. Unless
    /// `keepingLines`, it is a single line. What turns the direction of writing ends with the value, so that it cannot
    /// turn what stands behind it (Unicode Standard Annex 9, 3.1.2 and 3.1.5).
    static func fit(_ value: String, to limit: Int, keepingLines: Bool = false) -> String {
        var text = ""
        var length = 0
        var directions = Directions()
        // What is returned when a later character has no room.
        var cut = "…"
        for character in value {
            let piece = shown(character, keepingLines: keepingLines)
            var next = directions
            next.read(piece)
            guard length + piece.utf16.count + next.depth <= limit else { return cut }
            text += piece
            length += piece.utf16.count
            directions = next
            if length + directions.depth < limit { cut = text + "…" + directions.ends }
        }
        return text + directions.ends
    }

    private static func shown(_ character: Character, keepingLines: Bool) -> String {
        if character.isNewline { return keepingLines ? "\n" : " " }
        // Other control characters mean nothing on a screen, and something to a terminal.
        if let byte = character.asciiValue, byte < 0x20 || byte == 0x7F { return " " }
        return String(character)
    }
}

/// The changes of the direction of writing that a text has begun and not ended.
private struct Directions {
    private var open: [Unicode.Scalar] = []

    /// How many there are; each takes one UTF-16 unit to end.
    var depth: Int { open.count }

    /// What ends all of them.
    var ends: String {
        String(String.UnicodeScalarView(open.reversed().map { Self.isIsolate($0) ? "\u{2069}" : "\u{202C}" }))
    }

    mutating func read(_ text: String) {
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x202A, 0x202B, 0x202D, 0x202E, 0x2066...0x2068: open.append(scalar)
            case 0x202C: if let last = open.last, !Self.isIsolate(last) { open.removeLast() }
            case 0x2069: if let start = open.lastIndex(where: Self.isIsolate) { open.removeSubrange(start...) }
            // A paragraph ends all by itself.
            case 0x0A: open = []
            default: break
            }
        }
    }

    private static func isIsolate(_ scalar: Unicode.Scalar) -> Bool {
        (0x2066...0x2068).contains(scalar.value)
    }
}
