import Foundation
import JSONRPC
import Offers
import Postgres
import Subprocess
import Synchronization
import SystemPackage
import TestDatabase

/// Instances that follow each other on one listening socket, as under systemd, while clients come and go.
struct Takeover: Sendable {
    /// When the next instance starts.
    enum Order {
        /// When the one before has ended, as systemd does it; clients wait in the socket's queue meanwhile.
        case restart
        /// Before the one before is told to end, so that for a moment both accept on the socket. Only for a release
        /// build: a client wakes both, and a debug build of NIO asserts that each one woken finds one to accept.
        case overlap
    }

    /// What clients saw.
    struct Outcome: Sendable {
        /// Calls that were answered.
        var answered = 0
        /// Connections that were accepted and then closed without an answer to their first request.
        var closed = 0
        /// Connections that were refused, and errors.
        var failures: [String] = []
        /// How the instances ended, in order: the status that waitpid(2) tells, which is not 0 after a signal either.
        var statuses: [String] = []

        /// One that was accepted just before an instance's end, and whose request had not arrived, is closed.
        var isMostlyAnswered: Bool { answered > 20 && closed * 20 < answered }
    }

    /// How many times the next instance takes over.
    var rounds: Int
    var order = Order.restart
    /// The program; without it the one of this build.
    var offersd: String?
    var clients = 8

    /// Makes the socket, keeps it, and starts and ends instances on it as it is told. It says what happens on its
    /// standard error, where the instances say that they listen.
    private static let keeper = """
        import os, signal, socket, sys
        path, offersd, database = sys.argv[1:]
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(path)
        listening.listen(4096)
        processes = []
        for line in sys.stdin:
            if line == "start\\n":
                process = os.fork()
                if process == 0:
                    # By way of a copy: what is 3 already would stay closed to the program.
                    os.dup2(os.dup(listening.fileno()), 3, inheritable=True)
                    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="offers")
                    os.execv(offersd, [offersd, "serve", "--database", database, "--log-level", "error"])
                processes.append(process)
            else:
                process = processes.pop(0)
                os.kill(process, signal.SIGTERM)
                print("ended", os.waitpid(process, 0)[1], file=sys.stderr, flush=True)
        # Our input ends when we are done, and also when the one who gave it is no more.
        for process in processes:
            os.kill(process, signal.SIGKILL)
        """

    /// Goes through it.
    func run() async throws -> Outcome {
        let offersd = try offersd ?? Programs.built("offersd").string
        return try await TestDatabase.withServer(.g3) { database in
            let master = try await database.insert(MasterRow())
            return try await Programs.withFolder { folder in
                let path = folder + "/offers.sock"
                let script = folder + "/keeper.py"
                try Self.keeper.write(toFile: script, atomically: true, encoding: .utf8)
                let python = try Programs.installed("python3")
                return try await Subprocess.run(
                    .path(python), arguments: [script, path, offersd, database.connectionString],
                    input: .inputWriter, output: .discarded, error: .sequence
                ) { execution in
                    let writer = execution.standardInputWriter
                    var lines = execution.standardError.strings().makeAsyncIterator()
                    /// The next line that the keeper or an instance says about a start or an end.
                    func told(_ command: String, _ expected: String) async throws -> String {
                        _ = try await writer.write(command + "\n")
                        while let line = try await lines.next() {
                            let line = line.trimmingCharacters(in: .newlines)
                            if line.hasPrefix(expected) { return String(line.dropFirst(expected.count)) }
                        }
                        throw Programs.Missing(description: "the keeper of the socket ended")
                    }
                    _ = try await told("start", "listening on ")
                    let visitors = Visitors(path: path, master: master)
                    return try await withThrowingTaskGroup(of: Void.self) { group in
                        for _ in 0..<clients { group.addTask { await visitors.run() } }
                        var statuses: [String] = []
                        defer { visitors.end() }
                        for _ in 0..<rounds {
                            try await visitors.haveBeenAnswered()
                            if order == .overlap { _ = try await told("start", "listening on ") }
                            statuses.append(try await told("stop", "ended "))
                            if order == .restart { _ = try await told("start", "listening on ") }
                        }
                        try await visitors.haveBeenAnswered()
                        visitors.end()
                        try await group.waitForAll()
                        statuses.append(try await told("stop", "ended "))
                        try await writer.finish()
                        var outcome = visitors.outcome
                        outcome.statuses = statuses
                        return outcome
                    }
                }.closureResult
            }
        }
    }

    /// Clients that connect, make a call, and leave, again and again.
    private final class Visitors: Sendable {
        private let path: String
        private let master: Int
        private let state = Mutex(Outcome())
        private let over = Atomic(false)

        init(path: String, master: Int) {
            self.path = path
            self.master = master
        }

        var outcome: Outcome { state.withLock { $0 } }

        func end() { over.store(true, ordering: .relaxed) }

        /// Returns after 300 ms, and not before there were enough answers to judge by, however slow the machine.
        func haveBeenAnswered() async throws {
            let before = outcome.answered
            repeat { try await Task.sleep(for: .milliseconds(300)) } while outcome.answered < before + 50
        }

        func run() async {
            while !over.load(ordering: .relaxed) {
                do {
                    try await Client.withConnection(to: path) { client in
                        _ = try await OffersClient(client).listOffers(.init(master: .id(Int64(master))))
                    }
                    state.withLock { $0.answered += 1 }
                } catch ClientError.connectionLost {
                    state.withLock { $0.closed += 1 }
                } catch {
                    state.withLock { $0.failures.append("\(error)") }
                }
            }
        }
    }
}
