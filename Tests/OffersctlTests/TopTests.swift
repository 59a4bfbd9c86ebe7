import JSONRPC
import NIOCore
import Offers
import Testing

@testable import offersctl

/// Intervals, and how `offersctl top` shows them.
@Suite struct TopTests {
    private static let bounds: [Int64] = [500, 1000, 2500]

    private static func numbers(
        pid: Int64 = 7, accepts: [Int64] = [0, 0, 0, 0], refusals: [String: Int64] = [:], slow: Int64 = 0
    ) -> ServiceNumbers {
        ServiceNumbers(
            health: "ok", version: "1.1.0", processId: pid, startTimeSeconds: 1_800_000_000,
            latencyBoundsMicroseconds: bounds,
            methods: [
                "acceptOffer": .init(outcomes: refusals, cumulativeCounts: accepts, slow: slow),
                "listOffers": .init(outcomes: ["ok": 5], cumulativeCounts: [5, 5, 5, 5]),
            ],
            refusals: ["PARSE_ERROR": 1], connections: ["offers": 12, "ops": 1],
            pool: [
                "reads": .init(connections: 2, connected: 2, busy: 1, waiting: 0, opened: 2),
                "writes": .init(connections: 8, connected: 0, busy: 0, waiting: 3, opened: 8, failedAttempts: 2),
            ])
    }

    private static func health(
        _ status: HealthResult.Status = .ok, missing: [String] = [], notes: [String] = []
    ) -> HealthResult {
        HealthResult(
            status: status,
            database: .init(
                reachable: true, readOnly: false, serverVersion: "15.8", generation: "G3", missing: missing,
                serverTime: nil, notes: notes),
            uptimeSeconds: 4711, version: "1.1.0")
    }

    private static func interval(
        _ before: ServiceNumbers, _ after: ServiceNumbers, health: HealthResult = health()
    ) -> TopInterval {
        TopInterval(from: before, to: after, health: health, elapsed: .seconds(2))
    }

    @Test(
        "A quantile is interpolated in its bucket; below the first bound and above the last it says no more than that",
        arguments: [
            ([0, 0, 0, 0], 50, nil), ([4, 4, 4, 4], 99, .atMost(500)), ([0, 10, 10, 10], 50, .about(750)),
            ([50, 50, 100, 100], 99, .about(2470)), ([0, 0, 0, 3], 50, .above(2500)), ([1, 1, 1, 1], 50, .atMost(500)),
        ] as [([Int64], Int64, TopInterval.Latency?)])
    func quantiles(_ cumulative: [Int64], _ percent: Int64, _ expected: TopInterval.Latency?) {
        #expect(TopInterval.quantile(percent, of: cumulative, bounds: Self.bounds) == expected)
    }

    @Test("An interval is a difference: calls, refusals by reason, and quantiles of what ended in it")
    func difference() {
        let interval = Self.interval(
            Self.numbers(accepts: [90, 90, 90, 90], refusals: ["ORDER_TAKEN": 5]),
            Self.numbers(accepts: [90, 100, 100, 100], refusals: ["ORDER_TAKEN": 9, "TIMED_OUT": 1], slow: 2))
        #expect(!interval.isRestart && interval.methods.map(\.name) == ["acceptOffer"])
        #expect(interval.calls == 10 && interval.refused == 5 && interval.perSecond(interval.calls) == 5)
        #expect(interval.methods[0].p50 == .about(750) && interval.methods[0].slow == 2)
        #expect(interval.refusals.map(\.reason) == ["ORDER_TAKEN", "TIMED_OUT", "PARSE_ERROR"])
        #expect(interval.refusals.map(\.count) == [4, 1, 0] && interval.refusals.map(\.total) == [9, 1, 1])
    }

