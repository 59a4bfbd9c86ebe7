import EmbeddedPostgres
import JSONRPC
import OffersServer
import Postgres
import TestDatabase
import Testing
import Turns

/// What the role, the database or the connection string set changes no answer: the cases of the contract, every refusal
/// among them, are answered the same.
@Suite("Settings that are not ours", .inTurn)
struct HostileSettingsTests {
    /// Settings of the role that change what statements mean, how long they may take, or how they are planned.
    static let settings = [
        "strings": ["standard_conforming_strings = off", "backslash_quote = off", "escape_string_warning = on"],
        "messages": ["client_min_messages = 'error'", "lc_messages = 'C'"],
        "search path": ["search_path = evil, pg_catalog, public"],
        "formats": [
            "DateStyle = 'SQL, DMY'", "IntervalStyle = 'sql_standard'", "extra_float_digits = -15",
            "TimeZone = 'Asia/Kathmandu'", "bytea_output = 'escape'", "quote_all_identifiers = on",
            "transform_null_equals = on", "array_nulls = off", "xmlbinary = 'hex'",
        ],
        "isolation": ["default_transaction_isolation = 'serializable'", "default_transaction_deferrable = on"],
        "read-only": ["default_transaction_read_only = on"],
        "statement time": ["statement_timeout = '1ms'"],
        "lock time": ["lock_timeout = '1ms'", "deadlock_timeout = '1s'"],
        "idle time": ["idle_in_transaction_session_timeout = '1ms'", "idle_session_timeout = '1ms'"],
        "row security": ["row_security = off"],
        "plans": [
            "plan_cache_mode = force_custom_plan", "jit = on", "jit_above_cost = 0", "jit_inline_above_cost = 0",
            "jit_optimize_above_cost = 0", "from_collapse_limit = 1", "join_collapse_limit = 1", "geqo_threshold = 2",
            "work_mem = '64kB'", "enable_nestloop = off", "enable_indexscan = off", "enable_indexonlyscan = off",
            "enable_bitmapscan = off", "enable_sort = off", "enable_hashagg = off", "enable_material = off",
            "enable_memoize = off", "enable_hashjoin = off", "enable_mergejoin = off",
        ],
        "commits": ["synchronous_commit = off"],
    ]

    private static let files = ["listOffers", "getOffer", "acceptOffer", "declineOffer"]

    /// Lends a database with the fixture, and a role that may do what the service does and no more. A schema `evil` has
    /// tables and functions with names of ours.
    private func withRole(_ body: (TestDatabase, String, String) async throws -> Void) async throws {
        try await TestDatabase.withDatabase(.g3) { (database) async throws in
            let role = "hostile_\(database.name)"
            try await database.sql(ConformanceCase.text(of: "fixture.sql"))
            try await database.sql(Grants.sql(role: role))
            try await database.sql(
                """
                CREATE SCHEMA evil;
                CREATE TABLE evil.orders (LIKE public.orders); CREATE TABLE evil.offers (LIKE public.offers);
                CREATE TABLE evil.masters (LIKE public.masters); CREATE TABLE evil.cities (LIKE public.cities);
                CREATE TABLE evil.settings (LIKE public.settings);
                CREATE FUNCTION evil.set_config(text, text, boolean) RETURNS text LANGUAGE sql AS 'SELECT NULL::text';
                CREATE FUNCTION evil.statement_timestamp() RETURNS timestamptz LANGUAGE sql AS $$SELECT 'epoch'::timestamptz$$;
                CREATE FUNCTION evil.same(bigint, bigint) RETURNS boolean LANGUAGE sql AS 'SELECT false';
                CREATE OPERATOR evil.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = evil.same);
                GRANT USAGE ON SCHEMA evil TO PUBLIC; GRANT ALL ON ALL TABLES IN SCHEMA evil TO PUBLIC
                """)
            let connection = database.connectionString.replacing("user=postgres", with: "user=\(role)")
            try await body(database, role, connection)
            try await database.sql("DROP OWNED BY \(role); DROP ROLE \(role)")
        }
    }

    @Test("each kind of setting alone", arguments: settings.keys.sorted())
    func alone(kind: String) async throws {
        try await withRole { database, role, connection in
            for setting in Self.settings[kind] ?? [] {
                // Some are for superusers to set; the role has them all the same.
                try await database.sql("ALTER ROLE \(role) SET \(setting)")
            }
            try await ConformanceTests.run(Self.files, connection)
        }
    }

    @Test("all of them together, on a connection of one's own and as behind a pooler", arguments: [true, false])
    func together(preparesStatements: Bool) async throws {
        try await withRole { database, role, connection in
            for setting in Self.settings.values.flatMap(\.self) where preparesStatements || !setting.contains("idle") {
                try await database.sql("ALTER ROLE \(role) SET \(setting)")
            }
            // Behind a pooler BEGIN, and the statement that lifts the limit, are under the role's own: they take their
            // time when the machine is busy.
            if !preparesStatements { try await database.sql("ALTER ROLE \(role) SET statement_timeout = '2s'") }
            try await ConformanceTests.run(Self.files, connection) {
                $0.postgres.preparesStatements = preparesStatements
            }
        }
    }

    @Test("settings of the database and of the connection string")
    func elsewhere() async throws {
        try await withRole { database, _, connection in
            for setting in ["standard_conforming_strings = off", "default_transaction_read_only = on"] {
                try await database.server.sql("ALTER DATABASE \(database.name) SET \(setting)")
            }
            let options = "options='-c search_path=evil -c statement_timeout=1 -c client_min_messages=error'"
            try await ConformanceTests.run(Self.files, connection + " " + options)
            try await database.server.sql("ALTER DATABASE \(database.name) RESET ALL")
        }
    }

