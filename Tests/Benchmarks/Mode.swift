import ArgumentParser

/// What can be measured.
enum Mode: String, CaseIterable, Codable, ExpressibleByArgument, Sendable {
    /// What the load generator can do: lists against a thread that answers each line with a fixed reply.
    case calibrate
    /// Lists, eight clients: 8 connections with 4 requests under way each, pgbench with 8 clients.
    case list
    /// Accepts, likewise, and with one request under way on each connection; every order once, and what was
    /// acknowledged is looked for in the database.
    case accept
    /// Lists, eight clients and at half of offersd's maximal load, alone and beside a steady stream of accepts; so it
    /// is with pgbench.
    case mixed
    /// Lists with 1, 8, 100 and 1000 connections, one request under way on each; so it is with pgbench.
    case connections
    /// Lists with 8 connections with 4 requests under way each, with 100 and with 1000 connections, in turns: what many
    /// connections cost. pgbench has no part in it.
    case scale
    /// One request at a time, and lists at half of offersd's maximal load.
    case latency
    /// Resident memory after the start, and at most while 1000 connections list.
    case memory
    /// From the start of the process until it listens.
    case ready
    /// What one list and one accept cost service and Postgres in processor, bytes and transactions, at a steady rate and
    /// at the highest; systemd/two-machines.md calculates with it. Not among those that run by default.
    case capacity
    /// Instructions of a list and of an accept, counted by valgrind. Not among those that run by default.
    case instructions

    /// What is measured when nothing is named.
    static let usual = allCases.filter { $0 != .instructions && $0 != .capacity }
}

extension Mode {
    /// Whether all subjects of a setting, whose first is `first`, have the same number of requests under way, so that
    /// their latencies can be compared.
    func isSameLoad(first: String) -> Bool {
        switch self {
        case .connections, .latency: true
        case .scale: false
        case .calibrate, .list, .accept, .mixed, .memory, .ready, .capacity, .instructions:
            first != Subject.pgbench.name
        }
    }
}

/// Who does the work.
enum Subject: Sendable {
    case pgbench
    case offersd(OffersdBuild)

    var name: String {
        switch self {
        case .pgbench: "pgbench"
        case .offersd(let build): build.name
        }
    }

    var build: OffersdBuild? {
        switch self {
        case .pgbench: nil
        case .offersd(let build): build
        }
    }
}
