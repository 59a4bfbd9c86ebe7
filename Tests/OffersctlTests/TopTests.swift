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
            version: "1.1.0", processID: pid, startedAt: 1_800_000_000, bounds: bounds,
            methods: [
                .init(name: "acceptOffer", refusals: refusals, cumulative: accepts, slow: slow),
                .init(name: "listOffers", cumulative: [5, 5, 5, 5]),
            ],
            refusals: ["PARSE_ERROR": 1], clients: [("offers", 12), ("ops", 1)],
            pools: [
                .init(name: "reads", size: 2, open: 2, busy: 1, waiting: 0, opened: 2),
                .init(name: "writes", size: 8, open: 0, busy: 0, waiting: 3, opened: 8, failed: 2),
            ], health: "ok")
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
            #expect(interval.isRestart && interval.methods.map(\.calls).reduce(0, +) == after.methods[0].calls + 5)
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

    @Test("The numbers of a service without histograms are no numbers")
    func older() throws {
        let json = try JSONValue(parsing: ByteBuffer(string: #"{"methods":{},"health":"ok","version":"1.0.0"}"#))
        #expect(throws: UnexpectedResult.self) { try ServiceNumbers(json: json) }
    }
}
