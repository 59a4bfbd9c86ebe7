import Deadlines
import Offers
import Postgres
import Testing

@testable import torture

/// The checker against histories made by hand: a right one, and one for each way to break a promise.
@Suite("Checker")
struct CheckerTests {
    @Test("a right history is right")
    func right() {
        #expect(Checker.violations(in: Self.rightHistory()) == [])
    }

    @Test("two accepts in one transaction are two accepts, if their calls ran at the same time")
    func together() {
        var evidence = Self.rightHistory()
        Self.setUp(&evidence, orders: [2])
        Self.commit(1, by: .offersd, Self.claim(order: 2, offer: 72, rival: 82), to: &evidence)
        evidence.orders[2] = OrderState(owner: 7, status: "ASSIGNED", version: 2)
        let accepted = Call.Outcome.accepted(offer: 72, version: 2, already: false)
        evidence.calls[0] = Self.call(.list(master: 7), Self.span(10, 20), Self.list((71, 1), (72, 2)))
        evidence.calls.append(Self.call(.accept(master: 7, order: 2), Self.span(35, 50), accepted))
        #expect(Checker.violations(in: evidence) == [])
        // The first list after the one of them that was answered later, the transaction being older.
        evidence.calls.append(Self.call(.list(master: 7), Self.span(42, 45), Self.list((72, 2))))
        #expect(promises(evidence) == [.neverStale])
        evidence.calls.removeLast(2)
        evidence.calls.append(Self.call(.accept(master: 7, order: 2), Self.span(41, 50), accepted))
        #expect(promises(evidence) == [.explained])
        evidence.calls.removeLast()
        #expect(promises(evidence) == [.explained], "no call asked for the second")
    }

    @Test("an acknowledged accept that is not there")
    func lost() {
        var evidence = Self.rightHistory()
        evidence.changes.removeAll { $0.transaction == 1 }
        evidence.orders = [1: Self.free]
        evidence.calls = [evidence.calls[1]]
        #expect(promises(evidence) == [.acknowledgedIsThere])
    }

    @Test("one accept, acknowledged twice as the first")
    func twice() {
        var evidence = Self.rightHistory()
        evidence.calls.append(evidence.calls[1])
        #expect(promises(evidence) == [.acknowledgedOnce])
        // Two taps at the same time, and backends that end: nothing tells whose COMMIT it was.
        evidence.disturbances = [Disturbance(name: "x", span: Self.span(0, 100), endsConnections: true)]
        #expect(promises(evidence) == [])
    }

    @Test(
        "an accept that was not asked for, or whose caller was told that nothing was written",
        arguments: [nil, Reason.timedOut, .databaseUnavailable, .overloaded, .shuttingDown])
    func unexplained(reason: Reason?) {
        var evidence = Self.rightHistory()
        evidence.calls.remove(at: 1)
        if let reason {
            evidence.calls.append(
                Self.call(.accept(master: 7, order: 1), Self.span(30, 40), .refused(reason)))
            evidence.disturbances = [Disturbance(name: "x", span: Self.span(0, 100), excuses: [reason])]
        }
        #expect(promises(evidence).contains(.explained))
    }

    @Test("an unknown outcome, or a lost connection, explains an accept")
    func unheard() {
        for outcome in [Call.Outcome.refused(.outcomeUnknown), .lost(byClient: false), .lost(byClient: true)] {
            var evidence = Self.rightHistory()
            evidence.terms.writeDeadline = .milliseconds(500)
            evidence.disturbances = [
                Disturbance(name: "x", span: Self.span(0, 100), excuses: [.outcomeUnknown], losesConnections: true)
            ]
            evidence.calls[1] = Self.call(.accept(master: 7, order: 1), Self.span(30, 40), outcome)
            #expect(Checker.violations(in: evidence) == [], "\(outcome)")
            // Once, not twice.
            Self.commit(2, by: .offersd, Self.claim(), to: &evidence)
            #expect(promises(evidence).contains(.explained))
        }
    }

