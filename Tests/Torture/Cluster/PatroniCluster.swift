import Deadlines
import Foundation
import Glibc
import NIOPosix
import Postgres

/// A cluster that Debian's Patroni and etcd keep, made by the page's files and commands. Three machines have a member
/// of etcd, and the first two, or all of them, a Postgres.
struct PatroniCluster: Sendable {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let machines: [Machine]
    /// Those with a Postgres.
    let nodes: [Machine]
    let page: GuidePage
    private let loops: MultiThreadedEventLoopGroup

    /// Makes one, and waits until all its standbys follow the primary.
    static func make(nodes count: Int) async throws -> PatroniCluster {
        let machines = (1...3).map { Machine(number: $0) }
        let cluster = PatroniCluster(
            machines: machines, nodes: Array(machines.prefix(count)), page: try GuidePage(),
            loops: MultiThreadedEventLoopGroup(numberOfThreads: 24))
        try await Laboratory.prepare(machines)
        try await cluster.writeFiles()
        for machine in machines { try await cluster.startEtcd(on: machine) }
        for node in cluster.nodes { try await cluster.startPatroni(on: node) }
        guard try await cluster.becomesWhole(within: .seconds(120)) else {
            throw Failure(description: "the cluster did not come up: \(cluster.logs)")
        }
        return cluster
    }

    /// The page names two machines with a Postgres; the test's passwords are those of the page.
    private func withAllNodes(_ text: String) -> String {
        let names = nodes.map(\.name)
        return text.replacingOccurrences(of: "host=db1,db2", with: "host=\(names.joined(separator: ","))")
            .replacingOccurrences(of: "in db1 db2", with: "in \(names.joined(separator: " "))")
            .replacingOccurrences(of: "user=offersd", with: "user=\(Audit.role)")
    }

    private func writeFiles() async throws {
        try await Programs.shell(
            withAllNodes(try page.commands("Certificates", with: "openssl")), in: Laboratory.folder)
        let authority = try String(contentsOfFile: "\(Laboratory.folder)/ca.crt", encoding: .utf8)
        try authority.write(toFile: "/etc/offersd/ca.crt", atomically: true, encoding: .utf8)
        let database = withAllNodes(try page.file("/etc/offersd/database.conf"))
        try database.write(toFile: "/etc/offersd/database.conf", atomically: true, encoding: .utf8)
        for node in nodes {
            for (suffix, file) in [("crt", "server.crt"), ("key", "server.key")] {
                let text = try String(contentsOfFile: "\(Laboratory.folder)/\(node.name).\(suffix)", encoding: .utf8)
                try await node.write(text, to: "patroni/\(file)")
            }
            try await node.write(authority, to: "patroni/ca.crt", mode: 0o644)
            var settings = try page.file("/etc/patroni/config.yml", of: node.name)
            // What takes seconds is made as short as Patroni works with, so that a round is short.
            for (name, value) in [("ttl", "6"), ("loop_wait", "1"), ("retry_timeout", "2")] {
                settings = settings.replacing(try Regex("(?m)^(    \(name): )\\d+$"), maxReplacements: 1) { match in
                    "\(match.output[1].substring ?? "")\(value)"
                }
            }
            try await node.write(settings, to: "patroni/config.yml")
            try await node.write(try page.file("/etc/patroni/pgpass"), to: "patroni/pgpass")
            try await node.write(withAllNodes(try page.file("/etc/patroni/fence")), to: "patroni/fence", mode: 0o755)
        }
    }

    // MARK: Its programs

    func startEtcd(on machine: Machine) async throws {
        let settings = try page.file("/etc/default/etcd", of: machine.name).split(separator: "\n")
            .filter { !$0.hasPrefix("#") }.map { $0.prefix { $0 != " " && $0 != "#" } }
        try await machine.start(
            "env \(settings.joined(separator: " ")) ETCD_DATA_DIR=/var/lib/etcd/default /usr/bin/etcd", log: "etcd")
    }

    func startPatroni(on node: Machine) async throws {
        try await node.start("/usr/bin/patroni /etc/patroni/config.yml", log: "patroni")
    }

    /// The last lines of all logs.
    var logs: String {
        nodes.map { node in
            let text = (try? String(contentsOfFile: "\(node.folder)/log/patroni", encoding: .utf8)) ?? ""
            return "\(node.name):\n" + text.split(separator: "\n").suffix(12).joined(separator: "\n")
        }.joined(separator: "\n")
    }

