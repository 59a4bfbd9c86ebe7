import Foundation
import Glibc
import Subprocess
import SystemPackage

/// A machine of a cluster: a name, a network and folders of its own. Its processes are those in its network namespace.
///
/// All of it lies in the namespaces of a `Laboratory`, and goes with them.
struct Machine: Sendable, Hashable {
    /// From 1.
    let number: Int

    var name: String { "db\(number)" }
    var address: String { "\(Laboratory.network).\(number)" }
    /// What is its own, as others see it.
    var folder: String { "\(Laboratory.folder)/\(name)" }
    /// Its Postgres's files, as others see them.
    var dataFolder: String { "\(folder)/postgresql/15/offers" }

    /// Makes it, with nothing that runs. (A process holds its mount and UTS namespaces.)
    func make() async throws {
        try await Programs.shell(
            """
            mkdir -p \(folder)/postgresql \(folder)/patroni \(folder)/etcd \(folder)/run \(folder)/log
            chown -R postgres:postgres \(folder)
            ip netns add \(name)
            ip link add \(name) type veth peer name eth0 netns \(name)
            ip link set \(name) master \(Laboratory.bridge) up
            ip -n \(name) link set lo up
            ip -n \(name) addr add \(address)/24 dev eth0
            ip -n \(name) link set eth0 up
            mkdir -p /etc/patroni /var/lib/etcd /run/postgresql
            unshare --mount --uts sh -c '
                hostname \(name)
                mount --bind \(folder)/postgresql /var/lib/postgresql
                mount --bind \(folder)/patroni /etc/patroni
                mount --bind \(folder)/etcd /var/lib/etcd
                mount --bind \(folder)/run /run/postgresql
                echo $$ >\(folder)/holder
                exec sleep infinity' >/dev/null 2>&1 </dev/null &
            until [ -s \(folder)/holder ]; do sleep 0.01; done
            """)
    }

    /// Writes a file that belongs to the user `postgres`.
    func write(_ text: String, to file: String, mode: Int = 0o600) async throws {
        let path = "\(folder)/\(file)"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        try await Programs.shell("chown postgres:postgres \(path); chmod \(String(mode, radix: 8)) \(path)")
    }

    /// Runs commands on it as the user `postgres`, to their end. Returns what they print.
    @discardableResult
    func run(_ commands: String) async throws -> String {
        try await Programs.run(try await inside() + ["bash", "-euo", "pipefail", "-c", commands])
    }

    /// Starts a program on it as the user `postgres`. Its output goes to `log`.
    func start(_ command: String, log: String) async throws {
        let command = "exec \(command) >>\(folder)/log/\(log) 2>&1 </dev/null"
        try await Programs.run(try await inside() + ["setsid", "--fork", "sh", "-c", command])
    }

    private func inside() async throws -> [String] {
        let holder = try String(contentsOfFile: "\(folder)/holder", encoding: .utf8)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        return [
            try Programs.installed("nsenter").string, "--net=/run/netns/\(name)", "--mount=/proc/\(holder)/ns/mnt",
            "--uts=/proc/\(holder)/ns/uts", "setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups",
            "env", "HOME=/var/lib/postgresql", "LC_ALL=C.UTF-8",
        ]
    }

    // MARK: What happens to it

    /// The processes on it, with their command lines.
    private var processes: [(id: Int32, command: String)] {
        var network = stat()
        guard stat("/run/netns/\(name)", &network) == 0 else { return [] }
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return entries.compactMap { Int32($0) }.compactMap { id in
            var own = stat()
            guard stat("/proc/\(id)/ns/net", &own) == 0, own.st_ino == network.st_ino else { return nil }
            let data = FileManager.default.contents(atPath: "/proc/\(id)/cmdline") ?? Data()
            return (id, String(decoding: data, as: UTF8.self).replacingOccurrences(of: "\0", with: " "))
        }
    }

    /// Sends a signal to its processes, or to those whose command line has `word` in it. Processes that these start
    /// meanwhile get it, too.
    ///
    /// - Throws: When there are none.
    func send(_ signal: Int32, to word: String? = nil) throws {
        var done: Set<Int32> = []
        while true {
            let new = processes.filter { !done.contains($0.id) && (word.map($0.command.contains) ?? true) }
            if new.isEmpty { break }
            for process in new {
                kill(process.id, signal)
                done.insert(process.id)
            }
        }
        if done.isEmpty { throw PatroniCluster.Failure(description: "\(name) has no process \(word ?? "")") }
    }

    /// The process of its Postgres's that starts all others; nil if there is none.
    var postmaster: Int32? {
        let text = try? String(contentsOfFile: "\(dataFolder)/postmaster.pid", encoding: .utf8)
        return text?.split(separator: "\n").first.flatMap { Int32($0) }
    }

    /// Pulls the cable out, or puts it in.
    func connect(_ isConnected: Bool) async throws {
        try await Programs.shell("ip link set \(name) \(isConnected ? "up" : "down")")
    }

    /// Cuts the way between it and `others`, or opens it: packets are sent to an address that no card has, and are lost
    /// without an error.
    func cutOff(from others: [Machine], _ isCutOff: Bool) async throws {
        for (one, other) in others.flatMap({ [(self, $0), ($0, self)] }) {
            let entry = "\(other.address) dev eth0"
            try await Programs.shell(
                isCutOff
                    ? "ip -n \(one.name) neigh replace \(entry) lladdr 02:00:00:00:00:fe nud permanent"
                    : "ip -n \(one.name) neigh del \(entry)")
        }
    }
}

extension Programs {
    /// Runs commands as root, to their end. Returns what they print.
    @discardableResult
    static func shell(_ commands: String, in folder: String = "/") async throws -> String {
        try await run([try installed("bash").string, "-euo", "pipefail", "-c", "cd \(folder)\n\(commands)"])
    }
}