    @Test("an accept that is carried out after its call was refused, although that had asked again")
    func behindTheBack() {
        for (at, isBehind) in [(Int64(42_000), true), (38_000, false)] {
            var evidence = Self.rightHistory()
            for index in evidence.changes.indices { evidence.changes[index].at = Timestamp(microseconds: at) }
            evidence.disturbances = [Disturbance(name: "x", span: Self.span(0, 100), endsConnections: true)]
            evidence.calls[1] = Self.call(
                .accept(master: 7, order: 1), Self.span(30, 40), .refused(.orderNotAvailable))
            #expect(promises(evidence).contains(.explained) == isBehind)
        }
    }

    @Test(
        "a decline whose first attempt was not heard of, and which declined a newer offer by asking again, or was refused"
    )
    func declinedUnheard() {
        let outcomes: [Call.Outcome] = [
            .declined(offer: 72, already: false), .refused(.offerCanceled), .refused(.timedOut),
        ]
        for outcome in outcomes {
            for (at, isBehind) in [(Int64(38_000), false), (42_000, true)] {
                var evidence = Evidence()
                Self.setUp(&evidence)
                let declined = OfferState(state: "DECLINED")
                let newer = outcome == .refused(.offerCanceled) ? OfferState(state: "CANCELED") : Self.sent
                func decline(_ offer: Int, in transaction: Int) {
                    Self.commit(
                        transaction, by: .offersd,
                        [(.offer(offer, order: 1, master: 7, from: Self.sent, to: declined), Self.offerColumns)],
                        to: &evidence)
                }
                decline(71, in: 1)
                Self.commit(
                    2, by: .act(1), [(.offer(72, order: 1, master: 7, from: nil, to: newer), [])], to: &evidence)
                evidence.acts = [Act(number: 1, name: "again", span: Self.span(32, 34), outcome: .done)]
                if case .declined = outcome { decline(72, in: 3) }
                for index in evidence.changes.indices { evidence.changes[index].at = Timestamp(microseconds: at) }
                evidence.orders = [1: Self.free]
                evidence.calls = [Self.call(.decline(master: 7, order: 1), Self.span(30, 40), outcome)]
                #expect(promises(evidence).contains(.explained), "nothing ended a connection")
                evidence.disturbances = [
                    Disturbance(name: "x", span: Self.span(0, 100), excuses: [.timedOut], endsConnections: true)
                ]
                let isExplained = !isBehind && outcome != .refused(.timedOut)
                #expect(promises(evidence) == (isExplained ? [] : [.explained]), "\(outcome) at \(at)")
            }
        }
    }

    @Test("an accept that lacks something, or has too much")
    func incomplete() {
        let breaks: [(String, (inout [(Change.Content, Set<String>)]) -> Void)] = [
            ("the rival is left open", { $0.remove(at: 0) }),
            ("no accepted offer", { $0.remove(at: 1) }),
            ("no history", { $0.remove(at: 3) }),
            ("two history rows", { $0.append($0[3]) }),
            (
                "another status before",
                { $0[3].0 = .history(order: 1, from: "DEFERRED", to: "ASSIGNED", master: 7, note: Self.history) }
            ),
            (
                "no context",
                { $0[3].0 = .history(order: 1, from: "SEARCHING", to: "ASSIGNED", master: 7, note: "MASTER") }
            ),
            ("a column more", { $0[2].1.insert("house") }),
            ("updated_at is missing", { $0[2].1.remove("updated_at") }),
            (
                "the version is not one more",
                {
                    $0[2].0 = .order(
                        1, from: OrderState(owner: nil, status: "SEARCHING", version: 0),
                        to: .init(owner: 7, status: "ASSIGNED", version: 2))
                }
            ),
        ]
        for (name, change) in breaks {
            #expect(promises(Self.rightHistory(change)) == [.complete], "\(name)")
        }
    }

    @Test("an offer that was inserted meanwhile may stay open, one that was there before may not")
    func lateOffer() {
        for (began, promise) in [(UInt64(25), [Violation.Promise]()), (5, [.complete])] {
            var evidence = Self.rightHistory()
            let late = Change.Content.offer(91, order: 1, master: 9, from: nil, to: Self.sent)
            evidence.acts = [Act(number: 1, name: "late", span: Self.span(began, began + 10), outcome: .done)]
            evidence.changes.insert(
                Change(sequence: 0, transaction: 9, writer: .act(1), columns: [], content: late), at: 0)
            #expect(promises(evidence) == Set(promise), "\(began)")
        }
    }

