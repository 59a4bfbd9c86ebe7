import Dispatch
import Glibc
import JSONRPC
import Subprocess
import SystemPackage
import TestDatabase
import Testing
import Turns

@testable import OffersServer

/// The service while nothing reads its log.
@Suite("offersd and the reader of its log", .inTurn)
struct UnreadLogTests {
    private static let nowhere = "host=/nonexistent user=nobody dbname=none"

    /// The reading end of the standard error of a process.
    private struct Log: Sendable {
        let reader: Int32

        /// Lines up to and with the first that `isLast`, or up to the end. It reads on a thread of its own.
        func lines(to isLast: @escaping @Sendable (Substring) -> Bool = { _ in false }) async -> [String] {
            await withCheckedContinuation { continuation in
                DispatchQueue.global().async { [reader] in
                    var text = ""
                    var chunk = [UInt8](repeating: 0, count: 65_536)
                    while true {
                        let count = read(reader, &chunk, chunk.count)
                        guard count > 0 else { break }
                        let new = String(decoding: chunk[..<count], as: UTF8.self)
                        text += new
                        if new.split(separator: "\n").contains(where: isLast) { break }
                    }
                    continuation.resume(returning: text.split(separator: "\n").map(String.init))
                }
            }
        }
    }

    /// Runs the service with a pipe as standard error, which only `body` reads. Returns how it ended after SIGTERM, and
    /// how long that took.
    private static func run(
        nonBlocking: Bool = false, _ arguments: [String] = [], _ body: (RunningService, Log, Int32) async throws -> Void
    ) async throws -> (status: TerminationStatus, took: Duration) {
        try await OffersdProcess.withFolder { folder in
            let service = RunningService(path: folder + "/s", opsPath: folder + "/o", log: RecordedLog())
            var ends: [Int32] = [-1, -1]
            #expect(pipe(&ends) == 0)
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            if nonBlocking { _ = fcntl(ends[1], F_SETFL, O_NONBLOCK) }
            let log = Log(reader: ends[0])
            defer { close(ends[0]) }
            let run = try await Subprocess.run(
                .path(try BuiltProgram.path("offersd")),
                arguments: Arguments(["serve", "--socket", service.path, "--database", nowhere] + arguments),
                input: .none, output: .discarded,
                error: .fileDescriptor(FileDescriptor(rawValue: ends[1]), closeAfterSpawningProcess: true)
            ) { execution in
                let process = execution.processIdentifier.value
                _ = try await BuiltProgram.shell(
                    BuiltProgram.untilListening(service.path, or: "kill -0 \(process) || exit"))
                let outcome: Result<Void, any Error>
                do { outcome = .success(try await body(service, log, process)) } catch { outcome = .failure(error) }
                kill(process, SIGTERM)
                try outcome.get()
                return ContinuousClock.now
            }
            return (run.terminationStatus, run.closureResult.duration(to: .now))
        }
    }

    /// Accepts of orders from the first number on, each with a line in the log. Returns how many were answered.
    private static func accept(_ orders: Range<Int>, _ service: RunningService) async throws -> Int {
        var answered = 0
        for first in stride(from: orders.lowerBound, to: orders.upperBound, by: 500) {
            let requests = (first..<min(first + 500, orders.upperBound)).map {
                #"{"jsonrpc":"2.0","id":\#($0),"method":"acceptOffer","params":[1,\#($0)]}"# + "\n"
            }
            let replies = try await service.exchange(Array(requests.joined().utf8))
            answered += replies.count { $0 == UInt8(ascii: "\n") }
        }
        return answered
    }

