import Deadlines
import Offers
import Testing

@testable import OffersServer
@testable import Postgres

/// What is known of whether the work succeeds, as a value.
@Suite struct EvidenceTests {
    private static let obstacle = Obstacle.unforeseen("refused")

    /// What happened at a second of the test.
    enum Event: Sendable {
        case success, failure, wholeTrial, plannedTrial, badTrial, vainTrial, hinderedTrial
    }

    private func evidence(_ events: [(Int64, Event)], of work: Work = .acceptOffer) -> Evidence {
        var evidence = Evidence()
        for (second, event) in events {
            let moment = Self.moment(second)
            switch event {
            case .success: evidence.succeeded(work, at: moment)
            case .failure: evidence.failed(work, Self.obstacle, at: moment)
            case .wholeTrial: evidence.tried(work, .success(.whole), at: moment)
            case .plannedTrial: evidence.tried(work, .success(.planned), at: moment)
            case .badTrial: evidence.tried(work, .failure(Self.obstacle, needs: .planned), at: moment)
            case .vainTrial: evidence.tried(work, .nothing, at: moment)
            case .hinderedTrial: evidence.tried(work, .unfinished(Self.obstacle), at: moment)
            }
        }
        return evidence
    }

    private static func moment(_ second: Int64) -> MonotonicTime {
        MonotonicTime(nanoseconds: 1_000_000_000_000).advanced(by: .seconds(second))
    }

    @Test(
        "The newest of requests and trials decides",
        arguments: [
            ([], false), ([(0, .success)], false), ([(0, .failure)], true), ([(0, .badTrial)], true),
            ([(0, .failure), (1, .success)], false), ([(0, .success), (1, .failure)], true),
            ([(0, .badTrial), (1, .success)], false), ([(0, .failure), (1, .wholeTrial)], false),
            ([(0, .wholeTrial), (1, .failure)], true), ([(0, .failure), (1, .plannedTrial)], true),
            ([(0, .badTrial), (1, .plannedTrial)], false),
            ([(0, .failure), (1, .badTrial), (2, .plannedTrial)], true),
            ([(0, .hinderedTrial)], false), ([(0, .hinderedTrial), (1, .hinderedTrial)], true),
            ([(0, .hinderedTrial), (1, .success), (2, .hinderedTrial)], false),
            ([(0, .hinderedTrial), (1, .hinderedTrial), (6, .plannedTrial)], false),
            ([(0, .failure), (1, .vainTrial)], true),
            ([(0, .success), (60, .vainTrial)], false),
        ] as [([(Int64, Event)], Bool)])
    func newest(events: [(Int64, Event)], fails: Bool) {
        let evidence = evidence(events)
        #expect((evidence.obstacle(to: .acceptOffer) != nil) == fails)
        #expect(evidence.sentences == (fails ? ["acceptOffer fails: refused"] : []))
        #expect(evidence.status == (fails ? .degraded : .ok))
    }

    @Test(
        "It is tried when nothing was heard for five seconds, and more rarely while trials fail",
        arguments: [
            // What happened, and the first second at which it is due.
            ([], 0), ([(0, .success)], 5), ([(0, .plannedTrial)], 5), ([(0, .hinderedTrial)], 0),
            ([(0, .hinderedTrial), (1, .hinderedTrial)], 6), ([(0, .vainTrial)], 5), ([(0, .badTrial)], 5),
            ([(0, .badTrial), (5, .badTrial)], 15), ([(0, .badTrial), (5, .badTrial), (15, .badTrial)], 35),
            ([(0, .badTrial), (5, .badTrial), (15, .badTrial), (35, .badTrial)], 65),
            ([(0, .badTrial), (5, .badTrial), (15, .badTrial), (35, .badTrial), (65, .badTrial)], 95),
            ([(0, .badTrial), (5, .badTrial), (6, .success)], 11),
            // An obstacle that a request met is tried for at once, whatever other requests meet.
            ([(0, .failure)], 0), ([(0, .wholeTrial), (6, .failure), (7, .failure)], 7),
            ([(0, .success), (3, .failure), (4, .badTrial), (8, .failure)], 9),
        ] as [([(Int64, Event)], Int64)])
    func due(events: [(Int64, Event)], from: Int64) {
        let evidence = evidence(events)
        let start = events.last?.0 ?? 0
        #expect((start...100).first { evidence.due(at: Self.moment($0)).contains(.acceptOffer) } == from)
    }

    @Test(
        "A trial goes all the way at first, when something is wrong, and each thirty seconds",
        arguments: [
            ([], 0), ([(0, .wholeTrial)], 30), ([(0, .wholeTrial), (5, .plannedTrial), (10, .success)], 30),
            ([(0, .plannedTrial)], 0), ([(0, .wholeTrial), (5, .failure)], 5), ([(0, .wholeTrial), (5, .badTrial)], 5),
            ([(0, .wholeTrial), (5, .hinderedTrial)], 5),
            ([(0, .wholeTrial), (5, .badTrial), (10, .plannedTrial)], 30),
        ] as [([(Int64, Event)], Int64)])
    func goesWhole(events: [(Int64, Event)], from: Int64) {
        var evidence = evidence(events)
        let start = events.last?.0 ?? 0
        #expect((start...100).first { evidence.goesWhole(.acceptOffer, at: Self.moment($0)) } == from)
        evidence.catalogChanged()
        #expect(evidence.goesWhole(.acceptOffer, at: Self.moment(start)))
    }

    @Test("Each kind of work has its own evidence; without lists nothing works")
    func kinds() {
        let lists = evidence([(0, .failure)], of: .listOffers)
        #expect(lists.status == .down)
        #expect(lists.sentences == ["listOffers fails: refused"])
        #expect(evidence([(0, .failure)], of: .getOffer).status == .degraded)
        let commits = evidence([(0, .badTrial)], of: .commit)
        #expect(commits.status == .degraded)
        #expect(commits.sentences == ["COMMIT fails: refused"])
        let unconfirmed = Evidence.sentence(.commit, Obstacle.unconfirmed.summary)
        #expect(unconfirmed.hasPrefix("commits are not confirmed"))
        #expect(commits.due(at: Self.moment(1)) == [.listOffers, .getOffer, .acceptOffer, .declineOffer])
    }

    @Test("When the database became another one, what failed is due at once")
    func another() {
        var evidence = evidence([(0, .badTrial), (5, .badTrial), (15, .badTrial)])
        evidence.forgetFailedTrials()
        #expect(evidence.due(at: Self.moment(16)).contains(.acceptOffer))
    }
}
