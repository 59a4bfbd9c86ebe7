import Glibc
import Histogram
import Testing

@testable import offersd_benchmark

@Suite("The load generator's values")
struct LoadTests {
    private func scan(_ text: String, pieces size: Int) -> (replies: Int, scanner: ReplyScanner) {
        var scanner = ReplyScanner()
        var replies = 0
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: size) {
            replies += Array(bytes[start..<min(start + size, bytes.count)]).withUnsafeBytes { scanner.scan($0) }
        }
        return (replies, scanner)
    }

    @Test(arguments: [1, 2, 7, 33, 34, 1000])
    func repliesAreCountedHoweverTheyAreCut(size: Int) {
        let result = #"{"jsonrpc":"2.0","id":1,"result":{"total":0}}"# + "\n"
        let (replies, scanner) = scan(String(repeating: result, count: 5), pieces: size)
        #expect(replies == 5)
        #expect(scanner.failures == 0)
        #expect(scanner.firstFailure == nil)
    }

    @Test(arguments: [1, 3, 10, 1000])
    func whatIsNoResultIsAFailure(size: Int) {
        let text = [
            #"{"jsonrpc":"2.0","id":1,"result":1}"#, #"{"jsonrpc":"2.0","id":1,"error":{"code":1001}}"#,
            #"{"jsonrpc":"2.0"}"#, "", #"{"jsonrpc":"2.0","id":1,"result":1}"#,
        ]
        let (replies, scanner) = scan(text.map { $0 + "\n" }.joined(), pieces: size)
        #expect(replies == 5)
        #expect(scanner.failures == 3)
    }

    @Test func theLastPieceOfAFailureIsShown() {
        let (_, scanner) = scan(#"{"jsonrpc":"2.0","id":1,"error":{"code":1001}}"# + "\n", pieces: 1000)
        #expect(scanner.firstFailure == #"{"jsonrpc":"2.0","id":1,"error":{"code":1001}}"#)
    }

    @Test func requestsAreLines() {
        let accepts = RequestLines.accepts([
            AcceptablePair(master: 7, order: 1042), AcceptablePair(master: 8, order: 9),
        ])
        #expect(accepts.count == 2)
        #expect(!accepts.repeats)
        #expect(
            String(decoding: accepts.bytes[accepts.range(of: 1)], as: UTF8.self)
                == #"{"jsonrpc":"2.0","id":1,"method":"acceptOffer","params":{"masterId":8,"orderId":9}}"# + "\n")
        let lists = RequestLines.lists(masters: 10, count: 100)
        #expect(lists.bytes == RequestLines.lists(masters: 10, count: 100).bytes)
        #expect(lists.bytes.split(separator: UInt8(ascii: "\n")).count == 100)
    }

    /// The whole way, against a thread that answers everything.
    @Test(arguments: [LoadPlan.Pace.inFlight(4), .perSecond(2000)])
    func everyRequestIsAnswered(pace: LoadPlan.Pace) async throws {
        let path = "/tmp/offersd-benchmark-\(UInt32.random(in: 0...UInt32.max)).sock"
        defer { unlink(path) }
        let requests = RequestLines.accepts((1...500).map { AcceptablePair(master: 1, order: $0) })
        let (listening, isListening) = AsyncStream.makeStream(of: Void.self)
        let result = try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { isListening.finish() }
                try await FixedResponder.run(
                    path: path, connections: 3, reply: RequestLines.resultPrefix + Array("1}\n".utf8)
                ) { isListening.finish() }
            }
            for await _ in listening {}
            let result = try await LoadGenerator.run(
                LoadPlan(socket: path, connections: 3, pace: pace, seconds: 60, requests: requests))
            try await group.waitForAll()
            return result
        }
        #expect(result.answered == 500)
        #expect(result.latencies.totalCount == 500)
    }

    @Test func anErrorEndsTheRun() async throws {
        let path = "/tmp/offersd-benchmark-\(UInt32.random(in: 0...UInt32.max)).sock"
        defer { unlink(path) }
        let (listening, isListening) = AsyncStream.makeStream(of: Void.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { isListening.finish() }
                try await FixedResponder.run(path: path, connections: 1, reply: Array("{}\n".utf8)) {
                    isListening.finish()
                }
            }
            for await _ in listening {}
            await #expect(throws: LoadFailure.self) {
                try await LoadGenerator.run(
                    LoadPlan(
                        socket: path, connections: 1, pace: .inFlight(1), seconds: 60, requests: .lists(masters: 1)))
            }
            try await group.waitForAll()
        }
    }
}

@Suite("What other programs print")
struct TextTests {
    @Test func pgbenchHasAResult() throws {
        let text = """
            transaction type: list.sql
            number of transactions actually processed: 65432
            number of failed transactions: 0 (0.000%)
            latency average = 0.600 ms
            tps = 13086.123456 (without initial connection time)
            """
        let summary = try #require(PgBenchText.summary(of: text))
        #expect(summary.transactions == 65432)
        #expect(summary.perSecond == 13086.123456)
        let failed = text.replacing("transactions: 0 (0.000%)", with: "transactions: 3 (0.004%)")
        #expect(PgBenchText.summary(of: failed) == nil)
        #expect(PgBenchText.summary(of: "pgbench: error") == nil)
    }

    @Test func pgbenchLogsLatencies() {
        let log = (1...100).map { "0 \($0) \($0 * 10) 0 1700000000 000000\n" }.joined()
        #expect(PgBenchText.percentiles(ofLog: log) == [.p50: 500, .p99: 990])
        #expect(PgBenchText.percentiles(ofLog: "").isEmpty)
    }

    @Test func procHasNumbers() {
        let status = "Name:\toffersd\nVmHWM:\t   20000 kB\nVmRSS:\t   10000 kB\nvoluntary_ctxt_switches:\t12\n"
        #expect(ProcessFigures.value(of: "VmRSS", in: status) == 10000)
        #expect(ProcessFigures.value(of: "VmHWM", in: status) == 20000)
        #expect(ProcessFigures.value(of: "voluntary_ctxt_switches", in: status) == 12)
        #expect(ProcessFigures.value(of: "VmSwap", in: status) == nil)
    }

    @Test func callgrindHasACount() {
        let log = "==7== Events    : Ir\n==7== Collected : 109066920\n==7== \n==7== I   refs:      109,066,920\n"
        #expect(InstructionCounter.collected(in: log) == 109_066_920)
        #expect(InstructionCounter.collected(in: "==7== Events    : Ir\n") == nil)
    }

    @Test func instructionsHaveLimitsOnBothSides() {
        let limits = InstructionLimits("list 1000\naccept 2000\n")
        #expect(limits.complaints(about: ["list": 1029, "accept": 1941]).isEmpty)
        #expect(
            limits.complaints(about: ["list": 1031, "accept": 1900, "card": 1]) == [
                "accept: 1900 instructions, 5.0 % less than 2000", "there is no limit for 'card' (1 instructions)",
                "list: 1031 instructions, 3.1 % more than 1000",
            ])
    }
}