    @Test("two winners")
    func twoWinners() {
        var evidence = Self.rightHistory()
        let taken = OrderState(owner: 7, status: "ASSIGNED", version: 2)
        let stolen = OrderState(owner: 8, status: "ASSIGNED", version: 3)
        let canceled = OfferState(state: "CANCELED")
        Self.commit(
            2, by: .offersd,
            [
                (.offer(81, order: 1, master: 8, from: canceled, to: OfferState(state: "ACCEPTED")), Self.offerColumns),
                (.order(1, from: taken, to: stolen), Self.orderColumns),
            ], to: &evidence)
        evidence.orders = [1: stolen]
        evidence.calls[3] = Self.call(
            .accept(master: 8, order: 1), Self.span(35, 45), .accepted(offer: 81, version: 3, already: false))
        #expect(promises(evidence).contains(.oneWinner))
    }

    @Test("more orders than the limit, and a limit that was not reached")
    func limit() {
        var evidence = Evidence()
        Self.setUp(&evidence, orders: [1, 2])
        for order in [1, 2] {
            Self.commit(
                order, by: .offersd, Self.claim(order: order, offer: 70 + order, rival: 80 + order), to: &evidence)
            evidence.orders[order] = OrderState(owner: 7, status: "ASSIGNED", version: 2)
            evidence.calls.append(
                Self.call(
                    .accept(master: 7, order: order), Self.span(30, 40),
                    .accepted(offer: 70 + order, version: 2, already: false)))
        }
        evidence.terms.limits = [7: 2]
        #expect(Checker.violations(in: evidence) == [])
        evidence.terms.limits = [7: 1]
        #expect(promises(evidence) == [.limitHolds])
        evidence.terms.limits = [7: 3]
        evidence.calls.append(
            Self.call(.accept(master: 7, order: 3), Self.span(50, 60), .refused(.limitReached)))
        #expect(promises(evidence) == [.truthful])
    }

    @Test("a list that shows what was accepted before, at once and on another connection")
    func stale() {
        var evidence = Self.rightHistory()
        evidence.calls[2] = Self.call(.list(master: 7), Self.span(41, 50), Self.list((71, 1)))
        #expect(promises(evidence) == [.neverStale])
        evidence.calls[2] = Self.call(.list(master: 7), Self.span(39, 50), Self.list((71, 1)))
        #expect(promises(evidence) == [], "it may have read before the commit")
    }

    @Test("a list that shows an expired offer, an order twice, or leaves one out")
    func wrongList() {
        var evidence = Self.rightHistory()
        evidence.calls[0] = Self.call(.list(master: 7), Self.span(10, 20), Self.list((71, 1), asOf: 5, expires: 5))
        #expect(promises(evidence) == [.neverStale])
        evidence.calls[0] = Self.call(.list(master: 7), Self.span(10, 20), Self.list((71, 1), (71, 1)))
        #expect(promises(evidence) == [.neverStale])
        evidence.calls[0] = Self.call(.list(master: 7), Self.span(10, 20), Self.list())
        #expect(promises(evidence) == [.nothingMissing])
        evidence.calls[0] = Self.call(.list(master: 7), Self.span(10, 35), Self.list())
        #expect(promises(evidence) == [], "it may have read after the commit")
    }

    @Test(
        "a refusal that was never true",
        arguments: [
            Reason.orderTaken, .alreadyYours, .offerNotFound, .offerExpired, .offerDeclined, .offerCanceled,
            .orderNotAvailable, .masterNotFound, .masterBlocked, .limitReached,
        ])
    func untrue(reason: Reason) {
        var evidence = Self.rightHistory()
        evidence.calls.append(Self.call(.accept(master: 8, order: 1), Self.span(10, 20), .refused(reason)))
        #expect(promises(evidence) == [.truthful])
    }

