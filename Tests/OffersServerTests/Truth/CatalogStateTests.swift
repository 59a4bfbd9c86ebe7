import OffersServer
import Postgres
import TestDatabase
import Testing
import Turns

@testable import OffersServer

/// What a service notices of changes to the database by looking at its catalog.
@Suite(.inTurn)
struct CatalogStateTests {
    @Test("It changes with each change that a write can meet, and with nothing else")
    func changes() async throws {
        try await TestDatabase.withDatabase { database in
            _ = try await Scene(database).offeredOrder()
            try await database.sql(
                """
                CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
                CREATE ROLE catalog_\(database.name);
                CREATE TABLE other (id int)
                """)
            var last = try await state(of: database)
            for quiet in [
                "UPDATE orders SET updated_at = now()", "ANALYZE", "VACUUM FREEZE orders",
                "ALTER TABLE other ADD x int",
                "SELECT nextval('order_status_history_id_seq')", "CREATE FUNCTION unused() RETURNS int RETURN 1",
            ] {
                try await database.sql(quiet)
                #expect(try await state(of: database) == last, "\(quiet)")
            }
            for change in [
                "CREATE TRIGGER pass BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION pass()",
                """
                CREATE OR REPLACE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$
                """,
                "ALTER TABLE orders DISABLE TRIGGER pass", "DROP TRIGGER pass ON orders",
                "ALTER TABLE offers ADD CONSTRAINT c CHECK (id > 0)", "ALTER TABLE offers DROP CONSTRAINT c",
                "CREATE UNIQUE INDEX u ON order_status_history (reason, id)", "ALTER TABLE masters ADD COLUMN x int",
                "ALTER SEQUENCE order_status_history_id_seq MAXVALUE 9000000",
                "ALTER TABLE orders ENABLE ROW LEVEL SECURITY",
                "CREATE POLICY p ON orders USING (true)", "ALTER POLICY p ON orders USING (false)",
                "CREATE RULE r AS ON UPDATE TO orders DO ALSO NOTHING",
                "ALTER TABLE order_status_history ALTER COLUMN reason SET DEFAULT 'x'",
                "ALTER TYPE offer_state RENAME VALUE 'CANCELED' TO 'WITHDRAWN'",
                "GRANT UPDATE (version) ON orders TO catalog_\(database.name)",
                "REVOKE UPDATE (version) ON orders FROM catalog_\(database.name)",
            ] {
                try await database.sql(change)
                let next = try await state(of: database)
                #expect(next != last, "\(change)")
                last = next
            }
            try await database.sql("DROP ROLE catalog_\(database.name)")
        }
    }

    private func state(of database: TestDatabase) async throws -> String {
        try await database.sql(CatalogState.query.sql)[0]
    }
}
