import Offers
import Postgres

/// What an accept of one order would be answered, and what that rests on, in one statement and so of one moment. The
/// verdict is that of ``AcceptDecision``, of which an accept's statement consists, too. It writes and locks nothing.
///
/// The first columns of each row are the answer. The others are an offer of the pair or a row of the history; NULL
/// where there is neither.
enum ExplainOfferQuery {
    /// Whether the history is read, which a role may lack the rights for.
    enum Form: String, CaseIterable {
        case complete = "offersd_explain"
        case withoutHistory = "offersd_explain_bare"
    }

    /// The columns of `order_status_history` that are read.
    static let historyColumns = ["id", "order_id", "created_at", "from_status", "to_status", "reason", "actor_type"]

    /// The reasons that programs write. Anything else was typed by a person, and stays in the database.
    static let knownReasons = [
        "accepted_by_master", "manual_assign", "manual_return", "deferred_wakeup", "created_by_staff",
        "master_en_route", "master_working", "master_uploaded_act", "guarantee_completed",
    ]

    /// How many rows of the history are shown.
    static let historyLength = 10

    private static let complete = byMaster(.complete)
    private static let withoutHistory = byMaster(.withoutHistory)

    /// The statement in one form, for either way to name the master.
    static func statement(_ form: Form) -> ByMaster {
        switch form {
        case .complete: complete
        case .withoutHistory: withoutHistory
        }
    }

    private static func byMaster(_ form: Form) -> ByMaster {
        ByMaster(form.rawValue, parameters: [.int8, .int8]) { masterNumber in
            """
            SELECT statement_timestamp(), \(MasterStateColumns.sql),
                o.id, o.status, o.assigned_master_id, o.version, o.status = 'DEFERRED',
                CASE \(AcceptDecision.verdict) END,
                coalesce(f.is_live AND \(Fragment.isListed), false),
                r.*
            FROM (SELECT) AS one LEFT JOIN masters m ON \(masterNumber) = $1 LEFT JOIN orders o ON o.id = $2
            LEFT JOIN LATERAL (\(AcceptDecision.offer)) f ON true LEFT JOIN LATERAL (\(AcceptDecision.quota)) q ON true
            LEFT JOIN LATERAL (
                \(offers)\(form == .complete ? "\n    UNION ALL \(history)" : "")) r ON true
            ORDER BY r.part, r.id DESC
            """
        }
    }

    /// The rows of the pair. The casts give the two kinds of rows the same types, wherever their enums are.
    private static let offers = """
        SELECT 'offer' AS part, f.id::bigint AS id, f.state::text AS label, f.sent_at AS at, f.round_number::bigint AS round,
                f.expires_at, f.responded_at, f.state = 'EXPIRED' OR NOT \(Fragment.isInTime) AS is_expired,
                NULL::text AS earlier, NULL::text AS reason, NULL::text AS actor
            FROM offers f WHERE f.order_id = o.id AND \(Fragment.filter("f.master_id = m.id"))
        """

    /// The newest rows of the order. The ids tell the order in which they were written, for the order is locked
    /// meanwhile; their times are those of the transactions' starts. OFFSET keeps the planner from going through the
    /// whole table by id.
    private static let history = """
        (SELECT 'past', h.id::bigint, h.to_status::text, h.created_at, NULL, NULL, NULL, NULL, h.from_status::text,
                CASE WHEN h.reason IN (\(knownReasons.map { "'\($0)'" }.joined(separator: ", "))) THEN h.reason END,
                h.actor_type::text
            FROM (SELECT \(historyColumns.map { "p.\($0)" }.joined(separator: ", ")) FROM order_status_history p
                WHERE p.order_id = o.id OFFSET 0) h
            ORDER BY h.id DESC LIMIT \(historyLength))
        """

    static func bound(_ master: MasterReference, _ order: Int64?, _ form: Form) -> BoundStatement {
        statement(form)(master, .int8(order))
    }

    // MARK: Reading

    private enum Column {
        static let asOf = 0
        static let master = 1
        static let order = MasterStateColumns.count + 1
        static let verdict = order + 5
        static let isListed = order + 6
        static let part = order + 7
    }

    /// - Parameters:
    ///   - params: What was asked, which is told again where there is no such master.
    ///   - hasHistory: Whether the rows are of the form that reads it.
    static func decode(
        _ rows: QueryResult, _ params: ExplainOfferParams, hasHistory: Bool
    ) throws(ResultMismatch) -> ExplainOfferResult {
        var offers: [OfferRecord] = []
        var history: [StatusChange] = []
        for row in 0..<rows.rowCount {
            switch rows.text(row: row, column: Column.part) {
            case "offer": offers.append(try offer(rows, row))
            case "past": history.append(try change(rows, row))
            default: break
            }
        }
        let master = try MasterStateColumns.decode(rows, from: Column.master)
        return ExplainOfferResult(
            masterId: master?.masterId ?? params.master.asked, orderId: params.order.flatMap(\.self),
            asOf: Timestamp(microseconds: try rows.requiredTimestamp(row: 0, column: Column.asOf)),
            accept: AcceptForecast(verdict: try rows.requiredText(row: 0, column: Column.verdict)),
            listed: try rows.bool(row: 0, column: Column.isListed) == true,
            master: master, order: try order(rows), offers: offers, history: hasHistory ? history : nil,
            notListed: nil)
    }

    private static func order(_ rows: QueryResult) throws(ResultMismatch) -> OrderState? {
        guard !rows.isNull(row: 0, column: Column.order) else { return nil }
        return OrderState(
            status: try rows.requiredText(row: 0, column: Column.order + 1),
            assignedMasterId: try rows.integer(row: 0, column: Column.order + 2),
            version: try rows.requiredInteger(row: 0, column: Column.order + 3),
            deferred: try rows.bool(row: 0, column: Column.order + 4) == true)
    }

    private static func offer(_ rows: QueryResult, _ row: Int) throws(ResultMismatch) -> OfferRecord {
        OfferRecord(
            offerId: try rows.requiredInteger(row: row, column: Column.part + 1),
            round: try rows.requiredInteger(row: row, column: Column.part + 4),
            state: try rows.requiredText(row: row, column: Column.part + 2),
            sentAt: try rows.moment(row: row, column: Column.part + 3),
            expiresAt: try rows.moment(row: row, column: Column.part + 5),
            expired: try rows.bool(row: row, column: Column.part + 7) == true,
            respondedAt: try rows.moment(row: row, column: Column.part + 6))
    }

    private static func change(_ rows: QueryResult, _ row: Int) throws(ResultMismatch) -> StatusChange {
        StatusChange(
            at: try rows.moment(row: row, column: Column.part + 3),
            from: rows.text(row: row, column: Column.part + 8),
            to: try rows.requiredText(row: row, column: Column.part + 2),
            reason: rows.text(row: row, column: Column.part + 9),
            actor: rows.text(row: row, column: Column.part + 10))
    }
}

extension AcceptForecast {
    /// What the verdict of ``AcceptDecision`` means to a caller.
    fileprivate init(verdict: String) {
        switch verdict {
        case "GRANTED": self.init(possible: true, reason: nil)
        case "ALREADY_YOURS": self.init(possible: true, reason: verdict)
        default: self.init(possible: false, reason: verdict)
        }
    }
}
