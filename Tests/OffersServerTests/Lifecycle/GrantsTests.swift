import JSONRPC
import Offers
import Postgres
import SystemPackage
import TestDatabase
import Testing
import Turns

@testable import OffersServer

/// `offersd grants`: a role with these rights can do what the service does, and each of them is needed for it.
@Suite(.inTurn)
struct GrantsTests {
    @Test(
        "The whole service works under the role, in a database that gives nothing to PUBLIC, and check finds it complete",
        arguments: [
            (Generation.g3, MetricsShape.varchar), (.g1, .enum), (.g4, .renamed), (.g2, .absent), (.damaged, .varchar),
        ])
    func enough(generation: Generation, shape: MetricsShape) async throws {
        try await TestDatabase.withDatabase(generation, metrics: shape) { database in
            let scene = try await Scene(database)
            let street = try await database.insert(StreetRow(cityID: scene.city))
            let district = try await database.insert(DistrictRow(cityID: scene.city))
            let accepted = try await scene.offeredOrder {
                ($0.streetID, $0.districtID) = (street, district)
            }
            let declined = try await scene.offeredOrder(toRival: true)
            // What every character that has a meaning somewhere does to it.
            let role = #"o'Brien's "\role\" $grants$ \#(database.name)"#
            let connectionString = try await database.makeGrantedRole(role)
            let report = await DatabaseCheck.report(on: connectionString)
            #expect(report.verdict == .complete, "\(report.lines)")
            #expect(!report.lines.contains { $0.hasPrefix("This role lacks") }, "\(report.lines)")
            try await RunningService.run(on: connectionString) { service in
                #expect(try await service.waitUntilInspected()["status"]?.stringValue == "ok")
                try await service.withClient { (client) async throws in
                    #expect(try await client.listedOrders(scene.master).count == 2)
                    #expect(try await client.card(accepted, for: scene.master).error == nil)
                    #expect(try await client.decline(declined, by: scene.master).error == nil)
                    #expect(try await client.accept(accepted, by: scene.master).error == nil)
                    #expect(try await client.accept(declined, by: scene.rival).error == nil)
                }
                guard shape != .absent else { return }
                let metrics = try await eventually(
                    { try await service.metrics() },
                    until: { $0["distributionMetricsWritten"]?.int64Value == 2 })
                #expect(metrics["distributionMetricsFailures"]?.int64Value == 0)
            }
        }
    }

