import JSONRPC
import Offers
import OffersServer
import TestDatabase
import Testing
import Turns

/// The Prometheus exposition: its form, and that the numbers count what they say.
@Suite(.inTurn)
struct MetricsTests {
    /// A sample's line without its value, and the value.
    private static func samples(_ text: String) -> [String: Double] {
        var samples: [String: Double] = [:]
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            let parts = line.split(separator: " ")
            samples[String(parts[0])] = Double(parts[1])
        }
        return samples
    }

    private static func exposition(_ service: RunningService) async throws -> String {
        let line = #"{"jsonrpc":"2.0","id":1,"method":"metrics","params":["prometheus"]}"#
        return try #require(try await service.exchange(line).first?["result"]?.stringValue)
    }

    @Test(
        "Every family has one HELP and one TYPE before its samples, names follow the conventions, nothing is said twice"
    )
    func form() async throws {
        try await TestDatabase.withDatabase { database in
            let scene = try await Scene(database)
            try await RunningService.run(on: database.connectionString) { service in
                _ = try await service.withClient { client in try await client.list(scene.master) }
                let text = try await Self.exposition(service)
                var types: [String: Substring] = [:]
                var helped: Set<Substring> = []
                var seen: Set<Substring> = []
                for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
                    let words = line.split(separator: " ", omittingEmptySubsequences: false)
                    switch words[0] {
                    case "#" where words[1] == "HELP":
                        #expect(helped.insert(words[2]).inserted && words.count > 4, "\(line)")
                    case "#":
                        #expect(words[1] == "TYPE" && types[String(words[2])] == nil && helped.contains(words[2]))
                        types[String(words[2])] = words[3]
                        #expect((words[3] == "counter") == words[2].hasSuffix("_total"), "\(line)")
                    default:
                        let match = try #require(
                            line.wholeMatch(
                                of: #/([a-z_]+)((?:\{[a-z]+="[^"\\]+"(?:,[a-z]+="[^"\\]+")*\})?) ([0-9.e+-]+)/#),
                            "\(line)")
                        let name = String(match.1).replacing(#/_(sum|count|bucket)$/#, with: "")
                        #expect(types[name] != nil && Double(match.3) != nil, "\(line)")
                        #expect(seen.insert(line.prefix(line.count - match.3.count)).inserted, "\(line)")
                        // Base units only.
                        #expect(!name.contains(#/milli|micro|_ms|kilo|percent/#))
                    }
                }
                #expect(types.count >= 20 && text.hasSuffix("\n"))
            }
        }
    }

    @Test("Requests, refusals, retries, connections and failures to connect are counted as what they are")
    func numbers() async throws {
        try await TestDatabase.withDatabase { database in
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder()
            try await RunningService.run(on: database.connectionString, { $0.slowRequest = .seconds(60) }) {
                service in
                try await service.withClient { (client) async throws in
                    _ = try await client.accept(order, by: scene.master)
                    _ = try await client.accept(order, by: scene.rival)
                    _ = try await service.exchange("{", "[]", #"{"jsonrpc":"2.0","id":1,"method":"nope"}"#)
                    let forbidden = #"{"jsonrpc":"2.0","id":1,"method":"acceptOffer","params":[1,2]}"#
                    _ = try await service.exchange(forbidden, ops: true)
                    // A serialization failure, which is tried again by itself: the offer changes under the write.
                    let second = try await scene.offeredOrder()
                    try await HeldLock.hold(
                        "SELECT 1 FROM orders WHERE id = \(second) FOR UPDATE", in: database
                    ) { lock in
                        _ = try await lock.answer(of: { try await client.accept(second, by: scene.master) }) {
                            let ours = "wait_event_type = 'Lock' AND datname = current_database()"
                            try await database.sql(
                                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE \(ours)")
                            try await lock.release()
                        }
                    }
                    // The question has the database looked at, if that was not done yet.
                    #expect(try await service.health()["status"]?.stringValue == "ok")
                    let samples = Self.samples(try await Self.exposition(service))
                    for (name, value) in [
                        (#"offersd_requests_total{method="acceptOffer",outcome="ok"}"#, 2.0),
                        (#"offersd_requests_total{method="acceptOffer",outcome="OFFER_NOT_FOUND"}"#, 1),
                        (#"offersd_request_duration_seconds_count{method="acceptOffer"}"#, 3),
                        (#"offersd_request_seconds_count{method="acceptOffer"}"#, 3),
                        (#"offersd_request_seconds_bucket{method="acceptOffer",le="+Inf"}"#, 3),
                        (#"offersd_request_seconds_bucket{method="declineOffer",le="0.0005"}"#, 0),
                        (#"offersd_request_seconds_count{method="declineOffer"}"#, 0),
                        (#"offersd_health{status="ok"}"#, 1), (#"offersd_health{status="degraded"}"#, 0),
                        (#"offersd_health{status="down"}"#, 0),
                        (#"offersd_refused_total{reason="PARSE_ERROR"}"#, 1),
                        (#"offersd_refused_total{reason="INVALID_REQUEST"}"#, 1),
                        (#"offersd_refused_total{reason="METHOD_NOT_FOUND"}"#, 1),
                        (#"offersd_refused_total{reason="FORBIDDEN"}"#, 1),
                        (#"offersd_retries_total{kind="claim"}"#, 1),
                        // This one's, and that of the client.
                        (#"offersd_connections{socket="offers"}"#, 2), (#"offersd_connections{socket="ops"}"#, 0),
                        (#"offersd_pool_size{lane="writes"}"#, 4), ("offersd_database_up", 1),
                        (#"offersd_slow_requests_total{method="acceptOffer"}"#, 0),
                        (#"offersd_build_info{version="\#(Release.version)"}"#, 1),
                    ] { #expect(samples[name] == value, "\(name) is \(samples[name] ?? -1)") }
                    #expect((samples["offersd_start_time_seconds"] ?? 0) > 1_700_000_000)
                }
            }
        }
        try await RunningService.run(on: "host=/nonexistent") { service in
            let samples = try await eventually(
                { Self.samples(try await Self.exposition(service)) },
                until: { ($0[#"offersd_pool_connect_failures_total{lane="reads"}"#] ?? 0) > 0 })
            #expect((samples[#"offersd_pool_connect_failures_total{lane="reads"}"#] ?? 0) > 0)
            #expect(samples["offersd_database_up"] == 0)
            #expect(samples[#"offersd_health{status="down"}"#] == 1 && samples[#"offersd_health{status="ok"}"#] == 0)
            let health = try await service.health()
            #expect(health["database"]?["lastError"]?.stringValue == "unavailable")
            #expect(health["database"]?["lastErrorAt"]?.stringValue != nil)
            #expect(health["database"]?["connections"]?.int64Value == 0)
        }
    }
}
