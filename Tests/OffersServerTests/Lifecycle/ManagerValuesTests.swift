import Offers
import Testing

@testable import OffersServer
@testable import Postgres

/// What the service manager asks for and is told, as values.
@Suite struct ManagerValuesTests {
    @Test("NOTIFY_SOCKET is a path or an abstract name, and fits into a socket's address")
    func address() {
        func bytes(_ text: String?) -> [UInt8]? { NotifyAddress(text.map { ["NOTIFY_SOCKET": $0] } ?? [:])?.bytes }
        #expect(bytes("/run/notify") == Array("/run/notify".utf8))
        #expect(bytes("@manager/1") == [0] + Array("manager/1".utf8))
        #expect(bytes("/" + String(repeating: "x", count: 106))?.count == 107)
        #expect(bytes("/" + String(repeating: "x", count: 107)) == nil)
        #expect(bytes("@" + String(repeating: "x", count: 107))?.count == 108)
        for wrong in [nil, "", "@", "/", "run/notify", "vsock:2:1234"] { #expect(bytes(wrong) == nil) }
    }

    @Test("WATCHDOG_USEC is meant for us if WATCHDOG_PID says so or is not there")
    func watchdog() {
        func interval(_ environment: [String: String]) -> Duration? {
            WatchdogRequest(environment, processID: 42)?.interval
        }
        #expect(interval(["WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "42"]) == .seconds(20))
        #expect(interval(["WATCHDOG_USEC": "20000000"]) == .seconds(20))
        for other in [
            [:], ["WATCHDOG_PID": "42"], ["WATCHDOG_USEC": "0"], ["WATCHDOG_USEC": "-1"], ["WATCHDOG_USEC": "soon"],
            ["WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "43"], ["WATCHDOG_USEC": "20000000", "WATCHDOG_PID": ""],
        ] { #expect(interval(other) == nil, "\(other)") }
        #expect(WatchdogRequest(["WATCHDOG_USEC": "20000000"], processID: 1)?.pause == .seconds(5))
    }

    @Test("The state of the database follows from the pool and from what was found, and has one line")
    func states() {
        func pool(_ connected: Int, failing: Bool = false, outages: Int = 0) -> PoolStatus.Connections {
            PoolStatus.Connections(
                connections: 2, connected: connected, busy: 0, waiting: 0, opened: 0, failedAttempts: 0,
                isFailing: failing, outages: outages, longestWork: .zero, lastFailure: failing ? "refused" : nil)
        }
        func state(
            _ reads: PoolStatus.Connections, _ writes: PoolStatus.Connections, _ control: PoolStatus.Connections,
            _ found: Inspection? = nil
        ) -> DatabaseState? {
            DatabaseState(PoolStatus(reads: reads, control: control, writes: writes, requests: 0), found)
        }
        func found(_ missing: [String] = [], readOnly: Bool = false) -> Inspection {
            Inspection(
                generation: "G3", shortcomings: missing.map { Shortcoming(name: $0, purposes: [.accept]) },
                metricsTable: nil, hasUniqueOpenPairs: true, remarks: [], isReadOnly: readOnly)
        }
        let up = pool(1)
        let down = pool(0, failing: true)
        #expect(state(pool(0), pool(0), pool(0)) == nil, "connections are being made")
        #expect(state(up, up, up) == nil, "not looked at yet")
        #expect(state(down, down, down, found()) == .unreachable(reason: "refused"))
        #expect(state(up, down, up, found()) == .partly(pools: ["writes"], reason: "refused"))
        #expect(state(up, pool(0), up, found()) == nil)
        for (found, text) in [
            (found(), "the database (generation G3) is complete"),
            (found(readOnly: true), "the database (generation G3) is read-only: lists are served, writes are not"),
            (found(["a.b", "c.d"]), "the database (generation G3) lacks a.b and 1 more: see offersd check"),
        ] { #expect(state(up, up, up, found)?.text == text) }
        func missed(
            _ reads: PoolStatus.Connections, _ writes: PoolStatus.Connections, after: PoolStatus.Connections? = nil
        ) -> DatabaseState? {
            DatabaseState(
                between: PoolStatus(reads: up, control: up, writes: after ?? up, requests: 0),
                and: PoolStatus(reads: reads, control: up, writes: writes, requests: 0))
        }
        let again = pool(1, outages: 1)
        for (reads, writes) in [(again, again), (down, again), (again, down)] {
            #expect(missed(reads, writes)?.text == "the database cannot be reached")
        }
        for (reads, writes) in [(up, up), (up, again), (again, up), (down, up)] {
            #expect(missed(reads, writes) == nil)
        }
        #expect(missed(again, up, after: down) != nil, "writes were missing all the time")
        let one = DatabaseState.unreachable(reason: "refused")
        #expect(one.isSame(as: .unreachable(reason: "no such host")) && !one.isSame(as: .unknown))
    }
}
