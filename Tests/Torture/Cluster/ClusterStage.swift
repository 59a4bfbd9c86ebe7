import JSONRPC
import Offers
import Postgres
import SystemPackage
import TestDatabase

/// A cluster with everything that is written down, and two processes of offersd on it, each told of it in another form.
struct ClusterStage: Sendable {
    let cluster: PatroniCluster
    let services: [ServiceProcess]
    let cast: Cast
    /// A session of the superuser on the primary, for what is done between rounds.
    let control: SQLSession

    /// Lends one. Services are in the order of the seed.
    ///
    /// - Parameter offersd: The path of the program; nil: the one of this build.
    static func run<Value: Sendable>(
        nodes: Int, seed: UInt64, offersd: String?, _ body: @Sendable (ClusterStage) async throws -> Value
    ) async throws -> (value: Value, endings: [ServiceProcess.Ending]) {
        let cluster = try await PatroniCluster.make(nodes: nodes)
        let control = cluster.session()
        let cast = try await makeDatabase(cluster, control)
        var generator = SeededGenerator(seed: seed, participant: 3000)
        let connections = try cluster.connections().shuffled(using: &generator)
        let first = try await ServiceProcess.run(
            socket: "\(Laboratory.folder)/offers0.sock", database: connections[0].database,
            environment: connections[0].environment, program: offersd
        ) { one in
            try await ServiceProcess.run(
                socket: "\(Laboratory.folder)/offers1.sock", database: connections[1].database,
                environment: connections[1].environment, program: offersd
            ) { other in
                let stage = ClusterStage(cluster: cluster, services: [one, other], cast: cast, control: control)
                for service in stage.services { try await untilHealthy(service.socket) }
                return try await body(stage)
            }
        }
        return (first.value.value, first.value.endings + first.endings)
    }

    private static func makeDatabase(_ cluster: PatroniCluster, _ control: SQLSession) async throws -> Cast {
        _ = try await cluster.session(database: "postgres").rows("CREATE DATABASE offers")
        // A standby that has not heard of it yet refuses, and libpq then asks no other server.
        while case .lost = await control.run("SELECT 1") { try await Task.sleep(for: .milliseconds(50)) }
        let schema = try await Programs.run([try Programs.built("offersd").string, "schema"])
        _ = try await control.rows(schema)
        _ = try await control.rows(Audit.sql)
        _ = try await control.rows(Witness.sql)
        // The password of the page's role.
        _ = try await control.rows("ALTER ROLE \(Audit.role) PASSWORD 'change-me-4'")
        let overrides = Cast.overrides.map { $0.map(String.init) ?? "NULL" }.joined(separator: ", ")
        let ids = try await control.rows(
            """
            INSERT INTO cities (name, timezone) VALUES ('Testville', 'Europe/Moscow');
            DELETE FROM settings WHERE key = 'max_active_orders';
            INSERT INTO settings (key, value) VALUES ('max_active_orders', '\(Cast.usualLimit)');
            INSERT INTO masters (full_name, is_active, is_blocked, is_deleted, verified, moderation_status, shift_status,
                max_active_orders_override)
            SELECT 'Test Master', true, false, false, true, 'APPROVED', 'SHIFT_ON', o
            FROM unnest(ARRAY[\(overrides)]::integer[]) WITH ORDINALITY AS u (o, n) ORDER BY n
            RETURNING id
            """)
        return Cast(ids.compactMap { $0[0].flatMap { Int($0) } })
    }

    private static func untilHealthy(_ socket: String) async throws {
        try await Client.withConnection(to: socket) { client in
            let offers = OffersClient(client, deadline: .seconds(60))
            _ = try await eventually {
                try await offers.health()
            } until: {
                $0.status == .ok && $0.database.connections >= 11
            }
        }
    }

    /// Forgets the orders of a round.
    func clear() async throws {
        _ = try await control.rows(
            "TRUNCATE orders, offers, order_status_history, audit.changes, audit.witness CASCADE")
    }
}