    private static func orders(in lines: [String]) -> [Int] {
        lines.compactMap { $0.firstMatch(of: #/ order=(\d+) /#).flatMap { Int($0.1) } }
    }

    @Test(
        "Unread, every request is answered; what was dropped is told in one line and counted", arguments: [false, true])
    func unread(nonBlocking: Bool) async throws {
        let requests = LogQueue.maximumLines + 2000
        let ending = try await Self.run(nonBlocking: nonBlocking) { (service, log, _) async throws in
            #expect(try await Self.accept(0..<requests, service) == requests)
            let health = try await service.exchange(#"{"jsonrpc":"2.0","id":1,"method":"health"}"#)
            #expect(health.first?["result"]?["status"]?.stringValue == "down")
            let lines = await log.lines { $0.contains("dropped") }
            let told = lines.compactMap { $0.firstMatch(of: #/ (\d+) log lines were dropped/#).flatMap { Int($0.1) } }
            #expect(told.count == 1)
            let kept = Self.orders(in: lines)
            // In their order, and none missing before those that were dropped; the few other lines may be among them.
            #expect(kept == Array(0..<kept.count))
            #expect((kept.count + (told.first ?? 0) - requests) <= 3 && kept.count + (told.first ?? 0) >= requests)
            let metrics = try await service.exchange(
                #"{"jsonrpc":"2.0","id":1,"method":"metrics"}"#,
                #"{"jsonrpc":"2.0","id":2,"method":"metrics","params":["prometheus"]}"#)
            #expect(metrics.first?["result"]?["logLinesDropped"]?.int64Value.map(Int.init) == told.first)
            let text = metrics.last?["result"]?.stringValue ?? ""
            #expect(text.contains("\noffersd_log_dropped_total \(told.first ?? -1)\n"))
            #expect(try await Self.accept(requests..<requests + 1, service) == 1)
            #expect(
                await log.lines { $0.contains("order=\(requests) ") }.contains { $0.contains("order=\(requests) ") })
        }
        #expect(ending.status == .exited(0))
    }

    @Test("SIGHUP writes the status; neither it nor SIGUSR1 nor SIGUSR2 ends anything")
    func harmlessSignals() async throws {
        let ending = try await Self.run { (service, log, process) async throws in
            // By then SIGHUP has its handler; until then it is ignored.
            _ = await log.lines { $0.hasPrefix("listening on ") }
            for signal in [SIGUSR1, SIGUSR2, SIGHUP] { kill(process, signal) }
            let lines = await log.lines { $0.contains(" status: ") }
            let status = lines.last { $0.contains(" status: ") } ?? ""
            #expect(status.contains("clients=offers:") && status.contains("logLinesDropped=0"), "\(status)")
            #expect(try await Self.accept(0..<1, service) == 1)
        }
        #expect(ending.status == .exited(0))
    }

    @Test("A stop that comes as soon as there is a socket is a stop like any other")
    func earlyStop() async throws {
        try await OffersdProcess.withFolder { folder in
            for _ in 1...5 {
                let run = try await BuiltProgram.shell(
                    """
                    "$1" serve --socket $2/s --database host=/nonexistent 2>/dev/null & P=$!
                    until [ -e $2/s ]; do :; done
                    kill $P; wait $P; echo "status $?"; ls $2
                    """, try BuiltProgram.path("offersd").string, folder)
                #expect(run.output == "status 0\n")
            }
        }
    }

    @Test("A stop writes what waits, if the reader reads")
    func flushes() async throws {
        let ending = try await Self.run { (service, log, process) async throws in
            #expect(try await Self.accept(0..<9000, service) == 9000)
            kill(process, SIGTERM)
            #expect(Self.orders(in: await log.lines()) == Array(0..<9000))
        }
        #expect(ending.status == .exited(0))
    }

    @Test("A reader that never reads does not keep a stop beyond its time", arguments: [false, true])
    func endsUnread(nonBlocking: Bool) async throws {
        let ending = try await Self.run(nonBlocking: nonBlocking, ["--drain-seconds", "1"]) {
            (service, _, _) async throws in
            #expect(try await Self.accept(0..<3000, service) == 3000)
        }
        #expect(ending.status == .exited(0))
    }

    @Test("A reader that has gone away ends nothing, and a stop does not wait for it")
    func readerGone() async throws {
        let ending = try await Self.run(["--drain-seconds", "600"]) { (service, log, _) async throws in
            let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
            // Closes the reading end; the number stays ours.
            #expect(dup2(null, log.reader) == log.reader)
            close(null)
            #expect(try await Self.accept(0..<1000, service) == 1000)
        }
        #expect(ending.status == .exited(0))
    }
}
