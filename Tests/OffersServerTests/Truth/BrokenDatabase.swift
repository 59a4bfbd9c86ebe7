import Testing

/// A database on which something fails that no name tells.
struct BrokenDatabase: Sendable, CustomTestStringConvertible {
    /// What was done to it.
    let testDescription: String
    let sql: String
    /// The line of check begins like this.
    let line: String
    /// What `health` says, once it was tried, and how its note begins.
    let status: String
    let note: String

    static let all: [BrokenDatabase] = [
        BrokenDatabase(
            testDescription: "A label that only accepts write is renamed",
            sql: "ALTER TYPE order_status RENAME VALUE 'ASSIGNED' TO 'GIVEN'",
            line:
                #"fails: acceptOffer: 22P02 in offersd_accept: invalid input value for enum order_status: "ASSIGNED"."#,
            status: "degraded", note: "acceptOffer fails: 22P02 in offersd_"),
        BrokenDatabase(
            testDescription: "A label that lists look for is renamed",
            sql: "ALTER TYPE offer_state RENAME VALUE 'VIEWED' TO 'SEEN'",
            line: "fails: listOffers: 22P02 in offersd_list", status: "down",
            note: "listOffers fails: 22P02 in offersd_list"
        ),
        BrokenDatabase(
            testDescription: "A rule DO ALSO on orders",
            sql:
                "CREATE TABLE seen (id int); CREATE RULE also AS ON UPDATE TO orders DO ALSO INSERT INTO seen VALUES (1)",
            line: "fails: acceptOffer: 0A000 in offersd_accept", status: "degraded",
            note: "acceptOffer fails: 0A000 in offersd_accept"),
        BrokenDatabase(
            testDescription: "A rule DO INSTEAD on the history",
            sql: "CREATE RULE none AS ON INSERT TO order_status_history DO INSTEAD NOTHING",
            line: "fails: acceptOffer: 0A000 in offersd_accept", status: "degraded",
            note: "acceptOffer fails: 0A000 in offersd_accept"),
        BrokenDatabase(
            testDescription: "The history's sequence is used up",
            sql: """
                SELECT setval('order_status_history_id_seq', 9);
                ALTER SEQUENCE order_status_history_id_seq MAXVALUE 9 NO CYCLE
                """,
            line: "fails: acceptOffer: 2200H in offersd_accept: nextval: reached maximum value",
            status: "degraded",
            note: "acceptOffer fails: 2200H in offersd_accept"),
        BrokenDatabase(
            testDescription: "The history is partitioned, and this month has no partition",
            sql: """
                ALTER TABLE order_status_history RENAME TO old_history;
                CREATE TABLE order_status_history (LIKE old_history INCLUDING DEFAULTS) PARTITION BY RANGE (created_at);
                CREATE TABLE history_of_old PARTITION OF order_status_history FOR VALUES FROM ('2001-01-01') TO ('2002-01-01')
                """,
            line: "fails: acceptOffer: 23514 in offersd_accept (table order_status_history): no partition",
            status: "degraded", note: "acceptOffer fails: 23514 in offersd_accept (table order_status_history)"),
        BrokenDatabase(
            testDescription: "A constraint refuses the history's row",
            sql: "ALTER TABLE order_status_history ADD CONSTRAINT by_hand CHECK (reason <> 'accepted_by_master')",
            line:
                "fails: acceptOffer: 23514 in offersd_accept (table order_status_history, constraint by_hand): new row",
            status: "degraded",
            note: "acceptOffer fails: 23514 in offersd_accept (table order_status_history, constraint by_hand)"),
        BrokenDatabase(
            testDescription: "A trigger refuses the history's row at COMMIT",
            sql: trigger("AFTER INSERT ON order_status_history DEFERRABLE INITIALLY DEFERRED", isConstraint: true),
            line: "fails: acceptOffer: P0001 in offersd_accept (raised by a function or trigger of the database).",
            status: "degraded", note: "acceptOffer fails: P0001 in offersd_accept (raised by a function"),
        BrokenDatabase(
            testDescription: "A trigger refuses declines as a whole",
            sql: trigger("BEFORE UPDATE OF state ON offers FOR EACH STATEMENT", isConstraint: false),
            line: "fails: acceptOffer: P0001 in offersd_accept (raised by a function or trigger of the database).",
            status: "degraded", note: "acceptOffer fails: P0001 in offersd_accept (raised by a function"),
        BrokenDatabase(
            testDescription: "A trigger passes over the history's row without a word",
            sql: silent("INSERT ON order_status_history"),
            line: "fails: acceptOffer: rows of order_status_history are not written, and there is no error.",
            status: "degraded", note: "acceptOffer fails: rows of order_status_history are not written"),
        BrokenDatabase(
            testDescription: "A trigger passes over the order",
            sql: silent("UPDATE ON orders"),
            line: "fails: acceptOffer: rows of orders are not written, and there is no error.",
            status: "degraded", note: "acceptOffer fails: rows of orders are not written"),
        BrokenDatabase(
            testDescription: "A trigger passes over offers that are declined",
            sql: silent("UPDATE ON offers", "NEW.state = 'DECLINED'"),
            line: "fails: declineOffer: rows of offers are not written, and there is no error.",
            status: "degraded", note: "declineOffer fails: rows of offers are not written"),
        BrokenDatabase(
            testDescription: "A trigger passes over the offers of others",
            sql: silent("UPDATE ON offers", "NEW.state = 'CANCELED'"),
            line: "fails: acceptOffer: rows of offers are not written, and there is no error.",
            status: "degraded", note: "acceptOffer fails: rows of offers are not written"),
    ]

    /// A trigger whose text is no client's business.
    static func trigger(_ event: String, isConstraint: Bool) -> String {
        """
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE 'Ann of Mill Lane' USING TABLE = 'Mill Lane', DETAIL = 'Mill Lane', HINT = 'Mill Lane'; END $$;
        CREATE \(isConstraint ? "CONSTRAINT " : "")TRIGGER refuse \(event) \(isConstraint ? "FOR EACH ROW " : "")
            EXECUTE FUNCTION refuse()
        """
    }

    /// A trigger that passes over rows without a word.
    private static func silent(_ event: String, _ condition: String = "true") -> String {
        """
        CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
        CREATE TRIGGER pass BEFORE \(event) FOR EACH ROW WHEN (\(condition)) EXECUTE FUNCTION pass()
        """
    }
}