    /// How often old primaries were brought back by pg_rewind.
    var rewinds: Int {
        nodes.map { node in
            let text = (try? String(contentsOfFile: "\(node.folder)/log/patroni", encoding: .utf8)) ?? ""
            return text.components(separatedBy: "pg_rewind exit code=0").count - 1
        }.reduce(0, +)
    }

    // MARK: Its database

    /// How offersd is told of it, in the two forms of the page.
    func connections() throws -> [(database: String, environment: [String: String])] {
        let settings = withAllNodes(try page.file("/etc/offersd/offersd.env"))
        guard let line = settings.split(separator: "\n").first(where: { $0.hasPrefix("OFFERSD_DATABASE=") }) else {
            throw GuidePage.Missing(description: "systemd/two-machines.md does not set OFFERSD_DATABASE")
        }
        let text = line.drop { $0 != "\"" }.dropFirst().prefix { $0 != "\"" }
        return [(String(text), [:]), ("service=offers", ["PGSERVICEFILE": "/etc/offersd/database.conf"])]
    }

    /// A session of the superuser on the primary, or on a certain machine.
    func session(on node: Machine? = nil, database: String = "offers") -> SQLSession {
        let hosts = (node.map { [$0] } ?? nodes).map(\.name).joined(separator: ",")
        let attributes = node == nil ? " target_session_attrs=read-write" : ""
        // A machine whose cable is out is given up after three seconds.
        return SQLSession(
            "host=\(hosts) user=postgres password=change-me-1 dbname=\(database) sslmode=verify-full "
                + "sslrootcert=/etc/offersd/ca.crt tcp_user_timeout=3000 keepalives_idle=1 keepalives_interval=1 "
                + "keepalives_count=3" + attributes, on: loops.next())
    }

    /// The machine whose Postgres takes writes; nil if there is none.
    func primary() async -> Machine? {
        guard case .rows(let rows) = await session(database: "postgres").run("SELECT host(inet_server_addr())") else {
            return nil
        }
        return nodes.first { $0.address == rows.first?.first }
    }

    /// Waits until the primary has all standbys again, and Patroni knows which of them commits wait for. Returns
    /// whether that came about.
    func becomesWhole(within limit: Duration) async throws -> Bool {
        let session = session(database: "postgres")
        let end = MonotonicTime.now().advanced(by: limit)
        while MonotonicTime.now() < end {
            if case .rows(let rows) = await session.run(
                """
                SELECT count(*) FILTER (WHERE state = 'streaming'), min(application_name) FILTER (WHERE sync_state = 'sync')
                FROM pg_stat_replication WHERE application_name LIKE 'db_'
                """), rows.first?[0] == "\(nodes.count - 1)", let name = rows.first?[1],
                await isAgreed("\"sync_standby\":\"\(name)\"")
            {
                return true
            }
            try await Task.sleep(for: .milliseconds(200))
        }
        return false
    }

    /// Whether etcd has this in its entry about the synchronous standby.
    private func isAgreed(_ text: String) async -> Bool {
        let members = machines.map { "http://\($0.name):2379" }.joined(separator: ",")
        let entry = try? await Programs.shell(
            "ETCDCTL_API=2 timeout 3 etcdctl --endpoints \(members) get /service/offers/sync")
        return entry?.contains(text) == true
    }

    /// Waits until all is as it was.
    ///
    /// - Throws: ``Failure`` after two minutes, with the logs.
    func waitUntilWhole() async throws {
        guard try await becomesWhole(within: .seconds(120)) else {
            throw Failure(description: "the cluster did not become whole again")
        }
    }

    /// The machine that commits wait for.
    func synchronousStandby() async throws -> Machine? {
        let rows = try await session(database: "postgres").rows(
            "SELECT application_name FROM pg_stat_replication WHERE sync_state = 'sync'")
        return nodes.first { $0.name == rows.first?.first }
    }

    /// Runs a command of the page's that talks to Patroni, from a machine where it can.
    @discardableResult
    private func control(_ commands: String) async throws -> String { try await nodes[0].run(commands) }

    /// The page's switchover.
    func switchOver() async throws {
        let answer = try await control(try page.commands("A switchover", with: "switchover"))
        // It says so, and ends well, when it was refused.
        guard answer.contains("Successfully switched over") else { throw Failure(description: answer) }
    }

    func setStrict(_ isStrict: Bool) async throws {
        let command = try page.commands("Without a standby", with: "edit-config")
        try await control(command.replacingOccurrences(of: "strict=true", with: "strict=\(isStrict)"))
    }
}