    @Test("Whatever column right is taken away, some statement of the service is denied, and check names the right")
    func eachIsNeeded() async throws {
        try await TestDatabase.withDatabase { database in
            let role = "each_of_\(database.name)"
            let connectionString = try await database.makeGrantedRole(role)
            let table = MetricsTable(
                categoryColumn: "category", categoryType: "character varying", orderTypeColumn: "order_type",
                orderTypeType: "character varying")
            // What looks after the database needs no rights.
            let statements = ServiceStatements.all(uniqueOpenPairs: true, readsHistory: true, metricsTable: table)
                .filter { $0.work != .supervision && $0.work != .commit }.map(\.statement)
            #expect(statements.count >= 13)
            let prepared = statements.enumerated().map { number, statement in
                let types = statement.parameterTypes.map { "\($0)".replacing("Array", with: "[]") }.joined(
                    separator: ", ")
                return "PREPARE s\(number)\(types.isEmpty ? "" : "(\(types))") AS \(statement.sql);\n"
            }
            let explains = statements.enumerated().map { number, statement in
                let nulls = statement.parameterTypes.map { _ in "NULL" }.joined(separator: ", ")
                return "EXPLAIN EXECUTE s\(number)\(nulls.isEmpty ? "" : "(\(nulls))")"
            }
            // EXPLAIN checks the rights of a statement as running it does, and runs nothing.
            let rows = try await database.sql(
                prepared.joined() + """
                    CREATE TABLE verdicts (what text, denied boolean);
                    DO $$
                    DECLARE
                        statements text[] := ARRAY[\(explains.map { "'\($0)'" }.joined(separator: ", "))];
                        g record; s text; denied boolean;
                    BEGIN
                        FOR g IN
                            SELECT c.oid::regclass AS relation, a.attname, e.privilege_type
                            FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid, aclexplode(a.attacl) e
                            WHERE e.grantee = '\(role)'::regrole
                            UNION ALL SELECT NULL, NULL, NULL
                        LOOP
                            denied := false;
                            IF g.relation IS NOT NULL THEN
                                EXECUTE format('REVOKE %s (%I) ON %s FROM \(role)', g.privilege_type, g.attname, g.relation);
                            END IF;
                            FOREACH s IN ARRAY statements LOOP
                                BEGIN
                                    SET LOCAL ROLE \(role);
                                    EXECUTE s;
                                EXCEPTION WHEN insufficient_privilege THEN denied := true;
                                END;
                                RESET ROLE;
                            END LOOP;
                            INSERT INTO verdicts VALUES (format('%s %s.%s', g.privilege_type, g.relation, g.attname), denied);
                            IF g.relation IS NOT NULL THEN
                                EXECUTE format('GRANT %s (%I) ON %s TO \(role)', g.privilege_type, g.attname, g.relation);
                            END IF;
                        END LOOP;
                    END $$;
                    SELECT denied, what FROM verdicts ORDER BY what
                    """)
            // With all of them nothing is denied; without any single one, something.
            #expect(rows.filter { $0.hasPrefix("f|") } == ["f| ."])
            #expect(rows.count > 70)
            // The same rights are what check asks for.
            for (grant, name) in [
                ("SELECT (blocked_reason) ON masters", "SELECT on masters.blocked_reason"),
                ("UPDATE (updated_at) ON masters", "UPDATE on masters"),
                ("UPDATE (version) ON orders", "UPDATE on orders.version"),
                ("INSERT (context) ON order_status_history", "INSERT on order_status_history.context"),
                ("USAGE ON SEQUENCE order_status_history_id_seq", "USAGE on the sequence of order_status_history.id"),
                ("INSERT (metadata_json) ON distribution_metrics", "This role lacks INSERT on distribution_metrics"),
                ("USAGE ON SEQUENCE distribution_metrics_id_seq", "This role lacks INSERT on distribution_metrics"),
            ] {
                try await database.sql("REVOKE \(grant) FROM \(role)")
                let report = await DatabaseCheck.report(on: connectionString)
                #expect(report.lines.contains { $0.contains(name) }, "\(grant): \(report.lines)")
                try await database.sql("GRANT \(grant) TO \(role)")
            }
        }
    }

    @Test(
        "What only the optional rows of distribution_metrics need is a note",
        arguments: [
            "REVOKE SELECT (created_at, type) ON orders", "REVOKE INSERT (metadata_json) ON distribution_metrics",
            "REVOKE USAGE ON SEQUENCE distribution_metrics_id_seq",
        ])
    func optional(revoke: String) async throws {
        try await TestDatabase.withDatabase { database in
            _ = try await Scene(database).offeredOrder()
            let role = "rights_\(database.name)"
            let connectionString = try await database.makeGrantedRole(role)
            try await database.sql("\(revoke) FROM \(role)")
            let report = await DatabaseCheck.report(on: connectionString)
            #expect(report.verdict == .complete, "\(report.lines)")
            #expect(report.lines.contains("No distribution_metrics rows are written; nothing else changes."))
            #expect(report.lines.last == "ok: nothing that the service needs is missing")
        }
    }

