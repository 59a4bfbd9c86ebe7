import Offers
import Postgres

/// The one round trip of `health`.
enum HealthQuery {
    /// What the database says of itself.
    struct Answer: Sendable {
        let serverTime: Timestamp
        let isReadOnly: Bool
        let serverVersion: String
    }

    static let bound = BoundStatement(
        Statement(
            "offersd_health",
            sql: """
                SELECT statement_timestamp(),
                    pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on',
                    current_setting('server_version')
                """))

    static func decode(_ rows: QueryResult) throws(ResultMismatch) -> Answer {
        Answer(
            serverTime: Timestamp(microseconds: try rows.requiredTimestamp(row: 0, column: 0)),
            isReadOnly: try rows.bool(row: 0, column: 1) == true,
            serverVersion: try rows.requiredText(row: 0, column: 2))
    }
}
