import EmbeddedPostgres
import Foundation
import JSONRPC
import Subprocess
import TestDatabase
import Testing
import Turns

/// A real primary, a real synchronous standby that is promoted, and two real processes of the service: one that is used
/// meanwhile, and one that is asked nothing. Whatever form the address has, no list or card shows what was accepted.
@Suite("Another primary", .inTurn)
struct FailoverTests {
    /// How the service is told where the servers are.
    enum Form: String, CaseIterable {
        case hosts = "host=A,S"
        case hostsWithAttributes = "host=S,A target_session_attrs=read-write"
        case uri = "postgresql:///…?host=A,S"
        case environment = "PGHOST=A,S"
        case service = "service=… of a service file, with target_session_attrs"
        case serviceVariable = "PGSERVICE=…, without target_session_attrs"
        case movedAddress = "one folder of sockets, which becomes another"
    }

    /// What happens to the old primary.
    enum Fate: String, CaseIterable {
        /// It is made read-only, and its connections stay open.
        case fenced
        /// It is frozen for longer than the promotion takes, and wakes up.
        case frozen
        /// It is frozen, and does not wake up.
        case silent
    }

    @Test(
        "no list or card shows an order that was accepted on the new primary", arguments: Form.allCases, Fate.allCases)
    func neverStale(form: Form, fate: Fate) async throws {
        try await withPair { (database, standby) async throws in
            let scene = try await Scene(database)
            let orders = [try await scene.offeredOrder(toRival: true), try await scene.offeredOrder(toRival: true)]
            try await withProcesses(form, database, standby) { (used, idle, move) async throws in
                for service in [used, idle] {
                    #expect(try await service.listed(scene.master) == Set(orders))
                    _ = try await service.accept(try await scene.offeredOrder(), by: scene.master)
                }
                switch fate {
                case .fenced:
                    try await database.sql("ALTER SYSTEM SET default_transaction_read_only = on")
                    try await database.sql("SELECT pg_reload_conf()")
                case .frozen, .silent: try await database.server.pause()
                }
                try await standby.sql("SELECT pg_promote()")
                try move()
                try await used.accept(orders[0], by: scene.rival)
                if fate == .frozen { try await database.server.resume() }
                for _ in 0..<50 {
                    for service in [idle, used] {
                        #expect(try await !service.listed(scene.master).contains(orders[0]))
                        let card = try await service.client.card(orders[0], for: scene.master)
                        #expect(card.reason == "ORDER_TAKEN" || card.error?.retryable == true, "\(card)")
                    }
                }
                try await idle.accept(orders[1], by: scene.master)
                #expect(try await used.listed(scene.rival).isEmpty)
                #expect(try await used.health(isAtLeastOnce: "ok"))
            }
            let rows = try await standby.sql(
                "SELECT count(*) FROM orders WHERE assigned_master_id IS NOT NULL", database: database.name)
            #expect(rows == ["4"])
            if fate == .silent { try await database.server.resume() }
        }
    }

