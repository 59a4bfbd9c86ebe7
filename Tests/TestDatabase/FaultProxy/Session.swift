import Synchronization

extension FaultProxy {
    /// What the proxy remembers of one connection.
    final class Session: Sendable {
        private struct State {
            /// SQL by the name of the prepared statement.
            var statements: [String: String] = [:]
            /// SQL by the name of the portal.
            var portals: [String: String] = [:]
            /// The tag of the statement that the server ended last.
            var lastTag = ""
            var hasEnded = false
            var orphaned: Fault?
            var isMuted = false
        }

        private let state = Mutex(State())

        /// What a message is, in the terms of ``FaultProxy/Trigger``, with the whole SQL where that looks for a part.
        func observe(_ message: WireMessage, _ direction: Direction) -> [Trigger] {
            guard let type = message.type else {
                return [message.requestCode == WireMessage.RequestCode.cancel ? .cancelRequest : .startup]
            }
            switch (direction, type) {
            case (.fromServer, "C"):
                let tag = message.texts(1).first ?? ""
                state.withLock { $0.lastTag = tag }
                return [.serverMessage(type), .commandComplete(tag)]
            case (.fromServer, "Z"):
                return [.serverMessage(type), .readyForQuery(after: state.withLock { $0.lastTag })]
            case (.fromServer, _):
                return [.serverMessage(type)]
            case (.fromClient, "Q"):
                return [.clientMessage(type)]
                    + message.texts(1).flatMap { [.parse(containing: $0), .execute(containing: $0)] }
            case (.fromClient, "P"):
                let texts = message.texts(2)
                guard texts.count == 2 else { return [.clientMessage(type)] }
                state.withLock { $0.statements[texts[0]] = texts[1] }
                return [.clientMessage(type), .parse(containing: texts[1])]
            case (.fromClient, "B"):
                let texts = message.texts(2)
                if texts.count == 2 { state.withLock { $0.portals[texts[0]] = $0.statements[texts[1]] } }
                return [.clientMessage(type)]
            case (.fromClient, "E"):
                let sql = message.texts(1).first.flatMap { portal in state.withLock { $0.portals[portal] } }
                return [.clientMessage(type), .execute(containing: sql ?? "")]
            case (.fromClient, _):
                return [.clientMessage(type)]
            }
        }

        /// Whether the client gets nothing more of what the server says.
        var isMuted: Bool {
            get { state.withLock { $0.isMuted } }
            set { state.withLock { $0.isMuted = newValue } }
        }

        /// The fault that has made the server's side an orphan, if one has.
        var orphaned: Fault? {
            get { state.withLock { $0.orphaned } }
            set { state.withLock { $0.orphaned = newValue } }
        }

        /// Whether a message may still pass; with `andEnds` it is the last one that may.
        func mayPass(andEnds: Bool) -> Bool {
            state.withLock { state in
                defer { if andEnds { state.hasEnded = true } }
                return !state.hasEnded
            }
        }
    }
}

extension FaultProxy.Trigger {
    /// Whether this, taken from a message, is what `wanted` asks for.
    func matches(_ wanted: FaultProxy.Trigger) -> Bool {
        switch (self, wanted) {
        case (.parse(let sql), .parse(let part)), (.execute(let sql), .execute(let part)): sql.contains(words: part)
        default: self == wanted
        }
    }
}

extension String {
    /// Whether this contains `words` and nothing in front of or behind them that would make them part of longer ones:
    /// `READ COMMITTED` does not contain `COMMIT`.
    func contains(words: String) -> Bool { !ranges(ofWords: words).isEmpty }

    /// This with other text in the place of `words`, which are found as ``contains(words:)`` does.
    func replacing(words: String, with text: String) -> String {
        var result = self
        for range in ranges(ofWords: words).reversed() { result.replaceSubrange(range, with: text) }
        return result
    }

    private func ranges(ofWords words: String) -> [Range<Index>] {
        func isWord(_ character: Character?) -> Bool { character.map { $0.isLetter || $0 == "_" } ?? false }
        return ranges(of: words).filter { range in
            !(isWord(words.first) && isWord(self[..<range.lowerBound].last))
                && !(isWord(words.last) && isWord(self[range.upperBound...].first))
        }
    }
}
