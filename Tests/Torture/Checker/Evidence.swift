import Deadlines
import Offers
import Postgres

/// Everything that is known of a run after its end: what clients asked and heard, what other programs did, and every
/// change of a row that was committed. A value; `Checker` judges it.
struct Evidence: Sendable {
    /// Every call that was sent, in any order.
    var calls: [Call] = []
    /// Everything that other writers than offersd tried.
    var acts: [Act] = []
    /// Every change of a row that was committed, in the order of `Change.sequence`.
    var changes: [Change] = []
    /// The orders as they are at the end.
    var orders: [Int: OrderState] = [:]
    /// What was done to the database and to the services, and what that excuses.
    var disturbances: [Disturbance] = []
    /// What holds for the run as a whole.
    var terms = Terms()
}

/// What holds for a run as a whole.
struct Terms: Sendable {
    /// The limit of each master; 0 or none = unlimited.
    var limits: [Int: Int] = [:]
    /// The deadline of a read.
    var readDeadline = Duration.seconds(2)
    /// The deadline of accept and decline.
    var writeDeadline = Duration.seconds(5)
    /// How much later than its deadline a reply may come.
    var lateness = Duration.milliseconds(200)
    /// How long after a disturbance its effects are excused.
    var recovery = Duration.seconds(1)
    /// The database's clock at the beginning of the monotonic clock.
    var epoch = Timestamp(microseconds: 0)
}

/// From a moment to another one, both included.
struct Span: Sendable, Hashable {
    var began: MonotonicTime
    /// `Span.never` if the end is not known.
    var ended: MonotonicTime

    static let never = MonotonicTime(nanoseconds: .max)

    var duration: Duration { began.duration(to: ended) }

    /// The span that ends so much later; one without an end stays so.
    func lengthened(by duration: Duration) -> Span {
        ended == Span.never ? self : Span(began: began, ended: ended.advanced(by: duration))
    }

    func overlaps(_ other: Span) -> Bool { began <= other.ended && other.began <= ended }
}

/// A request of a client and what became of it.
struct Call: Sendable {
    enum Request: Sendable, Hashable {
        case list(master: Int)
        case card(master: Int, order: Int)
        case accept(master: Int, order: Int)
        case decline(master: Int, order: Int)
    }

    enum Outcome: Sendable, Equatable {
        case listed(ListOffersResult)
        case shown(offer: Int)
        case accepted(offer: Int?, version: Int, already: Bool)
        case declined(offer: Int, already: Bool)
        case refused(Reason)
        /// The connection ended before the reply. `byClient`: it was the client that went away.
        case lost(byClient: Bool)
        /// The connection is open, and no reply came.
        case unanswered
        /// Something came that the contract does not know.
        case malformed(String)
    }

    let request: Request
    /// The number of the client's connection, for people.
    let connection: Int
    /// The instance that was asked.
    let service: Int
    /// From before the request was sent until after the reply was read.
    let span: Span
    let outcome: Outcome

    /// Whether the request may have been carried out although no reply says so.
    var mayHaveWritten: Bool {
        switch outcome {
        case .refused(.outcomeUnknown), .lost, .unanswered, .malformed: true
        case .refused, .listed, .shown, .accepted, .declined: false
        }
    }
}

/// A transaction of another program, as the scheduler, the admin bot or an operator would run it.
struct Act: Sendable {
    enum Outcome: Sendable {
        case done
        /// The database refused it, or it was rolled back on purpose.
        case rolledBack
        /// The connection was lost.
        case unknown
    }

    let number: Int
    let name: String
    let span: Span
    let outcome: Outcome
}

/// What an order is, as far as offers are concerned.
struct OrderState: Sendable, Hashable {
    var owner: Int?
    var status: String
    var version: Int

    static let listed: Set<String> = ["SEARCHING", "CREATED", "GUARANTEE"]
    static let acceptable = listed.union(["DEFERRED"])
    static let active: Set<String> = ["ASSIGNED", "EN_ROUTE", "WORKING", "PAYMENT"]

    var isListed: Bool { owner == nil && OrderState.listed.contains(status) }
    var isAcceptable: Bool { owner == nil && OrderState.acceptable.contains(status) }
    func isActive(of master: Int) -> Bool { owner == master && OrderState.active.contains(status) }
}

/// What an offer is.
struct OfferState: Sendable, Hashable {
    var state: String
    /// Nil = never.
    var expires: Timestamp?

    var isOpen: Bool { state == "SENT" || state == "VIEWED" }
}

/// A committed change of one row, as a trigger in the database saw it.
struct Change: Sendable {
    enum Content: Sendable {
        case order(Int, from: OrderState?, to: OrderState)
        case offer(Int, order: Int, master: Int, from: OfferState?, to: OfferState)
        case history(order: Int, from: String, to: String, master: Int?, note: String)
        /// Anything else: another table, a deleted row.
        case other(String)
    }

    enum Writer: Sendable, Hashable {
        case offersd
        /// Another writer; the number of its `Act`.
        case act(Int)
        /// The rows that were there before the run.
        case setup
    }

    /// Rises with each change of the same row, and with each statement of a transaction.
    let sequence: Int
    /// The transaction's id in the database.
    let transaction: Int
    let writer: Writer
    /// The columns whose values differ.
    let columns: Set<String>
    let content: Content
    /// The database's clock when the row was changed; nil if it is not known.
    var at: Timestamp?

    /// The order that it is about; nil if it is about none.
    var order: Int? {
        switch content {
        case .order(let id, _, _): id
        case .offer(_, let order, _, _, _), .history(let order, _, _, _, _): order
        case .other: nil
        }
    }
}

/// Something that was done to the database or to a service while clients were at work.
struct Disturbance: Sendable {
    let name: String
    /// From before it began until the database accepted work again.
    var span: Span
    /// What may be answered meanwhile that would need an excuse otherwise.
    var excuses: Set<Reason> = []
    /// The service that it happens to; nil = all.
    var service: Int?
    /// Whether connections of the service to the database may end, with a COMMIT on its way.
    var endsConnections = false
    /// Whether connections to the service may end.
    var losesConnections = false
    /// Whether what was sent well before must have been answered all the same.
    var answersWhatItRead = false
    /// Whether a claim may be given up (TIMED_OUT) because the database refused it again and again for the sake of
    /// others.
    var exhaustsRetries = false
    /// Whether it cannot be found out what became of a transaction: behind a transaction pooler.
    var hidesBackends = false
}
