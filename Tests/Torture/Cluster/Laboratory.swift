import Foundation
import Glibc
import Subprocess
import SystemPackage

/// Namespaces in which clusters are made: processes, mounts and networks in them end with the process that began them,
/// however that ends, and leave nothing on this machine.
enum Laboratory {
    /// It cannot be made here.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    static let network = "10.27.0"
    static let bridge = "cluster"
    /// What machines have of their own; in memory.
    static let folder = "/run/cluster"

    /// Debian's packages, with a file of each, that must be there.
    private static let needed = [
        ("patroni", "/usr/bin/patroni"), ("etcd-server", "/usr/bin/etcd"),
        ("python3-etcd", "/usr/lib/python3/dist-packages/etcd"),
        ("postgresql-15", "/usr/lib/postgresql/15/bin/postgres"), ("iproute2", "/usr/sbin/ip"),
        ("openssl", "/usr/bin/openssl"),
    ]

    /// Why clusters cannot be made on this machine; nil if they can.
    static var obstacle: String? {
        let missing = needed.filter { access($0.1, F_OK) != 0 }.map(\.0)
        if !missing.isEmpty { return "not installed: \(missing.joined(separator: " "))" }
        if geteuid() != 0 { return "namespaces need root" }
        return nil
    }

    /// Runs this program with other arguments in new namespaces. Returns how it ended. What it prints goes where our
    /// output goes.
    static func run(_ arguments: [String]) async throws -> TerminationStatus {
        if let obstacle { throw Failure(description: "a cluster cannot be made here: \(obstacle)") }
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        // The shell is the first process of the namespace: it takes what others leave behind, and ends on Ctrl-C.
        let command =
            try Programs.withUs() + [
                try Programs.installed("unshare").string, "--mount", "--net", "--pid", "--fork", "--kill-child",
                "--mount-proc", "bash", "-c", "trap 'exit 130' INT TERM; \"$@\" & wait $!", "bash", own,
            ] + arguments
        return try await Subprocess.run(
            .path(FilePath(command[0])), arguments: Arguments(Array(command.dropFirst())), input: .none,
            output: .currentStandardOutput, error: .currentStandardError
        ).terminationStatus
    }

    /// Makes the folders and the network that all machines are in. Only in namespaces of `run`.
    static func prepare(_ machines: [Machine]) async throws {
        let names = machines.map { "\($0.address) \($0.name)\n" }.joined()
        try await Programs.shell(
            """
            mount -t tmpfs -o mode=755 tmpfs /run
            mkdir -p /run/netns \(folder) /run/postgresql
            printf '127.0.0.1 localhost\\n\(names)' >\(folder)/hosts
            mount --bind \(folder)/hosts /etc/hosts
            mkdir -p /etc/offersd
            mkdir \(folder)/offersd
            mount --bind \(folder)/offersd /etc/offersd
            ip link set lo up
            ip link add \(bridge) type bridge
            ip addr add \(network).100/24 dev \(bridge)
            ip link set \(bridge) up
            """)
        for machine in machines { try await machine.make() }
    }
}
