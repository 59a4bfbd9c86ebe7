import Deadlines
import EmbeddedPostgres
import NIOPosix
import Offers
import Postgres
import TestDatabase

/// Where a run takes place: a cluster with everything that is written down, and real processes of offersd on it.
struct Stage: Sendable {
    /// What stands between offersd and the database.
    enum Way: String, Sendable, CaseIterable {
        case direct
        /// PgBouncer with transaction pooling, of which the services are not told.
        case pooler
        /// A primary with a standby, both in the connection string.
        case standby
        /// A proxy that turns the COMMIT of some connections into ROLLBACK.
        case rolledBackCommits
        /// A proxy that loses claims, whose backends live on and carry them out later if nothing ends them.
        case orphans
        /// `default_transaction_isolation` is serializable.
        case serializable
    }

    /// How the stage is set up.
    struct Options: Sendable {
        var way = Way.direct
        var services = 2
        var readDeadline = Duration.seconds(10)
        var writeDeadline = Duration.seconds(10)
        /// Further arguments of `offersd serve`.
        var arguments: [String] = []
    }

    let options: Options
    let database: TestDatabase
    let standby: EmbeddedPostgres.Server?
    let services: [ServiceProcess]
    let masters: [Int]
    /// Masters with room for one order, for `Duel`.
    let duelists: [Int]
    let limits: [Int: Int]
    /// A session of the superuser, for the one who directs.
    let control: SQLSession
    /// Makes sessions for other writers.
    let makeSession: @Sendable () -> SQLSession

    /// Lends a stage; `body` reads what it needs for the evidence by ``evidence(_:)``.
    static func run<Value: Sendable>(
        _ options: Options, _ body: @Sendable (Stage) async throws -> Value
    ) async throws -> (value: Value, endings: [ServiceProcess.Ending]) {
        // fsync is off: what was committed survives a crash of Postgres all the same, for the machine goes on.
        var settings: [EmbeddedPostgres.Options.Setting] = [
            ("synchronous_commit", "on"), ("max_connections", "200"), ("deadlock_timeout", "100ms"),
        ]
        if options.way == .standby { settings += Standby.primarySettings }
        return try await TestDatabase.withServer(.g3, options: .init(settings: settings)) { database in
            try await database.sql(Audit.sql)
            try await database.insert(CityRow(name: "Testville"))
            let ids = try await database.insert(Cast.overrides.map { MasterRow(maxActiveOrdersOverride: $0) })
            try await database.setSetting("max_active_orders", to: "\(Cast.usualLimit)")
            let cast = Cast(ids)
            if options.way == .serializable {
                try await database.sql(
                    "ALTER DATABASE \(database.name) SET default_transaction_isolation = 'serializable'")
            }
            let loops = MultiThreadedEventLoopGroup(numberOfThreads: 8)
            return try await Programs.withFolder { folder in
                try await throughWay(options, database, folder) { (connectionString, standby) in
                    let hosts = database.server.folder + (standby.map { "," + $0.folder } ?? "")
                    let makeSession: @Sendable () -> SQLSession = {
                        SQLSession(
                            "host=\(hosts) port=\(EmbeddedPostgres.Server.port) user=postgres dbname=\(database.name) "
                                + "target_session_attrs=read-write", on: loops.next())
                    }
                    return try await runServices(options, connectionString, folder, []) { services in
                        try await body(
                            Stage(
                                options: options, database: database, standby: standby, services: services,
                                masters: cast.masters, duelists: cast.duelists, limits: cast.limits,
                                control: makeSession(),
                                makeSession: makeSession))
                    }
                }
            }
        }
    }

    private static func throughWay<Value: Sendable>(
        _ options: Options, _ database: TestDatabase, _ folder: String,
        _ body: @Sendable (String, EmbeddedPostgres.Server?) async throws -> Value
    ) async throws -> Value {
        let server = database.server
        let rest = " port=\(EmbeddedPostgres.Server.port) user=\(Audit.role) dbname=\(database.name)"
        switch options.way {
        case .direct, .serializable:
            return try await body("host=\(server.folder)" + rest, nil)
        case .pooler:
            return try await Pooler.run(before: server, database: database.name, role: Audit.role, in: folder) {
                try await body($0, nil)
            }
        case .standby:
            return try await Standby.run(of: server) { standby in
                try await body("host=\(server.folder),\(standby.folder)" + rest, standby)
            }
        case .rolledBackCommits:
            return try await FaultProxy.withProxy(to: database) { proxy in
                for occurrence in [2, 5, 9] {
                    proxy.inject(
                        .rewrite("COMMIT", to: "ROLLBACK"), on: .parse(containing: "COMMIT"), occurrence: occurrence)
                }
                return try await body(proxy.connectionString, nil)
            }
        case .orphans:
            return try await FaultProxy.withProxy(to: database) { proxy in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { await makeOrphans(proxy) }
                    defer { group.cancelAll() }
                    return try await body(proxy.connectionString, nil)
                }
            }
        }
    }

    private static func makeOrphans(_ proxy: FaultProxy) async {
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                let orphan = proxy.inject(.orphan, on: .execute(containing: "BEGIN"), occurrence: 3)
                await orphan.occurred()
                proxy.heal()
                group.addTask {
                    // Time for a refusal, and for what would make it wrong if the orphan could still do its work.
                    try? await Task.sleep(for: .milliseconds(Int.random(in: 5...80)))
                    await orphan.release()
                }
            }
        }
    }

    private static func runServices<Value: Sendable>(
        _ options: Options, _ database: String, _ folder: String, _ services: [ServiceProcess],
        _ body: @Sendable ([ServiceProcess]) async throws -> Value
    ) async throws -> (value: Value, endings: [ServiceProcess.Ending]) {
        guard services.count < options.services else { return (try await body(services), []) }
        let arguments = [
            "--read-deadline-ms", "\(options.readDeadline.wholeMilliseconds)",
            "--write-deadline-ms", "\(options.writeDeadline.wholeMilliseconds)",
        ]
        let run = try await ServiceProcess.run(
            socket: "\(folder)/offers\(services.count).sock", database: database,
            arguments + options.arguments
        ) { service in
            try await runServices(options, database, folder, services + [service], body)
        }
        return (run.value.value, run.value.endings + run.endings)
    }

    /// The changes and the final rows, when nothing writes any more; the rest is the board's.
    func evidence(_ board: Board) async throws -> Evidence {
        var evidence = try await Audit.evidence(board, control)
        evidence.terms.limits = limits
        evidence.terms.readDeadline = options.readDeadline
        evidence.terms.writeDeadline = options.writeDeadline
        return evidence
    }
}