    @Test("a foreign lock that was rolled back: taken is a lie, waiting is not")
    func rolledBackLock() {
        var evidence = Self.rightHistory()
        evidence.acts = [Act(number: 1, name: "look", span: Self.span(5, 29), outcome: .rolledBack)]
        evidence.calls.append(Self.call(.accept(master: 8, order: 1), Self.span(6, 25), .refused(.orderTaken)))
        #expect(promises(evidence) == [.truthful])
        evidence.calls[5] = Self.call(.accept(master: 8, order: 1), Self.span(6, 41), .refused(.orderTaken))
        #expect(promises(evidence) == [])
    }

    @Test("an error of the service without a cause, and OUTCOME_UNKNOWN while there was time")
    func excuses() {
        var evidence = Self.rightHistory()
        let refused = Self.call(.accept(master: 8, order: 1), Self.span(5000, 5010), .refused(.databaseUnavailable))
        evidence.calls.append(refused)
        #expect(promises(evidence) == [.excused])
        evidence.disturbances = [
            Disturbance(name: "x", span: Self.span(4000, 4500), excuses: [.databaseUnavailable, .outcomeUnknown])
        ]
        #expect(promises(evidence) == [])
        evidence.terms.recovery = .milliseconds(100)
        #expect(promises(evidence) == [.excused])
        evidence.terms.recovery = .seconds(1)
        evidence.calls[5] = Self.call(.accept(master: 8, order: 1), Self.span(4000, 4010), .refused(.outcomeUnknown))
        #expect(promises(evidence) == [.excused])
    }

    @Test("a write that is given up because of conflicts has been tried again and again before")
    func exhausted() {
        for (ended, expected) in [(UInt64(5400), [Violation.Promise]()), (5050, [.excused])] {
            var evidence = Self.rightHistory()
            evidence.calls.append(
                Self.call(.accept(master: 8, order: 1), Self.span(5000, ended), .refused(.timedOut)))
            #expect(promises(evidence) == [.excused], "there were no conflicts")
            evidence.disturbances = [
                Disturbance(name: "x", span: Self.span(4000, 5100), exhaustsRetries: true)
            ]
            #expect(promises(evidence) == Set(expected))
        }
    }

    @Test("no reply, a late one, a connection that was closed for no reason, and not a reply at all")
    func answers() {
        let cases: [(Call.Outcome, UInt64, Violation.Promise)] = [
            (.unanswered, 20, .answered), (.malformed("?"), 20, .answered), (.lost(byClient: false), 20, .answered),
            (.refused(.offerNotFound), 5210, .truthful),
            (.accepted(offer: nil, version: 2, already: true), 5231, .inTime),
        ]
        for (outcome, ended, promise) in cases {
            var evidence = Self.rightHistory()
            evidence.calls.append(Self.call(.accept(master: 7, order: 1), Self.span(30, ended), outcome))
            #expect(promises(evidence) == [promise], "\(outcome)")
        }
    }

    @Test("a service that is told to end answers what it had read, one that is killed does not")
    func endings() {
        for (answers, expected) in [(true, [Violation.Promise.answered]), (false, [])] {
            var evidence = Self.rightHistory()
            evidence.calls.append(
                Self.call(.accept(master: 8, order: 1), Self.span(1000, 2000), .lost(byClient: false)))
            evidence.disturbances = [
                Disturbance(
                    name: "x", span: Self.span(1500, 2500), service: 0, losesConnections: true,
                    answersWhatItRead: answers)
            ]
            #expect(promises(evidence) == Set(expected))
            evidence.disturbances[0].service = 1
            #expect(promises(evidence) == [.answered], "another service")
        }
    }

    @Test("rows that are not what their changes made of them, and a table that is none of our business")
    func strange() {
        var evidence = Self.rightHistory()
        evidence.orders[1]?.version = 3
        #expect(promises(evidence) == [.sameAtTheEnd])
        evidence = Self.rightHistory { $0.append((.other("UPDATE of masters 7"), [])) }
        #expect(promises(evidence) == [.explained])
    }
}
