import Synchronization

extension FaultProxy {
    /// One of the two ways through the proxy.
    package enum Direction: Sendable, CaseIterable {
        case fromClient, fromServer
    }

    /// A message to watch for. Messages are counted over all connections of the proxy.
    package enum Trigger: Hashable, Sendable {
        /// The first message of a session.
        case startup
        /// A request to cancel a statement, which comes on a connection of its own.
        case cancelRequest
        /// The client prepares a statement whose text contains these words, or runs it as a simple query.
        case parse(containing: String)
        /// The client executes a statement whose Parse contained these words (before any rewriting), or runs it as a
        /// simple query.
        case execute(containing: String)
        /// The server reports the end of a statement with exactly this tag, such as `COMMIT` or `UPDATE 1`.
        case commandComplete(String)
        /// Any message of this type from the client, such as `S` for Sync.
        case clientMessage(Character)
        /// Any message of this type from the server, such as `Z` for ReadyForQuery.
        case serverMessage(Character)
        /// The server is ready for the next statements, and the last one that it ended had this tag.
        case readyForQuery(after: String)
    }

    /// What is done about the message.
    package enum Action: Sendable {
        /// Nothing: it is only noticed (``Fault/occurred()``).
        case observe
        /// Replaces part of the SQL of a Parse or simple Query, such as `COMMIT` by `ROLLBACK`. Other messages stay.
        case rewrite(String, to: String)
        /// Closes both sides of the connection; the message does not pass.
        case disconnect
        /// Lets the message pass, and nothing after it, in either direction; then closes both sides.
        case passThenDisconnect
        /// Holds back whatever goes in this direction, on all connections, until ``FaultProxy/thaw(_:)``. If it is the
        /// message's own direction, the message is the first that is held back.
        case freeze(Direction)
        /// Lets the message wait, and what follows it.
        case delay(Duration)
        /// Lets what the client sends pass, and nothing of what the server says, on this connection.
        case mute
        /// Sends a warning with this SQLSTATE along with the message, in the same write, as if this function of the
        /// server had raised it.
        case warn(String, from: String, Place)
        /// Lets an error seem to come from this function of the server, for those that only a trigger can raise on
        /// purpose.
        case attribute(to: String)
        /// Takes what the client sends up to its next Sync, closes its side, and keeps the server's side open, which
        /// gets all that only at ``Fault/release()``: a backend that is not heard, and that carries out its work later.
        case orphan
    }

    /// Where something is added to a message.
    package enum Place: Sendable {
        case before, behind
    }

    /// A fault that was put in.
    package final class Fault: Sendable {
        let trigger: Trigger
        let action: Action
        private let first: Int
        private let repeats: Bool
        private let seen = Mutex(0)
        private let hasOccurred = Gate(isOpen: false)
        let released = Gate(isOpen: false)
        private let hasEnded = Gate(isOpen: false)

        init(on trigger: Trigger, occurrence: Int, repeats: Bool, action: Action) {
            self.trigger = trigger
            self.action = action
            self.first = occurrence
            self.repeats = repeats
        }

        /// Returns once the fault has happened, at once if it has. Ends early when the task is cancelled.
        package func occurred() async {
            await hasOccurred.wait()
        }

        /// Lets an orphan get its work, and returns when it has done it or is no more.
        package func release() async {
            released.open()
            await hasEnded.wait()
        }

        /// Counts an occurrence of the trigger, and says whether it is one that the action is for.
        func isDue() -> Bool {
            let number = seen.withLock { seen in
                seen += 1
                return seen
            }
            return number == first || (repeats && number > first)
        }

        func markOccurred() {
            hasOccurred.open()
        }

        func markEnded() {
            hasEnded.open()
        }
    }
}

/// A gate that tasks wait at while it is closed.
final class Gate: Sendable {
    private struct State {
        var isOpen: Bool
        var waiting: [AsyncStream<Never>.Continuation] = []
    }

    private let state: Mutex<State>

    init(isOpen: Bool) {
        state = Mutex(State(isOpen: isOpen))
    }

    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for waiter in waiting { waiter.finish() }
    }

    func close() {
        state.withLock { $0.isOpen = false }
    }

    /// Returns when the gate is open, or the task is cancelled.
    func wait() async {
        while !Task.isCancelled {
            let (opened, waiter) = AsyncStream.makeStream(of: Never.self)
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiting.append(waiter) }
                return state.isOpen
            }
            if isOpen { return }
            for await _ in opened {}
        }
    }
}
