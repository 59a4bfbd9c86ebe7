internal import Offers
import Postgres

/// Pieces of SQL that several statements share, so that list, card, accept and decline have one definition each of
/// "this master", "live" and "free". Constants of this program, never text from outside.
enum Fragment {
    /// An offer that can still be answered. `statement_timestamp()`, so that an offer that runs out while its write
    /// waits for a lock is expired; NULL never expires.
    static let isLive = "(f.state IN ('SENT', 'VIEWED') AND \(isInTime))"

    /// Whether the time of an offer is not over.
    static let isInTime = "(f.expires_at IS NULL OR f.expires_at > statement_timestamp())"

    /// The statuses in which an order without a master can be listed.
    private static let listedStatuses = "('SEARCHING', 'CREATED', 'GUARANTEE')"

    /// Whether an order with a live offer is in the list of its master.
    static let isListed = "o.assigned_master_id IS NULL AND o.status IN \(listedStatuses)"

    /// The statuses in which an order without a master can be accepted.
    static let acceptableStatuses = "('SEARCHING', 'CREATED', 'GUARANTEE', 'DEFERRED')"

    /// A condition for rows that are found by a key, in a form for which the planner can use no index.
    ///
    /// When the tables were last analyzed, at night, there may have been hardly a free order and no live offer. The
    /// planner then takes the index on the orders' assigned master, or one on live offers, for as good a way to a row
    /// as its key, and keeps to that until they are analyzed again, while the next day brings thousands of them. Of a
    /// pair's two keys the order's is the good one: an order has a few offers, a master may have thousands.
    static func filter(_ condition: String) -> String { "CASE WHEN \(condition) THEN true END" }

    /// What the state of an offer that is not live means to its master. A leftover ACCEPTED row on an order that
    /// has no master was withdrawn like a CANCELED one.
    static let reasonOfState = """
        CASE WHEN f.state IN ('SENT', 'VIEWED', 'EXPIRED') THEN 'OFFER_EXPIRED'
            WHEN f.state = 'DECLINED' THEN 'OFFER_DECLINED' ELSE 'OFFER_CANCELED' END
        """

    /// Exactly one row even when there is no such master, order or offer.
    static let oneRow = "(VALUES (1)) AS one LEFT JOIN master m ON true LEFT JOIN task t ON true"
}

/// A statement in its two forms: the master named by `masters.id`, or by `masters.tg_user_id`.
struct ByMaster: Sendable {
    private let byID: Statement
    private let byTelegramUser: Statement

    /// Both texts.
    init(_ name: String, parameters: [ParameterType], byID: String, byTelegramUser: String) {
        self.byID = Statement(name, parameters: parameters, sql: byID)
        self.byTelegramUser = Statement(name + "_tg", parameters: parameters, sql: byTelegramUser)
    }

    /// Two texts that differ in the column which names the master `m`; `sql` is given it.
    init(_ name: String, parameters: [ParameterType], sql: (_ masterNumber: String) -> String) {
        self.init(name, parameters: parameters, byID: sql("m.id"), byTelegramUser: sql("m.tg_user_id"))
    }

    /// Both forms.
    var forms: [Statement] { [byID, byTelegramUser] }

    /// The form for masters named as this one is.
    func form(for master: MasterReference) -> Statement {
        switch master {
        case .id: byID
        case .telegramUser: byTelegramUser
        }
    }

    /// The form for `master`, with the master's number and then `parameters`.
    func callAsFunction(_ master: MasterReference, _ parameters: Parameter...) -> BoundStatement {
        BoundStatement(form(for: master), [.int8(master.number)] + parameters)
    }
}

extension MasterReference {
    /// The number that names the master; nil is beyond what the database can hold, and names no master.
    var number: Int64? {
        switch self {
        case .id(let number), .telegramUser(let number): number
        }
    }
}

extension QueryResult {
    /// A `timestamptz` as the contract's type.
    func moment(row: Int, column: Int) throws(ResultMismatch) -> Timestamp? {
        guard let microseconds = try timestamp(row: row, column: column) else { return nil }
        return Timestamp(microseconds: microseconds)
    }
}
