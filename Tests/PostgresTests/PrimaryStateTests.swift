import Deadlines
import Postgres
import Testing

/// Which server is in use and what its answers are worth, without any server.
@Suite("The server in use")
struct PrimaryStateTests {
    private static let east = ServerAddress(host: "east")
    private static let west = ServerAddress(host: "west")

    private func server(
        _ address: ServerAddress, _ role: ServerReport.Role, timeline: UInt32? = 1, system: Int64? = 7
    ) -> PrimaryState.Found {
        let timeline = role == .standby ? nil : timeline
        return .init(
            address: address,
            report: ServerReport(history: .init(systemIdentifier: system, timeline: timeline), role: role))
    }

    private func time(_ milliseconds: UInt64) -> MonotonicTime {
        MonotonicTime(nanoseconds: (1_000_000 + milliseconds) * 1_000_000)
    }

    private func state(_ servers: PrimaryState.Found...) -> PrimaryState {
        var state = PrimaryState()
        _ = state.found(servers, began: time(0), now: time(5))
        return state
    }

    @Test(
        "a server that takes writes is chosen, one in recovery never is, a read-only one only where there is no other")
    func choice() {
        #expect(state(server(Self.east, .standby), server(Self.west, .primary)).chosen?.address == Self.west)
        #expect(state(server(Self.east, .readOnly), server(Self.west, .primary)).chosen?.address == Self.west)
        #expect(state(server(Self.east, .readOnly), server(Self.west, .standby)).chosen?.address == Self.east)
        #expect(state(server(Self.east, .standby)).chosen == nil)
    }

    @Test("of two that take writes the one on the later timeline is chosen, wherever it is named")
    func timelines() {
        let (old, new) = (server(Self.east, .primary, timeline: 3), server(Self.west, .primary, timeline: 4))
        #expect(state(old, new).chosen == new)
        #expect(state(new, old).chosen == new)
    }

    @Test("a later timeline retires the connections to earlier ones, which never come back, not even alone")
    func earlierTimeline() {
        let (old, new) = (server(Self.east, .primary, timeline: 3), server(Self.west, .primary, timeline: 4))
        var state = state(old)
        let term = state.term
        let answer1 = state.heard(term: term, isReadOnly: false, sent: time(10), at: time(11))
        #expect(answer1 == .counts)
        let answer2 = state.found([old, new], began: time(20), now: time(25))
        #expect(answer2)
        let answer3 = state.heard(term: term, isReadOnly: false, sent: time(24), at: time(26))
        #expect(answer3 == .retired)
        #expect(!state.isProven(term: term, since: time(0)))
        let answer5 = state.found([old], began: time(30), now: time(35))
        #expect(!answer5)
        #expect(state.chosen == new)
        let answer6 = state.admits(old.report, term: state.term)
        #expect(!answer6)
    }

    @Test("another cluster at the only address is chosen, and of two clusters the one in use is kept")
    func otherCluster() {
        let (mine, other) = (server(Self.east, .primary), server(Self.west, .primary, system: 8))
        var state = state(mine)
        let answer7 = state.found([other, mine], began: time(20), now: time(25))
        #expect(!answer7)
        #expect(state.chosen == mine)
        let answer8 = state.found([server(Self.east, .primary, system: 8)], began: time(30), now: time(35))
        #expect(answer8)
    }

    @Test("the same server found again, also at another address, begins no new term")
    func sameServer() {
        var state = state(server(Self.east, .primary))
        let term = state.term
        let answer9 = state.found([server(Self.west, .primary)], began: time(20), now: time(25))
        #expect(!answer9)
        #expect(state.term == term)
        #expect(state.chosen?.address == Self.west)
    }

    @Test("where histories cannot be asked for, another address or another role is another server")
    func unknownHistory() {
        func unknown(_ address: ServerAddress, _ role: ServerReport.Role) -> PrimaryState.Found {
            server(address, role, timeline: nil, system: nil)
        }
        var state = state(unknown(Self.east, .readOnly))
        let answer10 = state.found([unknown(Self.east, .readOnly)], began: time(20), now: time(25))
        #expect(!answer10)
        let answer11 = state.found(
            [unknown(Self.east, .readOnly), unknown(Self.west, .primary)], began: time(30), now: time(35))
        #expect(answer11)
    }