    @Test("a single standby serves nothing, health says why, and it is used when it is promoted")
    func singleStandby() async throws {
        try await withPair { (database, standby) async throws in
            let scene = try await Scene(database)
            let order = try await scene.offeredOrder()
            let only = "host=\(standby.folder) port=5432 user=postgres dbname=\(database.name)"
            try await RunningService.run(on: only) { (service) async throws in
                try await service.withClient { (client) async throws in
                    for answer in [
                        try await client.list(scene.master), try await client.card(order, for: scene.master),
                        try await client.accept(order, by: scene.master),
                    ] { #expect(answer.reason == "DATABASE_UNAVAILABLE", "\(answer)") }
                    let health = try await eventually({ try await client.call("health") }) {
                        "\($0)".contains("in recovery")
                    }
                    #expect(health["status"]?.stringValue == "down", "\(health)")
                    try await standby.sql("SELECT pg_promote()")
                    _ = try await eventually({ try await client.accept(order, by: scene.master) }) { $0.error == nil }
                    #expect(try await client.listedOrders(scene.master).isEmpty)
                }
            }
        }
    }

    // MARK: The stage

    private func withPair(
        _ body: (TestDatabase, EmbeddedPostgres.Server) async throws -> Void
    ) async throws {
        try await TestDatabase.withServer(.g3, options: .init(settings: Standby.primarySettings)) { database in
            try await Standby.run(of: database.server) { standby in try await body(database, standby) }
        }
    }

    /// A process of the service, and what is asked of it.
    private struct Service: Sendable {
        let client: TestClient

        /// The orders in a master's list; asks again while there is no list.
        func listed(_ master: Int) async throws -> Set<Int> {
            let answer = try await eventually({ try await client.list(master) }) {
                $0.error == nil || $0.error?.retryable == false
            }
            #expect(answer.error == nil, "\(answer)")
            return Set((answer["offers"]?.elements ?? []).compactMap { $0["orderId"]?.int64Value.map(Int.init) })
        }

        /// Accepts; asks again while that has no outcome.
        func accept(_ order: Int, by master: Int) async throws {
            let answer = try await eventually({ try await client.accept(order, by: master) }) {
                $0.error == nil || $0.error?.retryable == false
            }
            #expect(answer.error == nil, "\(answer)")
        }

        func health(isAtLeastOnce status: String) async throws -> Bool {
            let health = try await eventually({ try await client.call("health") }) {
                $0["status"]?.stringValue == status
            }
            return health["status"]?.stringValue == status
        }
    }

    /// Runs two processes that are told of the servers in this form. The last argument of `body` moves the address,
    /// where the form has one that moves.
    private func withProcesses(
        _ form: Form, _ database: TestDatabase, _ standby: EmbeddedPostgres.Server,
        _ body: @Sendable (Service, Service, @Sendable () throws -> Void) async throws -> Void
    ) async throws {
        let (a, s) = (database.server.folder, standby.folder)
        let rest = "port=5432 user=postgres dbname=\(database.name)"
        try await OffersdProcess.withFolder { folder in
            let link = folder + "/postgres"
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: a)
            let services = folder + "/services.conf"
            let attributes = form == .service ? "target_session_attrs=read-write\n" : ""
            let lines = "[offers]\nhost=\(a),\(s)\n\(attributes)\(rest.replacing(" ", with: "\n"))\n"
            try Data(lines.utf8).write(to: URL(fileURLWithPath: services))
            let (database, environment): (String, [Environment.Key: String]) =
                switch form {
                case .hosts: ("host=\(a),\(s) \(rest)", [:])
                case .hostsWithAttributes: ("host=\(s),\(a) \(rest) target_session_attrs=read-write", [:])
                case .uri: ("postgresql://postgres@/\(database.name)?host=\(a),\(s)&port=5432", [:])
                case .environment: (rest, ["PGHOST": "\(a),\(s)"])
                case .service: ("service=offers", ["PGSERVICEFILE": services])
                case .serviceVariable: ("", ["PGSERVICEFILE": services, "PGSERVICE": "offers"])
                case .movedAddress: ("host=\(link) \(rest)", [:])
                }
            let move: @Sendable () throws -> Void = {
                guard form == .movedAddress else { return }
                try FileManager.default.removeItem(atPath: link)
                try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: s)
            }
            try await withProcess(folder + "/used.sock", database, environment) { used in
                try await withProcess(folder + "/idle.sock", database, environment) { idle in
                    try await body(used, idle, move)
                }
            }
        }
    }

    private func withProcess(
        _ socket: String, _ database: String, _ environment: [Environment.Key: String],
        _ body: @Sendable (Service) async throws -> Void
    ) async throws {
        let arguments = ["serve", "--socket", socket] + (database.isEmpty ? [] : ["--database", database])
        try await OffersdProcess.run(in: socket, arguments, environment: environment, sockets: 1) { _ in
            try await Client.withConnection(to: socket) { client in
                try await body(Service(client: TestClient(client: client)))
            }
        }
    }
}