    @Test("a login role that becomes another role", arguments: [true, false])
    func otherRole(byConnectionString: Bool) async throws {
        try await withRole { database, role, connection in
            let login = role + "_login"
            try await database.sql("CREATE ROLE \(login) LOGIN IN ROLE \(role) NOINHERIT")
            if !byConnectionString { try await database.sql("ALTER ROLE \(login) SET role = '\(role)'") }
            let options = byConnectionString ? " options='-c role=\(role)'" : ""
            try await ConformanceTests.run(
                Self.files, connection.replacing("user=\(role)", with: "user=\(login)") + options)
            try await database.sql("DROP ROLE \(login)")
        }
    }

    @Test("a role that sees no sessions and no control data")
    func blindRole() async throws {
        try await TestDatabase.withServer(.g3) { (database) async throws in
            try await database.sql(ConformanceCase.text(of: "fixture.sql"))
            try await database.sql(Grants.sql(role: "blind"))
            try await database.sql(
                """
                REVOKE ALL ON pg_stat_activity FROM PUBLIC;
                REVOKE ALL ON FUNCTION pg_control_system() FROM PUBLIC;
                REVOKE ALL ON FUNCTION pg_walfile_name(pg_lsn) FROM PUBLIC
                """)
            try await ConformanceTests.run(
                Self.files, database.connectionString.replacing("user=postgres", with: "user=blind"))
            try await RunningService.run(
                on: database.connectionString.replacing("user=postgres", with: "user=blind")
            ) { (service) async throws in
                let health = try await service.waitUntilInspected()
                #expect(health["status"]?.stringValue == "ok", "\(health)")
                let notes = (health["database"]?["notes"]?.elements ?? []).compactMap(\.stringValue)
                #expect(notes.contains { $0.contains("pg_stat_activity") }, "\(notes)")
                #expect(notes.contains { $0.contains("pg_control_system") }, "\(notes)")
            }
        }
    }

    @Test("a role that is read-only by default, and may not see where the default comes from, has lists alone")
    func blindReadOnlyRole() async throws {
        try await TestDatabase.withServer(.g3) { (database) async throws in
            try await database.sql(Grants.sql(role: "blind"))
            try await database.sql(
                "ALTER ROLE blind SET default_transaction_read_only = on; REVOKE ALL ON pg_settings FROM PUBLIC")
            let master = try await database.insert(MasterRow())
            try await RunningService.run(
                on: database.connectionString.replacing("user=postgres", with: "user=blind")
            ) { (service) async throws in
                let health = try await service.waitUntilInspected()
                #expect(health["status"]?.stringValue == "degraded", "\(health)")
                let notes = (health["database"]?["notes"]?.elements ?? []).compactMap(\.stringValue)
                #expect(notes.contains { $0.contains("The server is read-only") }, "\(notes)")
                try await service.withClient { (client) async throws in
                    #expect(try await client.list(master).result != nil)
                    #expect(try await client.accept(1, by: master).reason == "DATABASE_UNAVAILABLE")
                }
            }
        }
    }

    @Test("tables in a schema of another name")
    func otherSchema() async throws {
        try await TestDatabase.withDatabase(.g3) { (database) async throws in
            try await database.sql(ConformanceCase.text(of: "fixture.sql"))
            try await database.sql("ALTER SCHEMA public RENAME TO \"the company's\"; CREATE SCHEMA public")
            try await ConformanceTests.run(Self.files + ["ops"], database.connectionString) {
                $0.postgres.schema = "the company's"
            }
        }
    }

    @Test("a role with few connections: each kind of work has one, and health is ok", arguments: [2, 3, 4, 6])
    func connectionLimit(limit: Int) async throws {
        try await TestDatabase.withDatabase(.g3) { (database) async throws in
            let role = "limited_\(database.name)"
            let scene = try await Scene(database)
            try await database.sql(Grants.sql(role: role))
            try await database.sql("ALTER ROLE \(role) CONNECTION LIMIT \(limit)")
            let connection = database.connectionString.replacing("user=postgres", with: "user=\(role)")
            try await RunningService.run(on: connection) { (service) async throws in
                try await service.withClient { (client) async throws in
                    _ = try await eventually({ try await client.call("health") }) { $0["status"]?.stringValue == "ok" }
                    for _ in 0..<3 {
                        let order = try await scene.offeredOrder()
                        #expect(try await client.listedOrders(scene.master).contains(order))
                        let answer = try await client.accept(order, by: scene.master)
                        #expect(answer["alreadyAccepted"] == .bool(false), "\(answer)")
                        #expect(try await client.call("health")["status"]?.stringValue == "ok")
                    }
                }
            }
            try await database.sql("DROP OWNED BY \(role); DROP ROLE \(role)")
        }
    }

    @Test("databases in other encodings", arguments: ["SQL_ASCII", "KOI8R", "WIN1251", "ISO_8859_5"])
    func encodings(encoding: String) async throws {
        // One-byte encodings have no smiley.
        let texts = encoding == "SQL_ASCII" ? [:] : ["😀": ")"]
        try await TestDatabase.withDatabase(.g3) { (database) async throws in
            let name = "\(database.name)_\(encoding.lowercased())"
            let fixture = try texts.reduce(ConformanceCase.text(of: "fixture.sql")) {
                $0.replacing($1.key, with: $1.value)
            }
            try await database.server.sql("CREATE DATABASE \(name) ENCODING '\(encoding)' TEMPLATE template0")
            try await database.server.sql(Schema.sql, database: name)
            try await database.server.sql(fixture, database: name)
            let connection = database.connectionString.replacing("'\(database.name)'", with: "'\(name)'")
            try await ConformanceTests.run(Self.files, connection, replacing: texts)
            try await database.server.sql("DROP DATABASE \(name) WITH (FORCE)")
        }
    }
}
