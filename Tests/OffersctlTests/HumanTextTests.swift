import JSONRPC
import NIOCore
import Offers
import Testing

@testable import offersctl

/// What is printed for a reader: it fits 80 columns, and times are short.
@Suite struct HumanTextTests {
    private static let now = Timestamp(microseconds: 823_000_000_000_250)

    private static func text(_ json: String) throws -> [String] {
        let text = HumanText.of(try JSONValue(parsing: ByteBuffer(string: json)), width: 20, now: now)
        #expect(text.hasSuffix("\n"))
        return text.split(separator: "\n").map(String.init)
    }

    @Test(
        "A distance is in the largest unit of which there are two",
        arguments: [
            (0, "0 s ago"), (-119, "119 s ago"), (240, "in 4 min"), (7199, "in 119 min"), (61_200, "in 17 h"),
            (-172_800, "2 days ago"),
        ] as [(Int64, String)])
    func distances(_ seconds: Int64, _ text: String) {
        let moment = Timestamp(microseconds: Self.now.microseconds + seconds * 1_000_000)
        #expect(HumanTime.distance(of: moment, from: Self.now) == text)
    }

    @Test(
        "A latency has two or three digits",
        arguments: [
            (0, "0 us"), (512, "512 us"), (1000, "1 ms"), (2540, "2.5 ms"), (25_400, "25 ms"),
            (999_999, "999 ms"), (2_500_000, "2.5 s"), (60_000_000, "60 s"),
        ] as [(Int64, String)])
    func latencies(_ microseconds: Int64, _ text: String) {
        #expect(HumanTime.latency(microseconds: microseconds) == text)
    }

    @Test("A time is to the minute, with its distance from the database's clock")
    func times() throws {
        #expect(
            try Self.text(#"{"asOf":"2026-01-30T08:05:13.000000Z","at":"2026-01-31T01:05:13.250000Z","no":null}"#) == [
                "asOf  2026-01-30 08:05 UTC (0 s ago)", "at    2026-01-31 01:05 UTC (in 17 h)", "no    -",
            ])
    }

    @Test("A table that is too wide loses the ends of its widest columns; one of too many columns is told by rows")
    func tables() throws {
        let long = String(repeating: "word ", count: 30)
        let wide = try Self.text(#"{"a":[{"id":1,"x":"\#(long)","y":"\#(long)"}],"z":"\#(long)"}"#)
        #expect(wide.allSatisfy { $0.count <= 80 } && wide.contains { $0.contains("…") })
        let members = (1...12).map { #""column\#($0)":"\#(long)""# }.joined(separator: ",")
        let rows = try Self.text("{\"a\":[{\(members)}]}")
        #expect(rows.allSatisfy { $0.count <= 80 && !$0.contains("…") } && rows.count > 12)
    }

    @Test("A list is a line for each order, in 80 columns, with nothing that moves the cursor")
    func list() {
        func at(_ seconds: Int64) -> Timestamp { Timestamp(microseconds: Self.now.microseconds + seconds * 1_000_000) }
        func offer(_ order: Int64, _ category: String?, _ city: String, _ slot: Timeslot?, _ end: Int64?) -> OfferEntry
        {
            OfferEntry(
                offerId: 5120, orderId: order, round: 1, state: "SENT", category: category, city: city,
                district: category, timezone: "Asia/Yekaterinburg", timeslot: slot, sentAt: at(-180),
                expiresAt: end.map(at))
        }
        func lines(_ offers: [OfferEntry], total: Int64) -> [String] {
            ListText.of(
                ListOffersResult(masterId: 7, total: total, asOf: Self.now, offers: offers), width: 80
            ).split(separator: "\n").map(String.init)
        }
        #expect(
            lines(
                [
                    offer(1042, "Windows", "Testville", Timeslot(start: at(61_200), end: at(70_000)), 240),
                    offer(9, nil, "Q", nil, nil),
                ], total: 3) == [
                    "Master 7: 3 orders to accept, of which 2 on this page",
                    "order  category  place               visit    sent       ends",
                    "1042   Windows   Testville, Windows  in 17 h  3 min ago  in 4 min",
                    "9      -         Q                   now      3 min ago  never",
                ])
        #expect(lines([], total: 0) == ["Master 7: 0 orders to accept"])
        let long = lines([offer(1, String(repeating: "long", count: 30), "a\u{1B}[2Jb", nil, 1)], total: 1)
        #expect(
            long.allSatisfy { $0.count <= 80 && !$0.contains("\u{1B}") } && long[0] == "Master 7: 1 order to accept")
    }

    @Test("Metrics are a table of the methods that were called, by name, and a line for the database")
    func metrics() {
        let numbers = ServiceNumbers(
            health: "ok", version: "1.1.0", processId: 7,
            startTimeSeconds: Self.now.microseconds / 1_000_000 + 946_684_800 - 7200,
            latencyBoundsMicroseconds: [500],
            methods: [
                "declineOffer": .init(cumulativeCounts: [0, 0]), "listOffers": .init(cumulativeCounts: [2, 2]),
                "acceptOffer": .init(
                    outcomes: ["ok": 6, "ORDER_TAKEN": 4], cumulativeCounts: [9, 10], slow: 1,
                    latencyMicroseconds: ["p50.0": 900, "p99.0": 2540]),
            ],
            refusals: ["PARSE_ERROR": 1], connections: ["ops": 0, "offers": 12],
            pool: [
                "writes": .init(connections: 8, connected: 7, busy: 0, waiting: 3),
                "reads": .init(connections: 2, connected: 2, busy: 1, waiting: 0),
            ])
        let lines = MetricsText.of(numbers, width: 80, now: Self.now).split(separator: "\n").map(String.init)
        #expect(
            lines[0].hasPrefix("offersd 1.1.0, pid 7: ok, started 2026-01-") && lines[0].hasSuffix(" UTC (2 h ago)"))
        #expect(
            lines.dropFirst() == [
                "method       calls  refused     p50     p99  slow",
                "acceptOffer     10        4  900 us  2.5 ms     1",
                "listOffers       2        0    0 us    0 us     0",
                "refusals     reason       count", "acceptOffer  ORDER_TAKEN      4",
                "(no method)  PARSE_ERROR      1", "database: reads 2/2, 1 busy; writes 7/8, 0 busy, 3 waiting",
                "clients:  offers 12, ops 0",
                "run again 0, lines of the log dropped 0",
            ])
    }
}