    @Test("Another process, and counters that went down, are a restart: the interval counts from zero")
    func restart() {
        let before = Self.numbers(accepts: [90, 90, 90, 90])
        for after in [Self.numbers(pid: 8, accepts: [90, 100, 100, 100]), Self.numbers(accepts: [3, 3, 3, 3])] {
            let interval = Self.interval(before, after)
            #expect(
                interval.isRestart
                    && interval.methods.map(\.calls).reduce(0, +) == after.methods.values.map(\.calls).reduce(0, +))
            let lines = TopText.lines(interval, TopText.Frame(restarts: 2))
            #expect(lines.contains("The service was started again: this interval counts from its start."))
            #expect(lines.contains("Started again 2 times since top began."))
        }
        #expect(!Self.interval(before, before).isRestart)
    }

    @Test("The screen, as it stands in 80 columns")
    func screen() {
        let lines = TopText.lines(
            Self.interval(
                Self.numbers(), Self.numbers(accepts: [0, 10, 10, 10], refusals: ["ORDER_TAKEN": 4], slow: 1)))
        #expect(
            lines == [
                "offersd 1.1.0  pid 7  up 78 min", "health   ok", "clients  offers 12, ops 1",
                "requests 5.0/s, refused 2.0/s, run again 0", "",
                "database  open  busy  waiting  opened  failed", "  reads    2/2     1        0      +0      +0",
                "  writes   0/8     0        3      +0      +0", "",
                "slowest first   /s  refused/s     p50     p99  slow  since start",
                "  acceptOffer  5.0        2.0  750 us  995 us     1           10", "",
                "refusals       reason        /s  since start", "  acceptOffer  ORDER_TAKEN  2.0            4",
                "  (no method)  PARSE_ERROR    0            1",
            ])
    }

    @Test("Whatever there is to say fits into 80 columns, and colours add nothing but colour")
    func widths() {
        let health = Self.health(
            .degraded, missing: (1...20).map { "order_status_history.column\($0)" },
            notes: [String(repeating: "many words ", count: 30), String(repeating: "x", count: 200), "a\u{1B}[2Jb"])
        let refusals = Dictionary(uniqueKeysWithValues: (1...14).map { ("REASON_\($0)", Int64($0)) })
        let interval = Self.interval(
            Self.numbers(), Self.numbers(accepts: [0, 0, 0, 4_000_000_000], refusals: refusals), health: health)
        let silence = "cannot connect to /run/offersd/ops.sock: Connection refused"
        let plain = TopText.lines(interval, TopText.Frame(silence: silence))
        #expect(plain.allSatisfy { $0.count <= 80 && !$0.contains("\u{1B}") && $0.last != " " })
        #expect(plain.contains("  and 5 more") && plain.contains { $0.contains(silence) })
        let coloured = TopText.lines(interval, TopText.Frame(isColoured: true, silence: silence))
        #expect(coloured != plain && coloured.map { $0.replacing(#/\u{1B}\[[0-9]+m/#, with: "") } == plain)
    }

    @Test("Colours only on a terminal that has some, and not with NO_COLOR")
    func colours() {
        #expect(Terminal.isColoured(isOutput: true, ["TERM": "xterm"]))
        #expect(Terminal.isColoured(isOutput: true, ["NO_COLOR": ""]))
        #expect(!Terminal.isColoured(isOutput: true, ["NO_COLOR": "1"]))
        #expect(!Terminal.isColoured(isOutput: true, ["TERM": "dumb"]))
        #expect(!Terminal.isColoured(isOutput: false, [:]))
    }

    @Test("A screen has no more lines than the terminal")
    func rows() {
        let screen = Terminal.screen(["a", "b", "c"], rows: 3)
        #expect(screen.contains("b") && !screen.contains("c"))
    }

    private static func decoded(_ json: String) throws -> ServiceNumbers {
        try ServiceNumbers(metrics: JSONValue(parsing: ByteBuffer(string: json)))
    }

    /// The result of `metrics`, as short as it may be.
    private static func metrics(counts: String) -> String {
        """
        {"health":"ok","version":"1.1.0","processId":7,"startTimeSeconds":1800000000,"later":{},\
        "latencyBoundsMicroseconds":[500,1000],"methods":{"acceptOffer":{"outcomes":{"ORDER_TAKEN":2,"ok":1},\
        "latencyMicroseconds":{"p50.0":700,"p99.0":900},"cumulativeCounts":\(counts),"slow":0}},\
        "refusals":{"PARSE_ERROR":1},"connections":{"offers":1,"ops":0},"pool":{"reads":{"connections":2,"connected":2,\
        "busy":0,"waiting":0,"opened":2,"failedAttempts":0}},"readRetries":1,"claimRetries":2,"claimSeparations":4,\
        "logLinesDropped":0}
        """
    }

    @Test("The numbers are those of the result")
    func numbers() throws {
        let numbers = try Self.decoded(Self.metrics(counts: "[1,2,3]"))
        let accepts = try #require(numbers.methods["acceptOffer"])
        #expect(accepts.calls == 3 && accepts.refused == 2 && accepts.refusals == ["ORDER_TAKEN": 2])
        #expect(numbers.retries == 7 && numbers.pool["reads"]?.connected == 2 && numbers.connections["offers"] == 1)
    }

    @Test("The numbers of a service without histograms are no numbers, and neither are counts that fit no bounds")
    func older() throws {
        let old = #expect(throws: UnexpectedResult.self) {
            try Self.decoded(#"{"methods":{},"health":"ok","version":"1.0.0"}"#)
        }
        #expect(old == UnexpectedResult(path: "processId", expected: "there"))
        let unfit = #expect(throws: UnexpectedResult.self) { try Self.decoded(Self.metrics(counts: "[1,2]")) }
        #expect(unfit?.path == "methods.acceptOffer.cumulativeCounts")
        let wrong = #expect(throws: UnexpectedResult.self) { try Self.decoded(Self.metrics(counts: #"[1,"2",3]"#)) }
        #expect(wrong == UnexpectedResult(path: "methods.acceptOffer.cumulativeCounts[1]", expected: "an integer"))
    }
}