    @Test("an answer counts while the server is heard of without a gap; after a gap a search has to prove it")
    func gaps() {
        var state = state(server(Self.east, .primary))
        let term = state.term
        // Each answer belongs to the chain by when it was asked for: that is when the server is known to have lived.
        let first = state.heard(term: term, isReadOnly: false, sent: time(250), at: time(299))
        #expect(first == .counts)
        let second = state.heard(term: term, isReadOnly: false, sent: time(400), at: time(549))
        #expect(second == .counts)
        let late = state.heard(term: term, isReadOnly: false, sent: time(1000), at: time(1001))
        #expect(late == .unproven)
        #expect(state.toBeProvenFrom == time(1001))
        // The next ones belong to the new chain, which one search proves.
        let next = state.heard(term: term, isReadOnly: false, sent: time(1002), at: time(1003))
        #expect(next == .unproven)
        #expect(!state.isFresh(at: time(1003)))
        let servers = [server(Self.east, .primary), server(Self.west, .standby)]
        _ = state.found(servers, isComplete: false, began: time(1002), now: time(1004))
        #expect(!state.isProven(term: term, since: time(1001)), "not everywhere has been looked")
        _ = state.found(servers, began: time(1000), now: time(1004))
        #expect(!state.isProven(term: term, since: time(1001)), "it began too early")
        _ = state.found(servers, began: time(1002), now: time(1008))
        #expect(state.isProven(term: term, since: time(1001)))
        #expect(state.isFresh(at: time(1008)))
        let proven = state.heard(term: term, isReadOnly: false, sent: time(1009), at: time(1010))
        #expect(proven == .counts)
    }

    @Test("a search that takes long proves the chain that was there when it began, and breaks none")
    func slowSearches() {
        var state = state(server(Self.east, .primary))
        let term = state.term
        for beat: UInt64 in stride(from: 1000, to: 2000, by: 100) {
            _ = state.heard(term: term, isReadOnly: false, sent: time(beat), at: time(beat + 1))
        }
        _ = state.found([server(Self.east, .primary)], began: time(1050), now: time(2000))
        let answer = state.heard(term: term, isReadOnly: false, sent: time(2000), at: time(2001))
        #expect(answer == .counts)
    }

    @Test("a long way to the server is no gap")
    func roundTrips() {
        var state = state(server(Self.east, .primary))
        let term = state.term
        var worths: [PrimaryState.Worth] = []
        // Asked each 100 ms, answered 400 ms later.
        for beat: UInt64 in stride(from: 0, to: 6000, by: 100) {
            worths.append(state.heard(term: term, isReadOnly: false, sent: time(beat), at: time(beat + 400)))
            if worths.last == .unproven {
                _ = state.found([server(Self.east, .primary)], began: time(beat + 401), now: time(beat + 402))
            }
        }
        #expect(worths.suffix(20).allSatisfy { $0 == .counts })
    }

    @Test("what a read-only server lists is proven each time, and it takes writes again without a new term")
    func readOnly() {
        var state = state(server(Self.east, .primary))
        let term = state.term
        let answer = state.heard(term: term, isReadOnly: true, sent: time(10), at: time(11))
        #expect(answer == .unproven)
        #expect(state.isReadOnly)
        #expect(state.duty(at: time(400)) == .search)
        _ = state.found([server(Self.east, .readOnly)], began: time(200), now: time(205))
        #expect(state.isProven(term: term, since: time(11)))
        let writable = state.heard(term: term, isReadOnly: false, sent: time(210), at: time(211))
        #expect(writable == .counts)
        #expect(!state.isReadOnly)
        #expect(state.term == term)
    }

    @Test("a silent server is asked, then looked for; one that talks is compared with others from time to time")
    func duties() {
        var state = state(server(Self.east, .primary))
        #expect(state.duty(at: time(50)) == .nothing)
        #expect(state.duty(at: time(150)) == .ask)
        #expect(state.duty(at: time(350)) == .search)
        _ = state.found([], began: time(350), now: time(450))
        #expect(state.duty(at: time(500)) == .ask, "the pause between two searches")
        #expect(state.duty(at: time(750)) == .search)
        let answer = state.heard(term: state.term, isReadOnly: false, sent: time(2440), at: time(2441))
        #expect(answer == .unproven)
        _ = state.found([server(Self.east, .primary)], began: time(2441), now: time(2442))
        let next = state.heard(term: state.term, isReadOnly: false, sent: time(2600), at: time(2601))
        #expect(next == .counts)
        #expect(state.duty(at: time(2650)) == .nothing)
        let later = state.heard(term: state.term, isReadOnly: false, sent: time(2900), at: time(2901))
        #expect(later == .counts)
        #expect(state.duty(at: time(2950)) == .nothing)
        #expect(PrimaryState().duty(at: time(0)) == .search)
    }
}
