import Deadlines
import Foundation
import Offers
import Postgres

/// Triggers that write down every change of a row that offersd or others make, in the same transaction: what was rolled
/// back has left no trace, what was committed has.
enum Audit {
    /// The role that offersd logs in as; it owns nothing.
    static let role = "service"

    static let sql = """
        CREATE ROLE service LOGIN;
        GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO service;
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO service;
        CREATE SCHEMA audit;
        CREATE TABLE audit.changes (
            sequence bigserial PRIMARY KEY, transaction bigint, writer text, act integer, relation text, operation text,
            was jsonb, becomes jsonb, at timestamptz DEFAULT clock_timestamp());
        CREATE FUNCTION audit.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
            INSERT INTO audit.changes (transaction, writer, act, relation, operation, was, becomes)
            VALUES (pg_current_xact_id()::text::bigint, current_setting('application_name'),
                nullif(current_setting('torture.act', true), '')::integer, TG_TABLE_NAME, TG_OP,
                CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END, CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END);
            RETURN NULL;
        END $$;
        CREATE TABLE audit.mood (conflicts float);
        INSERT INTO audit.mood VALUES (0);
        CREATE FUNCTION audit.conflict() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
            IF current_setting('application_name') = 'offersd' AND random() < (SELECT conflicts FROM audit.mood) THEN
                RAISE 'try again' USING ERRCODE = 'serialization_failure';
            END IF;
            RETURN NULL;
        END $$;
        CREATE TRIGGER conflict AFTER UPDATE ON offers FOR EACH ROW EXECUTE FUNCTION audit.conflict();
        CREATE CONSTRAINT TRIGGER conflict_at_commit AFTER UPDATE ON orders
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit.conflict();
        CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON orders FOR EACH ROW EXECUTE FUNCTION audit.note();
        CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON offers FOR EACH ROW EXECUTE FUNCTION audit.note();
        CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON masters FOR EACH ROW EXECUTE FUNCTION audit.note();
        CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON order_status_history
            FOR EACH ROW EXECUTE FUNCTION audit.note();

        """

    private static let query = """
        SELECT sequence, transaction, writer, act, relation, operation,
            (SELECT string_agg(k, ',') FROM jsonb_object_keys(becomes) AS k WHERE was->k IS DISTINCT FROM becomes->k),
            becomes->>'id', was->>'assigned_master_id', was->>'status', was->>'version',
            becomes->>'assigned_master_id', becomes->>'status', becomes->>'version',
            becomes->>'order_id', becomes->>'master_id', was->>'state', becomes->>'state',
            (extract(epoch FROM (was->>'expires_at')::timestamptz) * 1000000)::bigint - 946684800000000,
            (extract(epoch FROM (becomes->>'expires_at')::timestamptz) * 1000000)::bigint - 946684800000000,
            becomes->>'from_status', becomes->>'to_status', becomes->>'changed_by_master_id',
            concat_ws(' ', becomes->>'actor_type', becomes->>'reason', becomes->'context'->>'action',
                becomes->'context'->>'method', becomes->'context'->>'master_id', becomes->'context'->>'offer_id'),
            (extract(epoch FROM at) * 1000000)::bigint - 946684800000000
        FROM audit.changes ORDER BY sequence
        """

    /// The board's, the changes and the final rows, when nothing writes any more.
    static func evidence(_ board: Board, _ session: SQLSession) async throws -> Evidence {
        var evidence = Evidence(calls: board.calls, acts: board.acts, disturbances: board.disturbances)
        // A client that went away may have left something behind that is still running.
        _ = try await session.rows(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = '\(role)'")
        evidence.changes = try await changes(session)
        evidence.orders = try await orders(session)
        let now = MonotonicTime.now()
        let microseconds = Int64((Date().timeIntervalSince1970 - 946_684_800) * 1_000_000)
        evidence.terms.epoch = Timestamp(microseconds: microseconds - Int64(now.nanoseconds / 1000))
        return evidence
    }

    /// All changes that were committed.
    static func changes(_ session: SQLSession) async throws -> [Change] {
        try await session.rows(query).map { row in
            let content: Change.Content
            let hadRow = row[5] == "UPDATE"
            switch (row[4], row[5]) {
            case ("orders", "INSERT"), ("orders", "UPDATE"):
                content = .order(
                    integer(row[7]) ?? 0, from: hadRow ? order(row[8], row[9], row[10]) : nil,
                    to: order(row[11], row[12], row[13]))
            case ("offers", "INSERT"), ("offers", "UPDATE"):
                content = .offer(
                    integer(row[7]) ?? 0, order: integer(row[14]) ?? 0, master: integer(row[15]) ?? 0,
                    from: hadRow ? OfferState(state: row[16] ?? "", expires: moment(row[18])) : nil,
                    to: OfferState(state: row[17] ?? "", expires: moment(row[19])))
            case ("order_status_history", "INSERT"):
                content = .history(
                    order: integer(row[14]) ?? 0, from: row[20] ?? "", to: row[21] ?? "", master: integer(row[22]),
                    note: row[23] ?? "")
            default:
                content = .other("\(row[5] ?? "") of \(row[4] ?? "") \(row[7] ?? "")")
            }
            return Change(
                sequence: integer(row[0]) ?? 0, transaction: integer(row[1]) ?? 0,
                writer: row[2] == "offersd" ? .offersd : integer(row[3]).map { .act($0) } ?? .setup,
                columns: Set((row[6] ?? "").split(separator: ",").map(String.init)), content: content,
                at: moment(row[24]))
        }
    }

    /// The orders as they are.
    static func orders(_ session: SQLSession) async throws -> [Int: OrderState] {
        let rows = try await session.rows("SELECT id, assigned_master_id, status, version FROM orders")
        return Dictionary(uniqueKeysWithValues: rows.map { (integer($0[0]) ?? 0, order($0[1], $0[2], $0[3])) })
    }

    private static func order(_ owner: String?, _ status: String?, _ version: String?) -> OrderState {
        OrderState(owner: integer(owner), status: status ?? "", version: integer(version) ?? 0)
    }

    private static func integer(_ text: String?) -> Int? { text.flatMap { Int($0) } }

    private static func moment(_ text: String?) -> Timestamp? {
        text.flatMap { Int64($0) }.map(Timestamp.init(microseconds:))
    }
}
