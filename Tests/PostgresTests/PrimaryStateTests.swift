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
        _ = state.found(servers, began: time(0), ended: time(5))
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
        let answer2 = state.found([old, new], began: time(20), ended: time(25))
        #expect(answer2)
        let answer3 = state.heard(term: term, isReadOnly: false, sent: time(24), at: time(26))
        #expect(answer3 == .retired)
        let answer4 = state.proven(term: term, sent: time(24))
        #expect(!answer4)
        let answer5 = state.found([old], began: time(30), ended: time(35))
        #expect(!answer5)
        #expect(state.chosen == new)
        let answer6 = state.opened(old.report, term: state.term)
        #expect(!answer6)
    }

    @Test("another cluster at the only address is chosen, and of two clusters the one in use is kept")
    func otherCluster() {
        let (mine, other) = (server(Self.east, .primary), server(Self.west, .primary, system: 8))
        var state = state(mine)
        let answer7 = state.found([other, mine], began: time(20), ended: time(25))
        #expect(!answer7)
        #expect(state.chosen == mine)
        let answer8 = state.found([server(Self.east, .primary, system: 8)], began: time(30), ended: time(35))
        #expect(answer8)
    }

    @Test("the same server found again, also at another address, begins no new term")
    func sameServer() {
        var state = state(server(Self.east, .primary))
        let term = state.term
        let answer9 = state.found([server(Self.west, .primary)], began: time(20), ended: time(25))
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
        let answer10 = state.found([unknown(Self.east, .readOnly)], began: time(20), ended: time(25))
        #expect(!answer10)
        let answer11 = state.found(
            [unknown(Self.east, .readOnly), unknown(Self.west, .primary)], began: time(30), ended: time(35))
        #expect(answer11)
    }

    @Test("an answer counts while the server is heard of without a gap; after a gap a search has to prove it")
    func gaps() {
        var state = state(server(Self.east, .primary))
        let term = state.term
        // Each answer belongs to the chain by when it was asked for: that is when the server is known to have lived.
        let answer12 = state.heard(term: term, isReadOnly: false, sent: time(250), at: time(299))
        #expect(answer12 == .counts)
        let answer13 = state.heard(term: term, isReadOnly: false, sent: time(400), at: time(549))
        #expect(answer13 == .counts)
        let answer14 = state.heard(term: term, isReadOnly: false, sent: time(900), at: time(901))
        #expect(answer14 == .unproven)
        // The chain is broken until it is proven.
        let answer15 = state.heard(term: term, isReadOnly: false, sent: time(902), at: time(903))
        #expect(answer15 == .unproven)
        #expect(!state.isFresh(at: time(903)))
        let answer16 = state.found(
            [server(Self.east, .primary), server(Self.west, .standby)], began: time(904), ended: time(908))
        #expect(!answer16)
        let answer17 = state.proven(term: term, sent: time(902))
        #expect(answer17)
        #expect(state.isFresh(at: time(908)))
        let answer18 = state.heard(term: term, isReadOnly: false, sent: time(909), at: time(910))
        #expect(answer18 == .counts)
    }

    @Test("what a read-only server lists is proven each time, and it takes writes again without a new term")
    func readOnly() {
        var state = state(server(Self.east, .primary))
        let term = state.term
        let answer19 = state.heard(term: term, isReadOnly: true, sent: time(10), at: time(11))
        #expect(answer19 == .unproven)
        #expect(state.isReadOnly)
        #expect(state.duty(at: time(200)) == .search)
        let answer20 = state.found([server(Self.east, .readOnly)], began: time(200), ended: time(205))
        #expect(!answer20)
        let answer21 = state.proven(term: term, sent: time(10))
        #expect(answer21)
        let answer22 = state.heard(term: term, isReadOnly: false, sent: time(210), at: time(211))
        #expect(answer22 == .counts)
        #expect(!state.isReadOnly)
        #expect(state.term == term)
    }

    @Test(
        "a silent server is asked, then looked for; one that talks is left alone; without one it is looked for always")
    func duties() {
        var state = state(server(Self.east, .primary))
        #expect(state.duty(at: time(50)) == .nothing)
        #expect(state.duty(at: time(150)) == .ask)
        #expect(state.duty(at: time(350)) == .search)
        let answer23 = state.found([], began: time(350), ended: time(450))
        #expect(!answer23)
        #expect(state.duty(at: time(500)) == .ask, "the pause between two searches")
        #expect(state.duty(at: time(650)) == .search)
        #expect(PrimaryState().duty(at: time(0)) == .search)
    }
}