    @Test("What a database does not have is named, and everything else is granted")
    func oldest() async throws {
        try await TestDatabase.withDatabase(.g0) { database in
            try await database.sql("ALTER SEQUENCE order_status_history_id_seq OWNED BY NONE")
            let report = await DatabaseCheck.report(
                on: try await database.makeGrantedRole("of_\(database.name)"))
            #expect(
                report.lines.filter { $0.hasPrefix("missing") || $0.hasPrefix("fails") } == [
                    "missing: order_status_history.actor_type (needed for accept)",
                    "missing: order_status_history.context (needed for accept)",
                ], "\(report.lines)")
        }
        // Without those two columns it would have been complete.
        try await TestDatabase.withDatabase { database in
            try await database.sql("ALTER SEQUENCE order_status_history_id_seq OWNED BY NONE")
            let report = await DatabaseCheck.report(
                on: try await database.makeGrantedRole("of_\(database.name)"))
            #expect(report.verdict == .complete, "\(report.lines)")
        }
    }

    @Test("In a schema of another name, which needs quotes")
    func schema() throws {
        let sql = try Grants.sql(role: "offersd", schema: #"Офис "1""#)
        #expect(sql.contains(#"GRANT USAGE ON SCHEMA "Офис ""1""" TO "offersd";"#))
        #expect(sql.contains(#"format('%I.%I', E'Офис "1"', g.relation)"#))
    }

    @Test("Nothing but these rights: no table as a whole, no other column, no name of a client where it is not needed")
    func noMore() async throws {
        try await TestDatabase.withDatabase { database in
            let role = "no_more_\(database.name)"
            _ = try await database.makeGrantedRole(role)
            let rows = try await database.sql(
                """
                SELECT count(*) FILTER (WHERE r.relacl::text LIKE '%\(role)=%' AND r.relkind = 'r'),
                    bool_or(has_table_privilege('\(role)', r.oid, 'DELETE')),
                    bool_or(has_table_privilege('\(role)', r.oid, 'TRUNCATE'))
                FROM pg_class r JOIN pg_namespace n ON n.oid = r.relnamespace
                WHERE n.nspname = 'public' AND r.relkind = 'r'
                """)
            #expect(rows == ["0|f|f"])
            for (column, privilege) in [
                ("masters.full_name", "SELECT"), ("masters.is_blocked", "UPDATE"), ("orders.client_phone", "UPDATE"),
                ("offers.order_id", "UPDATE"), ("settings.value", "UPDATE"), ("order_status_history.context", "SELECT"),
                ("orders.lat", "SELECT"),
            ] {
                let parts = column.split(separator: ".")
                #expect(
                    try await database.sql(
                        "SELECT has_column_privilege('\(role)', '\(parts[0])', '\(parts[1])', '\(privilege)')")
                        == ["f"], "\(privilege) on \(column)")
            }
        }
    }

    @Test("A name that no role can have is refused in a sentence", arguments: ["", "public", "none", "pg_mine"])
    func badNames(name: String) async throws {
        let run = try await BuiltProgram.shell(
            "\"$1\" grants --role \"$2\"; echo \"status=$?\"", try BuiltProgram.path("offersd").string, name)
        #expect(run.output.contains("Error: --role: ") && run.output.hasSuffix("status=64\n"), "\(run.output)")
    }
}

extension TestDatabase {
    /// Makes a role by `offersd grants`, in this database, from which PUBLIC has been shut out, and returns the
    /// connection string of that role.
    func makeGrantedRole(_ role: String) async throws -> String {
        try await sql("REVOKE ALL ON DATABASE \(name) FROM PUBLIC; REVOKE ALL ON SCHEMA public FROM PUBLIC")
        let grants = try await BuiltProgram.shell(
            "exec \"$1\" grants --role \"$2\"", try BuiltProgram.path("offersd").string, role)
        // Twice: it can be run again.
        try await sql(grants.output)
        try await sql(grants.output)
        let quoted = role.replacing("\\", with: "\\\\").replacing("'", with: "\\'")
        return connectionString.replacing("user=postgres", with: "user='\(quoted)'")
    }
}
