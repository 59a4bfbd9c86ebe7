import Deadlines
import Glibc
import Postgres

/// What happens to a cluster while clients are at work.
enum Incident: String, Sendable, CaseIterable {
    /// The operator gives the primary's part to the standby, and back.
    case switchover
    /// The primary's postmaster is killed.
    case postmasterKilled
    /// Everything on the primary's machine is killed, and started again when another one is the primary.
    case nodeKilled
    /// Everything on the primary's machine stands still for longer than its lease, and goes on when another one is the
    /// primary. One service is asked nothing meanwhile.
    case nodeFrozen
    /// The primary's machine reaches neither the others nor their etcd, while clients reach it.
    case primaryCutOff
    /// The primary's machine is silent: its cable is out.
    case nodeSilent
    /// The synchronous standby is killed, and started again.
    case standbyLost
    /// All standbys are killed, and started again, where commits shall wait for one.
    case standbyLostStrict
    /// Patroni on the primary's machine hangs, another one is promoted and fences it; its connections stay open.
    case primaryFenced
    /// All members of etcd are killed, and started again.
    case etcdLost

    /// The service that is asked nothing meanwhile.
    static let spared = 1

    /// Makes it happen, and returns when the cluster takes writes again and what was done to it is undone. It may lack
    /// standbys.
    func happen(to cluster: PatroniCluster, _ witness: Witness, _ board: Board, _ generator: inout SeededGenerator)
        async throws
    {
        let number = witness.machine
        guard let primary = cluster.nodes.first(where: { $0.number == number }) else {
            throw PatroniCluster.Failure(description: "no machine took writes before \(rawValue)")
        }
        let others = cluster.nodes.filter { $0 != primary }
        let began = MonotonicTime.now()
        let isOther: (Int) -> Bool = { $0 != primary.number }
        let rest = Duration.milliseconds(Int.random(in: 200...1500, using: &generator))
        switch self {
        case .switchover:
            try await cluster.switchOver()
            try await witness.confirms(since: began, by: isOther)
            try await cluster.waitUntilWhole()
            try await Task.sleep(for: rest)
            let back = MonotonicTime.now()
            let second = witness.machine
            try await cluster.switchOver()
            try await witness.confirms(since: back) { $0 != second }
        case .postmasterKilled:
            guard let postmaster = primary.postmaster else { break }
            kill(postmaster, SIGKILL)
            try await witness.confirms(since: MonotonicTime.now().advanced(by: .milliseconds(300)))
        case .nodeKilled:
            try primary.send(SIGKILL)
            try await witness.confirms(since: began, by: isOther)
            try await Task.sleep(for: rest)
            try await start(primary, cluster)
        case .nodeFrozen:
            board.spare(Incident.spared)
            // It has been idle for a moment before.
            try await Task.sleep(for: .milliseconds(300))
            try primary.send(SIGSTOP)
            try await witness.confirms(since: .now(), by: isOther)
            try await Task.sleep(for: rest)
            board.spare(Incident.spared, false)
            try primary.send(SIGCONT)
        case .primaryCutOff:
            let away = cluster.machines.filter { $0 != primary }
            try await primary.cutOff(from: away, true)
            try await witness.confirms(since: began, by: isOther)
            try await Task.sleep(for: rest)
            try await primary.cutOff(from: away, false)
        case .nodeSilent:
            try await primary.connect(false)
            try await witness.confirms(since: began, by: isOther)
            try await Task.sleep(for: rest)
            try await primary.connect(true)
        case .standbyLost:
            let standby = try await cluster.synchronousStandby() ?? others[0]
            try standby.send(SIGKILL)
            try await Task.sleep(for: .milliseconds(500))
            try await witness.confirms(since: .now())
            try await Task.sleep(for: rest)
            try await start(standby, cluster)
        case .standbyLostStrict:
            try await cluster.setStrict(true)
            try await Task.sleep(for: .seconds(2))
            // Not etcd: a primary that has lost that waits for nothing, but takes no writes.
            for standby in others {
                try standby.send(SIGKILL, to: "/usr/bin/patroni")
                try standby.send(SIGKILL, to: "postgres")
            }
            // So long that health has to tell.
            try await Task.sleep(for: .seconds(8))
            for standby in others { try await cluster.startPatroni(on: standby) }
            try await witness.confirms(since: .now())
            try await cluster.setStrict(false)
        case .primaryFenced:
            try primary.send(SIGSTOP, to: "/usr/bin/patroni")
            try await witness.confirms(since: .now(), by: isOther)
            try await Task.sleep(for: .milliseconds(2500))
            try primary.send(SIGCONT, to: "/usr/bin/patroni")
        case .etcdLost:
            for machine in cluster.machines { try machine.send(SIGKILL, to: "/usr/bin/etcd") }
            // So long that the primary's lease has run out.
            try await Task.sleep(for: .seconds(8))
            for machine in cluster.machines { try await cluster.startEtcd(on: machine) }
            try await witness.confirms(since: .now())
        }
    }

    private func start(_ node: Machine, _ cluster: PatroniCluster) async throws {
        try await cluster.startEtcd(on: node)
        try await cluster.startPatroni(on: node)
    }
}
